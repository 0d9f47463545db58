"""Every address of Isoline."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

from .health import healthz, readyz
from .metrics import metrics

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("language/", set_language, name="set_language"),
    # Not below the namespace of accounts: the library looks for it under this name alone.
    path("accounts/passkeys/", include("accounts.second_factor.ceremony_urls")),
    path("accounts/", include("accounts.urls")),
    path("api/v1/", include("diagnosis.api.urls")),
    path("", include("diagnosis.urls")),
    path("", include("diagnosis.documents.urls")),
    path("", include("diagnosis.fhir.urls")),
]
