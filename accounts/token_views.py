"""API tokens in the browser: made, shown once, revoked."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from .forms import TokenForm
from .models import ApiToken, User
from .tokens import live_tokens, revoke


@method_decorator([sensitive_post_parameters("password", "code"), never_cache], name="dispatch")
class NewTokenView(LoginRequiredMixin, View):
    """Asks what the token is to be, and shows it. It goes straight into the answer, so that it is stored nowhere."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return self._ask(request, TokenForm(request=request, owner=_user_of(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = TokenForm(request.POST, request=request, owner=_user_of(request))
        made = form.make() if form.is_valid() else None
        if made is None:
            return self._ask(request, form)
        row, token = made
        return render(request, "accounts/token_made.html", {"row": row, "token": token})

    def _ask(self, request: HttpRequest, form: TokenForm) -> HttpResponse:
        return render(request, "accounts/token_new.html", {"form": form})


class RevokeTokenView(LoginRequiredMixin, View):
    """Asks, then revokes."""

    def get(self, request: HttpRequest, pk: Any) -> HttpResponse:
        return render(request, "accounts/token_revoke.html", {"token": self._token(request, pk)})

    def post(self, request: HttpRequest, pk: Any) -> HttpResponse:
        token = self._token(request, pk)
        revoke(token, revoked_by=_user_of(request))
        messages.success(request, _("The token %(name)s has been revoked.") % {"name": token.name or token.prefix})
        return redirect("accounts:account")

    def _token(self, request: HttpRequest, pk: Any) -> ApiToken:
        return get_object_or_404(live_tokens(_user_of(request)), pk=pk)


def _user_of(request: HttpRequest) -> User:
    return cast("User", request.user)
