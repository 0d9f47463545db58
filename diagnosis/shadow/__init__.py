"""Candidate models on live and reviewed pages, unseen by clinicians, and how they compare with the active one."""
