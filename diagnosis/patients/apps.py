"""The Django app of patients' pages over time. It has no rows of its own."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PatientsConfig(AppConfig):
    name = "diagnosis.patients"
    label = "patients"
    verbose_name = _("Patients")
