"""API tokens in Django admin: seen, revoked, and made for machine accounts."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .forms import TokenForm
from .models import ApiToken, User
from .tokens import machine_accounts_of, revoke, tokens_managed_by


class MakesTokens(admin.ModelAdmin):
    """The part of the list of users that makes a token for a machine account."""

    actions: tuple[Any, ...] = ("create_token",)

    def get_urls(self) -> list[Any]:
        mine = path("<int:pk>/token/", self.admin_site.admin_view(self.token_view), name="accounts_user_token")
        return [mine, *super().get_urls()]

    @admin.action(description=gettext_lazy("Create an API token for the selected machine account"))
    def create_token(self, request: HttpRequest, rows: QuerySet[User]) -> HttpResponse | None:
        chosen = list(rows[:2])
        if len(chosen) != 1 or not machine_accounts_of(_user_of(request)).filter(pk=chosen[0].pk).exists():
            text = _("Choose one active account with the role API client. People make their tokens themselves.")
            self.message_user(request, text, messages.WARNING)
            return None
        return redirect("admin:accounts_user_token", pk=chosen[0].pk)

    def token_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        owner = get_object_or_404(machine_accounts_of(_user_of(request)), pk=pk)
        if not self.has_change_permission(request, owner):
            raise PermissionDenied
        form = TokenForm(request.POST or None, request=request, owner=owner)
        made = form.make() if form.is_valid() else None
        context = self.admin_site.each_context(request) | {
            "title": _("API token for %(user)s") % {"user": owner},
            "opts": self.opts,
            "form": form,
            "owner": owner,
            "row": made[0] if made else None,
            "token": made[1] if made else "",
        }
        headers = {"Cache-Control": "no-store"}
        return TemplateResponse(request, "admin/accounts/token.html", context, headers=headers)


@admin.register(ApiToken)
class TokenAdmin(admin.ModelAdmin):
    """Tokens can be ended here. They are made by their owners, and for machine accounts from the list of users."""

    list_display = ("prefix", "name", "user", "scope_names", "created", "created_by", "last_used_at", "expiry")
    list_filter = ("user__role", "expiry")
    list_select_related = ("user", "created_by")
    search_fields = ("name", "user__username", "token_key__startswith")
    fields = list_display

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        return tokens_managed_by(_user_of(request))

    @admin.display(description=gettext_lazy("token"))
    def prefix(self, token: ApiToken) -> str:
        return token.prefix

    @admin.display(description=gettext_lazy("scopes"))
    def scope_names(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        revoke(obj, revoked_by=_user_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset.all():
            revoke(token, revoked_by=_user_of(request))


def _user_of(request: HttpRequest) -> User:
    # The admin site lets nobody in who is not signed in.
    return cast("User", request.user)
