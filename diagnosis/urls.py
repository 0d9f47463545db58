"""The browser's paths: upload, result, history and the guarded pictures."""

from __future__ import annotations

from django.urls import include, path

from diagnosis import details_views, history_views, pictures, views

app_name = "diagnosis"

urlpatterns = [
    path("", views.UploadView.as_view(), name="upload"),
    path("uploads/rows/", views.UploadRowsView.as_view(), name="upload_rows"),
    path("uploads/<uuid:pk>/details/", details_views.DetailsView.as_view(), name="details"),
    path("uploads/<uuid:pk>/delete/", views.DeleteUploadView.as_view(), name="delete_upload"),
    path("uploads/<uuid:pk>/restore/", views.RestoreUploadView.as_view(), name="restore_upload"),
    path("uploads/<uuid:pk>/page/", pictures.PageImageView.as_view(), name="page_image"),
    path("uploads/<uuid:pk>/screen/", pictures.ScreenImageView.as_view(), name="screen_image"),
    path("uploads/<uuid:pk>/tiles/<int:column>/<int:row>/", pictures.TileView.as_view(), name="tile"),
    path("uploads/<uuid:pk>/thumbnail/", pictures.ThumbnailView.as_view(), name="thumbnail"),
    path("uploads/<uuid:pk>/original/", pictures.OriginalView.as_view(), name="original"),
    path("diagnoses/", history_views.HistoryView.as_view(), name="history"),
    path("diagnoses/count/", history_views.HistoryCountView.as_view(), name="history_count"),
    path("diagnoses/export.csv", history_views.HistoryExportView.as_view(), name="history_export"),
    path("diagnoses/<uuid:pk>/", views.ResultView.as_view(), name="result"),
    path("diagnoses/<uuid:pk>/status/", views.ResultStatusView.as_view(), name="result_status"),
    path("diagnoses/<uuid:pk>/tracing/", views.TracingView.as_view(), name="tracing"),
    path("diagnoses/<uuid:pk>/explain/", views.ExplainView.as_view(), name="explain"),
    path("diagnoses/<uuid:pk>/again/", views.ReadAgainView.as_view(), name="read_again"),
    path("diagnoses/<uuid:pk>/report/", include("diagnosis.review.urls")),
    path("", include("diagnosis.worklist.urls")),
    path("", include("diagnosis.patients.urls")),
    path("heatmaps/<int:pk>/layer/", pictures.HeatLayerView.as_view(), name="heat_layer"),
    path("heatmaps/<int:pk>/overlay/", pictures.OverlayView.as_view(), name="overlay"),
    path("tracings/<int:pk>/layer/", pictures.TracesView.as_view(), name="traces"),
    path("filters/", include("diagnosis.saved_filters.urls")),
    path("models/<int:pk>/", views.ModelCardView.as_view(), name="model_card"),
]
