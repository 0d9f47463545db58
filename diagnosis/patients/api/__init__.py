"""API v1 of patients."""
