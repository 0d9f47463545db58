"""The one field of the verification page."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from diagnosis.documents.verification import CODE_LENGTH, normalised


class CodeForm(forms.Form):
    """A verification code, as it is printed or as somebody types it."""

    code = forms.CharField(
        label=_("Verification code"),
        max_length=64,
        help_text=_("It stands at the top and at the foot of every report. Capitals and dashes do not matter."),
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false", "class": "code-field"}
        ),
    )

    def clean_code(self) -> str:
        code = normalised(self.cleaned_data["code"])
        if len(code) != CODE_LENGTH:
            raise forms.ValidationError(
                _("A verification code has %(number)d letters and digits. Compare it with the paper."),
                params={"number": CODE_LENGTH},
            )
        return code
