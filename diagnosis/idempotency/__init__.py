"""Requests that may be sent again: the same key gets the first answer, and nothing is made twice."""
