"""The log-in form. It and Django's own are drawn by crispy forms through ``templates/includes/form.html``."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .models import Role


class SignInForm(AuthenticationForm):
    error_messages = {  # noqa: RUF012  (as Django declares it)
        **AuthenticationForm.error_messages,
        "invalid_login": _("User name and password do not match. Check both; the password is case-sensitive."),
        "machine_account": _("This account is for programs. They log in with a token from the API."),
    }

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if user.role == Role.API_CLIENT:
            raise ValidationError(self.error_messages["machine_account"], code="machine_account")
