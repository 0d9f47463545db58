from __future__ import annotations

from django.urls import path

from . import views

app_name = "invitations"

urlpatterns = [
    path("", views.invitations, name="list"),
    path("<int:pk>/send/", views.resend, name="resend"),
    path("<int:pk>/withdraw/", views.take_back, name="withdraw"),
    path("accept/<str:token>/", views.accept_invitation, name="accept"),
]
