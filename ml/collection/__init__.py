"""A collection of pages: what is in it, what repeats, and how it becomes a data folder that can be trained on."""
