from __future__ import annotations

from django.urls import path

from . import views

app_name = "sessions"

urlpatterns = [
    path("", views.session_list, name="list"),
    path("<int:pk>/end/", views.revoke, name="revoke"),
    path("end-others/", views.revoke_others, name="revoke_others"),
]
