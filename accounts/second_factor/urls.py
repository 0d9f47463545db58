from __future__ import annotations

from django.urls import path

from . import verifying, views

app_name = "second_factor"

urlpatterns = [
    path("", views.overview, name="overview"),
    path("app/", views.set_up_totp, name="totp"),
    path("app/remove/", views.remove_totp, name="remove_totp"),
    path("recovery-codes/", views.new_recovery_codes, name="recovery_codes"),
    path("passkeys/add/", views.add_passkey, name="add_passkey"),
    path("passkeys/name/", views.name_passkey, name="name_passkey"),
    path("passkeys/<int:pk>/remove/", views.remove_passkey, name="remove_passkey"),
    path("confirm/", views.confirm, name="confirm"),
    path("verify/", verifying.verify, name="verify"),
    path("verify/start-again/", verifying.start_again, name="start_again"),
]
