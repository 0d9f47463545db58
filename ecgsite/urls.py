"""Every address of Isoline."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from .health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("api/v1/", include("diagnosis.api.urls")),
    path("", include("diagnosis.urls")),
]
