"""What django-otp-webauthn's script asks, under the names the library looks for."""

from __future__ import annotations

from django.urls import path
from django.views.i18n import JavaScriptCatalog

from . import ceremonies

app_name = "otp_webauthn"

urlpatterns = [
    path("registration/begin/", ceremonies.BeginRegistration.as_view(), name="credential-registration-begin"),
    path("registration/complete/", ceremonies.CompleteRegistration.as_view(), name="credential-registration-complete"),
    path("authentication/begin/", ceremonies.BeginAuthentication.as_view(), name="credential-authentication-begin"),
    path(
        "authentication/complete/",
        ceremonies.CompleteAuthentication.as_view(),
        name="credential-authentication-complete",
    ),
    path("words/", JavaScriptCatalog.as_view(packages=["django_otp_webauthn"]), name="js-i18n-catalog"),
]
