"""Every address of Isoline."""

from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

from .health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
]
if find_spec("diagnosis.api.urls"):
    urlpatterns.append(path("api/v1/", include("diagnosis.api.urls")))
if find_spec("diagnosis.urls"):
    urlpatterns.append(path("", include("diagnosis.urls")))
