"""Searches of the history under a name of one's own."""
