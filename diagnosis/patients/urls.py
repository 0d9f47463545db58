"""The addresses of patients and comparisons."""

from __future__ import annotations

from django.urls import path

from diagnosis.patients import views

app_name = "patients"

urlpatterns = [
    path("patients/", views.PatientsView.as_view(), name="patients"),
    # A site's reference may hold any character that can be seen, a slash too.
    path("patients/<int:site>/<path:reference>/", views.PatientView.as_view(), name="patient"),
    path("compare/", views.CompareView.as_view(), name="compare"),
]
