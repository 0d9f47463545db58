"""The report as a document: a PDF rendered by a worker, stored, served to those allowed, verified by its code."""
