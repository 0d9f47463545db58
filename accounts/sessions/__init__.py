"""Where somebody is logged in, and ending it from elsewhere."""
