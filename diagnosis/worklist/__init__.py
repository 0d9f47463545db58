"""What is to be done: the lists of pages, who takes which, and many files at once."""
