from __future__ import annotations

from django.urls import include, path

from . import token_views, views

app_name = "accounts"

urlpatterns = [
    path("", views.account, name="account"),
    path("second-factor/", include("accounts.second_factor.urls")),
    path("sessions/", include("accounts.sessions.urls")),
    path("invitations/", include("accounts.invitations.urls")),
    path("login/", views.SignInView.as_view(), name="login"),
    path("logout/", views.SignOutView.as_view(), name="logout"),
    path("password/", views.ChangePasswordView.as_view(), name="password_change"),
    path("password/forgotten/", views.ForgottenPasswordView.as_view(), name="password_reset"),
    path("password/forgotten/sent/", views.ForgottenPasswordSentView.as_view(), name="password_reset_sent"),
    path("password/new/<uidb64>/<token>/", views.NewPasswordView.as_view(), name="password_new"),
    path("tokens/new/", token_views.NewTokenView.as_view(), name="token_new"),
    path("tokens/<uuid:pk>/revoke/", token_views.RevokeTokenView.as_view(), name="token_revoke"),
]
