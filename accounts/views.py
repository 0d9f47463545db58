"""Signing in and out, passwords, and the page about oneself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.translation import gettext as _

from .audit.actions import Action
from .audit.log import record
from .audit.selectors import home_of, last_log_ins
from .forms import SignInForm
from .invitations.rules import may_invite
from .passwords.expiry import password_set_at
from .permissions import sites_visible_to
from .second_factor import pending
from .second_factor.factors import factors_of, has_second_factor, standing_of
from .sessions.records import live_records
from .tokens import live_tokens, revoke_tokens

if TYPE_CHECKING:
    from .models import User


class SignInView(auth.LoginView):
    authentication_form = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if not has_second_factor(user):
            return super().form_valid(form)
        pending.begin(self.request, user, next_url=self.get_redirect_url())
        return redirect("accounts:second_factor:verify")


class SignOutView(auth.LogoutView):
    """Takes ``POST`` only, so that no link or picture can sign anyone out."""


class ChangePasswordView(auth.PasswordChangeView):
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("accounts:account")

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            response = super().form_valid(form)
            revoke_tokens(form.user, by=form.user)
            record(Action.PASSWORD_CHANGED, actor=form.user, target=form.user, site=home_of(form.user))
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
        with transaction.atomic():
            response = super().form_valid(form)
            revoke_tokens(form.user, by=form.user)
            record(Action.PASSWORD_RESET, actor=form.user, target=form.user, site=home_of(form.user))
        messages.success(self.request, _("Your new password has been saved. Log in with it."))
        return response


@login_required
def account(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    context = {
        "sites": sites_visible_to(user),
        "password_set_at": password_set_at(user),
        "factors": factors_of(user),
        "second_factor_required": standing_of(user).is_required,
        "session_count": live_records(user).count(),
        "may_invite": may_invite(user),
        "tokens": live_tokens(user),
        "log_ins": last_log_ins(user),
    }
    return render(request, "accounts/account.html", context)
