"""Who did what, when and from where: a log that only grows and shows it when it was tampered with."""
