"""How a person gets an account: a link by mail that works once."""
