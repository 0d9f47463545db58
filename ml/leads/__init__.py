"""The page's traces as signals: `read_leads` takes a page image and gives twelve leads in mV."""

from ml.leads.reader import read_leads
from ml.leads.signals import Lead, Leads, LeadsUnreadable

__all__ = ["Lead", "Leads", "LeadsUnreadable", "read_leads"]
