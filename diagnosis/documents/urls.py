"""The paths of documents and of their verification."""

from __future__ import annotations

from django.urls import path

from diagnosis.documents import verification_views, views

app_name = "documents"

urlpatterns = [
    path("diagnoses/<uuid:pk>/documents/", views.RequestDocumentView.as_view(), name="request"),
    path("documents/<uuid:pk>/", views.DocumentView.as_view(), name="document"),
    path("documents/<uuid:pk>/status/", views.DocumentStatusView.as_view(), name="document_status"),
    path("documents/<uuid:pk>/pdf/", views.PdfView.as_view(), name="pdf"),
    path("verify/", verification_views.VerifyView.as_view(), name="verify"),
    path("verify/<str:code>/", verification_views.VerifiedReportView.as_view(), name="verify_code"),
]
