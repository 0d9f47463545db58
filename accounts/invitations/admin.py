"""Invitations in Django admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from .inviting import InvitationRefused, MailNotSent, send_again, withdraw
from .models import Invitation

if TYPE_CHECKING:
    from accounts.models import User


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):
    """What was sent and what became of it. “Add” leads to the page that invites, with its rules."""

    list_display = ("email", "role", "site_names", "invited_by", "sent_at", "expires_at", "state")
    list_filter = ("role", "sites")
    list_select_related = ("invited_by",)
    search_fields = ("email", "accepted_by__username")
    actions = ("send_these_again", "withdraw_these")
    fields = (
        *("email", "role", "sites", "invited_by", "created_at", "sent_at", "expires_at"),
        *("state", "accepted_at", "accepted_by", "withdrawn_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        return super().get_queryset(request).prefetch_related("sites")

    @admin.display(description=_("sites"))
    def site_names(self, invitation: Invitation) -> str:
        return ", ".join(site.name for site in invitation.sites.all())

    @admin.display(description=_("state"))
    def state(self, invitation: Invitation) -> str:
        if invitation.accepted_at is not None:
            return str(_("accepted"))
        if invitation.withdrawn_at is not None:
            return str(_("withdrawn"))
        return str(_("expired")) if invitation.has_expired else str(_("open"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_administrator", False))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return redirect("accounts:invitations:list")

    @admin.action(description=_("Send again"), permissions=["act"])
    def send_these_again(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        sent = 0
        for invitation in queryset:
            try:
                send_again(invitation, by=cast("User", request.user), request=request)
                sent += 1
            except (InvitationRefused, MailNotSent) as problem:
                self.message_user(request, f"{invitation.email}: {problem}", messages.WARNING)
        if sent:
            text = ngettext("%(count)d invitation sent again.", "%(count)d invitations sent again.", sent)
            self.message_user(request, text % {"count": sent}, messages.SUCCESS)

    @admin.action(description=_("Withdraw"), permissions=["act"])
    def withdraw_these(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        count = sum(withdraw(invitation, by=cast("User", request.user)) for invitation in queryset)
        text = ngettext("%(count)d invitation withdrawn.", "%(count)d invitations withdrawn.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)
