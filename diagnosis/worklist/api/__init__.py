"""API v1 of batches."""
