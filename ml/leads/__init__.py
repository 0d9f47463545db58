"""The page's traces as signals: `reader.read_leads` takes a page image and gives twelve leads in mV.

The reader is not imported here: what only handles signals, as a web process does, does without its libraries.
"""

from ml.leads.signals import Lead, Leads, LeadsUnreadable

__all__ = ["Lead", "Leads", "LeadsUnreadable"]
