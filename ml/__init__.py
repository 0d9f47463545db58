"""The science of reading ECG pages. Imports no Django; usable alone as ``python -m ml``."""
