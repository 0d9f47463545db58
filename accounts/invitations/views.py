"""The page of those who invite, and the page of whoever follows the link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from .forms import AcceptForm, InvitationForm
from .inviting import InvitationRefused, MailNotSent, accept, find, invite, send_again, withdraw
from .rules import may_invite, open_invitations

if TYPE_CHECKING:
    from accounts.models import User

LIST = "accounts:invitations:list"


def _inviter(request: HttpRequest) -> User:
    if not may_invite(request.user):
        raise Http404
    return cast("User", request.user)


@login_required
def invitations(request: HttpRequest) -> HttpResponse:
    user = _inviter(request)
    form = InvitationForm(request.POST or None, by=user)
    if request.method == "POST" and form.is_valid():
        try:
            invitation = invite(by=user, request=request, **form.cleaned_data)
        except InvitationRefused as refused:
            form.add_error(refused.field, str(refused))
        except MailNotSent as problem:
            messages.warning(request, str(problem))
            return redirect(LIST)
        else:
            messages.success(request, _("An invitation is on its way to %(email)s.") % {"email": invitation.email})
            return redirect(LIST)
    rows = open_invitations(user).select_related("invited_by").prefetch_related("sites")
    return render(request, "invitations/list.html", {"form": form, "invitations": rows})


@login_required
@require_POST
def resend(request: HttpRequest, pk: int) -> HttpResponse:
    user = _inviter(request)
    invitation = get_object_or_404(open_invitations(user), pk=pk)
    try:
        send_again(invitation, by=user, request=request)
    except (InvitationRefused, MailNotSent) as problem:
        messages.warning(request, str(problem))
    else:
        text = _("A new link is on its way to %(email)s; the old one no longer works.")
        messages.success(request, text % {"email": invitation.email})
    return redirect(LIST)


@login_required
@require_POST
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    user = _inviter(request)
    invitation = get_object_or_404(open_invitations(user), pk=pk)
    withdraw(invitation, by=user)
    messages.success(request, _("The invitation to %(email)s has been withdrawn.") % {"email": invitation.email})
    return redirect(LIST)


@sensitive_post_parameters("password1", "password2")
@never_cache
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Open to everybody: the token in the address is the key."""
    invitation = find(token)
    if invitation is None:
        return render(request, "invitations/gone.html", status=410)
    if request.user.is_authenticated:
        return render(request, "invitations/logged_in.html", {"invitation": invitation})
    form = AcceptForm(request.POST or None, email=invitation.email)
    if form.is_valid():
        try:
            user: Any = accept(invitation, user=form.save(commit=False))
        except InvitationRefused:
            return render(request, "invitations/gone.html", status=410)
        login(request, user, backend="accounts.backends.RoleBackend")
        messages.success(request, _("Welcome. Your account is ready."))
        # Where the role asks for a second factor, the next page is the one that sets it up.
        return redirect(resolve_url(settings.LOGIN_REDIRECT_URL))
    return render(request, "invitations/accept.html", {"form": form, "invitation": invitation})
