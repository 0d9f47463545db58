"""One's own second factor: what there is, setting it up, taking it away, and “is it you?”."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import segno
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django_otp import login as verify_session
from django_otp_webauthn.models import WebAuthnCredential

from . import factors, fresh, recovery
from .factors import CodeRefused, factors_of, standing_of
from .forms import CodeForm, PasskeyNameForm, ProofForm
from .fresh import freshly_proved
from .proof import ProofRefused, asked_of, prove, prove_by_password

if TYPE_CHECKING:
    from accounts.models import User

OVERVIEW = "accounts:second_factor:overview"
_TOTP_KEY = "totp_key"


def person(request: HttpRequest) -> User:
    """Who is logged in; only for views that only somebody who is reaches."""
    return cast("User", request.user)


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    user = person(request)
    own = factors_of(user)
    context = {
        "factors": own,
        "is_required": standing_of(user).is_required,
        # An address of digits cannot hold a passkey; a browser would only say "security error".
        "passkeys_possible": not request.get_host().replace(":", "").replace(".", "").isdecimal(),
        "recovery_codes_run_out": own.any and own.recovery_codes_left <= 2,
    }
    return render(request, "second_factor/overview.html", context)


@login_required
@freshly_proved
def set_up_totp(request: HttpRequest) -> HttpResponse:
    user = person(request)
    if factors_of(user).totp is not None:
        return redirect(OVERVIEW)
    key = request.session.setdefault(_TOTP_KEY, factors.new_totp_key())
    form = CodeForm(request.POST or None)
    form.fields["code"].label = _("Code your app shows")
    if form.is_valid():
        try:
            device = factors.set_up_totp(user, key=key, code=form.cleaned_data["code"])
        except CodeRefused as refused:
            form.add_error("code", refused.message)
        else:
            del request.session[_TOTP_KEY]
            _stay_verified(request, device)
            messages.success(request, _("Your authenticator app is set up. It is asked for at your next log-in."))
            return redirect(OVERVIEW) if recovery.left(user) else _show_new_codes(request)
    context = {
        "form": form,
        "qr_code": _qr_code(factors.totp_address(user, key)),
        "secret": factors.totp_secret_for_people(key),
    }
    return render(request, "second_factor/totp.html", context)


def _qr_code(text: str) -> SafeString:
    drawing = io.BytesIO()
    segno.make(text, error="m").save(
        drawing, kind="svg", xmldecl=False, svgns=True, nl=False, scale=1, border=4, omitsize=True, svgclass="qr-code"
    )
    # Drawn by segno from our own text: paths and numbers, nothing that anybody typed.
    return mark_safe(drawing.getvalue().decode())  # noqa: S308


@login_required
def remove_totp(request: HttpRequest) -> HttpResponse:
    if (device := factors_of(person(request)).totp) is None:
        return redirect(OVERVIEW)
    return _remove(request, device, _("Remove the authenticator app"), _("Your authenticator app has been removed."))


@login_required
def remove_passkey(request: HttpRequest, pk: int) -> HttpResponse:
    device = WebAuthnCredential.objects.filter(user=person(request), pk=pk).first()
    if device is None:
        raise Http404
    title = _("Remove the passkey “%(name)s”") % {"name": device.name or _("Passkey")}
    return _remove(request, device, title, _("The passkey has been removed."))


def _remove(request: HttpRequest, device: Any, title: str, done: str) -> HttpResponse:
    # The password even of somebody who has a code: the phone lies beside the open screen.
    user = person(request)
    form = ProofForm(request.POST or None, asked="password")
    remaining = factors.other_device(user, than=device)
    if form.is_valid():
        try:
            prove_by_password(request, form.cleaned_data["password"])
        except ProofRefused as refused:
            form.add_error("password", refused.message)
        else:
            factors.remove(device)
            if remaining is not None:
                _stay_verified(request, remaining)
            messages.success(request, done)
            return redirect(OVERVIEW)
    context = {
        "form": form,
        "title": title,
        "is_last": remaining is None,
        "is_required": standing_of(user).is_required,
    }
    return render(request, "second_factor/remove.html", context)


def _stay_verified(request: HttpRequest, device: Any) -> None:
    """Tie the session to a factor that exists, or the next click would end it."""
    verify_session(request, device)


@login_required
@require_POST
@freshly_proved
def new_recovery_codes(request: HttpRequest) -> HttpResponse:
    if not factors_of(person(request)).any:
        return redirect(OVERVIEW)
    return _show_new_codes(request)


def _show_new_codes(request: HttpRequest) -> HttpResponse:
    # In the answer to the POST and nowhere else: "shown once" holds for the session and the history, too.
    codes = recovery.make(person(request))
    return render(request, "second_factor/recovery_codes.html", {"codes": codes})


@login_required
@freshly_proved
def add_passkey(request: HttpRequest) -> HttpResponse:
    return render(request, "second_factor/passkey.html", {"form": PasskeyNameForm()})


@login_required
@require_POST
def name_passkey(request: HttpRequest) -> HttpResponse:
    form = PasskeyNameForm(request.POST)
    if form.is_valid():
        named = WebAuthnCredential.objects.filter(user=person(request), pk=form.cleaned_data["passkey"])
        if not named.update(name=form.cleaned_data["name"]):
            raise Http404
    messages.success(request, _("Your passkey is set up."))
    if not recovery.left(person(request)) and fresh.is_fresh(request):
        return _show_new_codes(request)
    return redirect(OVERVIEW)


@login_required
def confirm(request: HttpRequest) -> HttpResponse:
    """“Is it you?”, before something that an open screen must not be enough for."""
    asked = asked_of(person(request))
    wanted = request.GET.get("next", "")
    form = ProofForm(request.POST or None, asked=asked)
    if request.method == "POST" and form.is_valid():
        try:
            prove(request, **form.cleaned_data)
        except ProofRefused as refused:
            form.add_error(form.proof_field, refused.message)
        else:
            fresh.mark(request)
            ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
            return redirect(wanted if ours else OVERVIEW)
    return render(request, "second_factor/confirm.html", {"form": form, "asked": asked})
