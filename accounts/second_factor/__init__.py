"""Something one has beside something one knows: one-time codes, passkeys, recovery codes."""
