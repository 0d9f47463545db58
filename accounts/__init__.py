"""Who is asking: users, their sites and roles, sign-in, API tokens."""
