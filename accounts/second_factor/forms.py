"""The forms of the second factor."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class CodeForm(forms.Form):
    """Six digits of the app, or a recovery code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        error_messages={"required": _("Enter a code.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
    )


class ProofForm(forms.Form):
    """The password, or a code; empty ones are for ``proof.prove`` to judge.

    Attributes:
        asked: what is asked for, as ``proof.asked_of`` has it.
        proof_field: the name of the field that takes it.
    """

    password = forms.CharField(
        label=_("Your password"),
        required=False,
        strip=False,
        max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    code = forms.CharField(
        label=_("Code from your app, or a recovery code"),
        required=False,
        max_length=40,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, asked: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked = asked
        self.proof_field = "password" if asked == "password" else "code"
        del self.fields["code" if asked == "password" else "password"]
        if asked == "passkey":
            self.fields["code"].label = _("Or a recovery code")


class PasskeyNameForm(forms.Form):
    passkey = forms.IntegerField(widget=forms.HiddenInput)
    name = forms.CharField(label=_("Name"), max_length=64, help_text=_("So that you know it again, e.g. “Ward phone”."))
