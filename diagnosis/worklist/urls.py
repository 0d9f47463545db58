"""The addresses of the worklist and of batches."""

from __future__ import annotations

from django.urls import path

from diagnosis.worklist import batch_views, views

app_name = "worklist"

urlpatterns = [
    path("worklist/", views.WorklistView.as_view(), name="worklist"),
    path("worklist/counts/", views.CountsView.as_view(), name="counts"),
    path("worklist/assign/", views.AssignView.as_view(), name="assign"),
    path("worklist/again/", views.TryAgainView.as_view(), name="try_again"),
    path("batches/", batch_views.BatchesView.as_view(), name="batches"),
    path("batches/<uuid:pk>/", batch_views.BatchView.as_view(), name="batch"),
    path("batches/<uuid:pk>/progress/", batch_views.BatchProgressView.as_view(), name="batch_progress"),
    path("batches/<uuid:pk>/row/", batch_views.BatchRowView.as_view(), name="batch_row"),
    path("batches/<uuid:pk>/outcome.csv", batch_views.BatchOutcomeView.as_view(), name="batch_outcome"),
    path("batches/<uuid:pk>/retry/", batch_views.BatchRetryView.as_view(), name="batch_retry"),
]
