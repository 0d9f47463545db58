"""What a password may not be, and how old it may get."""
