"""Pages by pseudonymous patient reference: one patient's in time order, and two side by side."""
