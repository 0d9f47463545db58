"""The evaluation report of finished runs: figures (`figures`), plots, and the pages that show them."""
