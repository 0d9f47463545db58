"""The addresses of API v1."""

from __future__ import annotations

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts.api import TokenView
from diagnosis.api import explanation_views, tracing_views, views

app_name = "api"

urlpatterns = [
    path("token/", TokenView.as_view(), name="token"),
    path("uploads/", views.UploadsView.as_view(), name="upload-list"),
    path("uploads/<uuid:pk>/", views.UploadDetailView.as_view(), name="upload-detail"),
    path("diagnoses/", views.DiagnosisListView.as_view(), name="diagnosis-list"),
    path("diagnoses/<uuid:pk>/", views.DiagnosisDetailView.as_view(), name="diagnosis-detail"),
    path("diagnoses/<uuid:pk>/explanations/", explanation_views.MethodsView.as_view(), name="diagnosis-explanations"),
    path("diagnoses/<uuid:pk>/leads/", tracing_views.LeadsView.as_view(), name="diagnosis-leads"),
    path("explanations/<uuid:pk>/", explanation_views.ExplanationDetailView.as_view(), name="explanation-detail"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api:schema", template_name="api/docs.html"),
        name="docs",
    ),
    re_path(r"^.*$", views.NothingHereView.as_view(), name="nothing-here"),
]
