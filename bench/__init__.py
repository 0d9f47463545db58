"""How fast Isoline is and how much memory it takes: ``make bench``."""
