"""Telling other systems what happened: signed, retried, and written down."""
