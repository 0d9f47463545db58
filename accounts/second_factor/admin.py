"""Rules of roles in Django admin, and the action that resets somebody's second factor."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp_webauthn.models import WebAuthnCredential

from accounts.models import User

from . import factors
from .models import RolePolicy

# Whoever could read or add one here could log in as somebody else.
for device in (TOTPDevice, StaticDevice, WebAuthnCredential):
    if admin.site.is_registered(device):
        admin.site.unregister(device)


@admin.register(RolePolicy)
class RolePolicyAdmin(admin.ModelAdmin):
    list_display = ("role", "second_factor_required", "password_max_age_days")


@admin.action(description=_("Reset second factor"), permissions=["change"])
def reset_second_factor(model_admin: Any, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
    """For somebody who has lost phone and recovery codes. Asks first; ends their sessions and tokens, too."""
    rows = [user for user in queryset if model_admin.has_change_permission(request, user)]
    if request.POST.get("confirmed") != "yes":
        context = model_admin.admin_site.each_context(request) | {
            "title": _("Reset the second factor of these people?"),
            "consequence": _(
                "Apps, passkeys and recovery codes are taken away; sessions and API tokens end. Until they set up "
                "a new one, the password alone opens their account. Make sure that it is they who ask."
            ),
            "rows": rows,
            "action": "reset_second_factor",
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "opts": model_admin.opts,
        }
        return TemplateResponse(request, "admin/accounts/reset_second_factor.html", context)
    for user in rows:
        factors.reset(user, by=cast("User", request.user))
    text = ngettext(
        "The second factor of %(count)d person has been reset.",
        "The second factors of %(count)d people have been reset.",
        len(rows),
    )
    model_admin.message_user(request, text % {"count": len(rows)}, messages.SUCCESS)
    return None
