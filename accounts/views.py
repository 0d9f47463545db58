"""Signing in and out, passwords, and the page about oneself."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _

from .forms import SignInForm
from .permissions import sites_visible_to
from .tokens import revoke_tokens


class SignInView(auth.LoginView):
    authentication_form = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True


class SignOutView(auth.LogoutView):
    """Takes ``POST`` only, so that no link or picture can sign anyone out."""


class ChangePasswordView(auth.PasswordChangeView):
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("accounts:account")

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        revoke_tokens(form.user)
        messages.success(
            self.request, _("Your password has been changed. Other sessions and API tokens have been ended.")
        )
        return response


class ForgottenPasswordView(auth.PasswordResetView):
    template_name = "accounts/password_reset.html"
    email_template_name = "accounts/mail/password_reset.txt"
    subject_template_name = "accounts/mail/password_reset_subject.txt"
    success_url = reverse_lazy("accounts:password_reset_sent")


class ForgottenPasswordSentView(auth.PasswordResetDoneView):
    template_name = "accounts/password_reset_sent.html"


class NewPasswordView(auth.PasswordResetConfirmView):
    template_name = "accounts/password_new.html"
    success_url = reverse_lazy("accounts:login")

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        revoke_tokens(form.user)
        messages.success(self.request, _("Your new password has been saved. Log in with it."))
        return response


@login_required
def account(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/account.html", {"sites": sites_visible_to(request.user)})
