"""The second half of a log-in."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts.audit.signals import refuse_log_in
from accounts.lockout import lockout_response

from . import attempts, pending, recovery
from .factors import CodeRefused, check_code, factors_of
from .forms import CodeForm


@never_cache
def verify(request: HttpRequest) -> HttpResponse:
    """Ask for the code or the passkey of the one whose log-in waits."""
    user = pending.user_of(request)
    if user is None:
        if request.method == "POST":
            messages.info(request, _("This log-in took too long. Start again."))
        return redirect(settings.LOGIN_URL)
    if attempts.locked_out(request, user):
        return lockout_response(request)
    own = factors_of(user)
    form = CodeForm(request.POST or None)
    if own.totp is None:
        form.fields["code"].label = _("Recovery code")
        form.fields["code"].widget.attrs.pop("autofocus", None)
    if form.is_valid():
        try:
            device = check_code(user, form.cleaned_data["code"])
        except CodeRefused as refused:
            if not refused.counts:
                refuse_log_in(user.get_username(), request, reason=refused.code)
            elif attempts.count_failed_log_in(request, user):
                return lockout_response(request)
            form.add_error("code", refused.message)
        else:
            wanted = pending.next_url(request)
            pending.finish(request, user, device)
            _warn_of_last_codes(request)
            return redirect(wanted or resolve_url(settings.LOGIN_REDIRECT_URL))
    context = {"form": form, "factors": own, "name": user.get_username()}
    return render(request, "second_factor/verify.html", context)


def _warn_of_last_codes(request: HttpRequest) -> None:
    user = request.user
    if user.otp_device.name != recovery.NAME:  # type: ignore[union-attr]
        return
    left = recovery.left(user)  # type: ignore[arg-type]
    text = ngettext(
        "You used a recovery code; %(left)d is left. If your phone is lost, remove it under “Your account”.",
        "You used a recovery code; %(left)d are left. If your phone is lost, remove it under “Your account”.",
        left,
    )
    messages.warning(request, text % {"left": left})


@require_POST
def start_again(request: HttpRequest) -> HttpResponse:
    """Forget the log-in that waits."""
    pending.give_up(request)
    return redirect(settings.LOGIN_URL)
