"""The addresses of the API's batches."""

from __future__ import annotations

from django.urls import path

from diagnosis.worklist.api import views

urlpatterns = [
    path("batches/", views.BatchesView.as_view(), name="batch-list"),
    path("batches/<uuid:pk>/", views.BatchDetailView.as_view(), name="batch-detail"),
]
