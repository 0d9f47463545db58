"""The addresses of API v1."""

from __future__ import annotations

from django.urls import include, path, re_path

from accounts.api import TokenView
from accounts.token_api import TokenDetailView, TokensView
from diagnosis.api import account_views, explanation_views, history, model_views, tracing_views, views
from diagnosis.api.documentation_views import DocsView, SchemaView
from diagnosis.fhir.api import FhirView
from diagnosis.webhooks.api import views as webhook_views

app_name = "api"

urlpatterns = [
    path("token/", TokenView.as_view(), name="token"),
    path("tokens/", TokensView.as_view(), name="token-list"),
    path("tokens/<uuid:pk>/", TokenDetailView.as_view(), name="token-detail"),
    path("me/", account_views.MeView.as_view(), name="me"),
    path("sites/", account_views.SitesView.as_view(), name="site-list"),
    path("models/", model_views.ModelsView.as_view(), name="model-list"),
    path("models/<int:pk>/", model_views.ModelDetailView.as_view(), name="model-detail"),
    path("uploads/", views.UploadsView.as_view(), name="upload-list"),
    path("uploads/<uuid:pk>/", views.UploadDetailView.as_view(), name="upload-detail"),
    path("diagnoses/", views.DiagnosisListView.as_view(), name="diagnosis-list"),
    path("diagnoses/export.csv", history.HistoryExportView.as_view(), name="diagnosis-export"),
    path("diagnoses/<uuid:pk>/", views.DiagnosisDetailView.as_view(), name="diagnosis-detail"),
    path("diagnoses/<uuid:pk>/explanations/", explanation_views.MethodsView.as_view(), name="diagnosis-explanations"),
    path("diagnoses/<uuid:pk>/leads/", tracing_views.LeadsView.as_view(), name="diagnosis-leads"),
    path("", include("diagnosis.review.api.urls")),
    path("diagnoses/<uuid:pk>/fhir/", FhirView.as_view(), name="diagnosis-fhir"),
    path("explanations/<uuid:pk>/", explanation_views.ExplanationDetailView.as_view(), name="explanation-detail"),
    path("webhooks/", webhook_views.WebhooksView.as_view(), name="webhook-list"),
    path("webhooks/<int:pk>/", webhook_views.WebhookDetailView.as_view(), name="webhook-detail"),
    path("webhooks/<int:pk>/test/", webhook_views.WebhookTestView.as_view(), name="webhook-test"),
    path("webhooks/<int:pk>/deliveries/", webhook_views.DeliveriesView.as_view(), name="delivery-list"),
    path("schema/", SchemaView.as_view(), name="schema"),
    path("", include("diagnosis.worklist.api.urls")),
    path("", include("diagnosis.patients.api.urls")),
    path(
        "docs/",
        DocsView.as_view(url_name="api:schema", template_name="api/docs.html"),
        name="docs",
    ),
    # A line break too is no reason to answer as to a browser.
    re_path(r"^[\s\S]*$", views.NothingHereView.as_view(), name="nothing-here"),
]
