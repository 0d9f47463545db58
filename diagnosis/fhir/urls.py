"""The browser's path of the FHIR export."""

from __future__ import annotations

from django.urls import path

from diagnosis.fhir import views

app_name = "fhir"

urlpatterns = [path("diagnoses/<uuid:pk>/fhir/", views.DownloadView.as_view(), name="download")]
