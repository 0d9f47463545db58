"""The addresses of the API's patients."""

from __future__ import annotations

from django.urls import path

from diagnosis.patients.api import views

urlpatterns = [
    path("patients/", views.PatientsView.as_view(), name="patient-list"),
    path("patients/<int:site>/<path:reference>/", views.PatientView.as_view(), name="patient-detail"),
]
