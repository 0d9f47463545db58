"""The paths of saved filters, in the namespace of the pages they belong to."""

from __future__ import annotations

from django.urls import path

from diagnosis.saved_filters import views

urlpatterns = [
    path("", views.SavedFiltersView.as_view(), name="saved_filters"),
    path("<int:pk>/rename/", views.RenameFilterView.as_view(), name="rename_filter"),
    path("<int:pk>/delete/", views.DeleteFilterView.as_view(), name="delete_filter"),
]
