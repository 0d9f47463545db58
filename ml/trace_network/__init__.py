"""The classifier that reads signals, not pixels: typical beats, rhythm strip and measurements → class probabilities.

It never sees the page, so neither paper, print nor layout can help it.
"""
