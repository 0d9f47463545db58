"""What a role asks of those who hold it when they log in."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, User


class RolePolicy(models.Model):
    """A role without a row asks for nothing beyond a password.

    API clients are programs: they never log in in a browser, nobody is there to type a code, and a secret for codes
    that lies beside the password on the same machine is no second factor. Their policy cannot ask for one; what
    protects them is that their tokens expire and can be ended.
    """

    role = models.CharField(_("role"), max_length=20, choices=Role, unique=True)
    second_factor_required = models.BooleanField(
        _("second factor required"),
        default=False,
        help_text=_("Who has none is led to set one up at log-in and can do nothing else before."),
    )
    # Off unless somebody must: NIST SP 800-63B (5.1.1.2) advises against changing passwords by the calendar, because
    # people then choose weaker ones that follow a pattern.
    password_max_age_days = models.PositiveSmallIntegerField(
        _("password expires after (days)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_(
            "Empty: passwords do not expire. NIST SP 800-63B advises against expiry; set it only where a rule of "
            "your house demands it."
        ),
    )

    class Meta:
        ordering = ("role",)
        verbose_name = _("log-in rules of a role")
        verbose_name_plural = _("log-in rules of roles")

    def __str__(self) -> str:
        return str(self.get_role_display())

    def clean(self) -> None:
        if self.role == Role.API_CLIENT and (self.second_factor_required or self.password_max_age_days):
            raise ValidationError(
                _("API clients are programs: nobody is there to enter a code or to choose a new password."),
                code="machine_account",
            )


def role_in_force(user: User) -> str:
    """The role whose rules hold for the user; a superuser is an administrator whatever the role says."""
    return Role.ADMINISTRATOR if user.is_administrator else user.role
