from __future__ import annotations

from django.urls import path

from . import views

app_name = "accounts"

urlpatterns = [
    path("", views.account, name="account"),
    path("login/", views.SignInView.as_view(), name="login"),
    path("logout/", views.SignOutView.as_view(), name="logout"),
    path("password/", views.ChangePasswordView.as_view(), name="password_change"),
    path("password/forgotten/", views.ForgottenPasswordView.as_view(), name="password_reset"),
    path("password/forgotten/sent/", views.ForgottenPasswordSentView.as_view(), name="password_reset_sent"),
    path("password/new/<uidb64>/<token>/", views.NewPasswordView.as_view(), name="password_new"),
]
