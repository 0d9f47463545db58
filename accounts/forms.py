"""Forms around signing in; all are drawn by crispy forms through ``templates/includes/form.html``."""

from __future__ import annotations

from typing import Any

from crispy_forms.helper import FormHelper
from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, PasswordResetForm, SetPasswordForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .models import Role


def fields_only() -> FormHelper:
    """A crispy helper that draws the fields and leaves form tag, button and error summary to the template."""
    helper = FormHelper()
    helper.form_tag = False
    helper.disable_csrf = True
    helper.form_show_errors = True
    return helper


class CrispyForm(forms.Form):
    """Gives a form its helper, and tells screen readers which fields need attention."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = fields_only()


class SignInForm(CrispyForm, AuthenticationForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("User name and password do not match. Check both; the password is case-sensitive."),
        "machine_account": _("This account is for programs. They log in with a token from the API."),
    }

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if user.role == Role.API_CLIENT:
            raise ValidationError(self.error_messages["machine_account"], code="machine_account")


class ChangePasswordForm(CrispyForm, PasswordChangeForm):
    pass


class ForgottenPasswordForm(CrispyForm, PasswordResetForm):
    pass


class NewPasswordForm(CrispyForm, SetPasswordForm):
    pass
