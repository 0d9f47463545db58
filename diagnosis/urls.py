"""The browser's paths: upload, result, history and the guarded pictures."""

from __future__ import annotations

from django.urls import path

from diagnosis import pictures, views

app_name = "diagnosis"

urlpatterns = [
    path("", views.UploadView.as_view(), name="upload"),
    path("uploads/rows/", views.UploadRowsView.as_view(), name="upload_rows"),
    path("uploads/<uuid:pk>/delete/", views.DeleteUploadView.as_view(), name="delete_upload"),
    path("uploads/<uuid:pk>/restore/", views.RestoreUploadView.as_view(), name="restore_upload"),
    path("uploads/<uuid:pk>/page/", pictures.PageImageView.as_view(), name="page_image"),
    path("uploads/<uuid:pk>/thumbnail/", pictures.ThumbnailView.as_view(), name="thumbnail"),
    path("uploads/<uuid:pk>/original/", pictures.OriginalView.as_view(), name="original"),
    path("diagnoses/", views.HistoryView.as_view(), name="history"),
    path("diagnoses/<uuid:pk>/", views.ResultView.as_view(), name="result"),
    path("diagnoses/<uuid:pk>/status/", views.ResultStatusView.as_view(), name="result_status"),
    path("diagnoses/<uuid:pk>/tracing/", views.TracingView.as_view(), name="tracing"),
    path("diagnoses/<uuid:pk>/explain/", views.ExplainView.as_view(), name="explain"),
    path("diagnoses/<uuid:pk>/again/", views.ReadAgainView.as_view(), name="read_again"),
    path("heatmaps/<int:pk>/layer/", pictures.HeatLayerView.as_view(), name="heat_layer"),
    path("heatmaps/<int:pk>/overlay/", pictures.OverlayView.as_view(), name="overlay"),
    path("tracings/<int:pk>/layer/", pictures.TracesView.as_view(), name="traces"),
    path("models/<int:pk>/", views.ModelCardView.as_view(), name="model_card"),
]
