"""Below the address of a reading: its report."""

from __future__ import annotations

from django.urls import path

from diagnosis.review import views

app_name = "review"

urlpatterns = [
    path("", views.ReportView.as_view(), name="report"),
    path("sign/", views.SignView.as_view(), name="sign"),
    path("send-back/", views.SendBackView.as_view(), name="send_back"),
    path("amend/", views.AmendView.as_view(), name="amend"),
    path("blind/", views.BlindView.as_view(), name="blind"),
    path("discard/", views.DiscardView.as_view(), name="discard"),
]
