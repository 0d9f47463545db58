"""Addresses of reports in API v1."""

from __future__ import annotations

from django.urls import path

from diagnosis.review.api import views

urlpatterns = [
    path("diagnoses/<uuid:pk>/report/", views.ReportOfDiagnosisView.as_view(), name="diagnosis-report"),
    path("diagnoses/<uuid:pk>/report/sign/", views.SignReportView.as_view(), name="diagnosis-report-sign"),
    path("diagnoses/<uuid:pk>/report/send-back/", views.SendBackReportView.as_view(), name="diagnosis-report-back"),
    path("diagnoses/<uuid:pk>/report/amend/", views.AmendReportView.as_view(), name="diagnosis-report-amend"),
    path("reports/", views.ReportListView.as_view(), name="report-list"),
    path("reports/<uuid:pk>/", views.ReportDetailView.as_view(), name="report-detail"),
]
