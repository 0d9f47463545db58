"""The forms of the upload page and the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout
from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from accounts.models import Site
from diagnosis.models import Diagnosis
from diagnosis.selectors import NOT_SURE
from ml import decode

if TYPE_CHECKING:
    from django.db.models import QuerySet

# Both kinds: phones go by media type, some desktops by extension.
ACCEPT = ",".join((*dict.fromkeys(decode.MEDIA_TYPES.values()), *decode.EXTENSIONS))


class MultipleFileInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class MultipleFileField(forms.FileField):
    """Several files in one field; ``intake`` judges what is in them, so nothing but their presence is checked."""

    widget = MultipleFileInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = [file for file in data or [] if file] if isinstance(data, (list, tuple)) else [data] if data else []
        if self.required and not files:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        return files


class UploadForm(forms.Form):
    """One or several files and what is known about them."""

    file = MultipleFileField(
        label=_("ECG pages"),
        allow_empty_file=True,
        error_messages={"required": _("Choose at least one file.")},
        widget=MultipleFileInput(attrs={"accept": ACCEPT}),
    )
    site = forms.ModelChoiceField(label=_("Site"), queryset=Site.objects.none(), empty_label=None)
    patient_reference = forms.CharField(
        label=_("Patient reference"),
        max_length=64,
        required=False,
        help_text=_("Your own identifier, so that you find the page again. No names, please."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    note = forms.CharField(label=_("Note"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *args: Any, sites: QuerySet[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        site_field = cast("forms.ModelChoiceField[Site]", self.fields["site"])
        site_field.queryset = sites
        choices = list(sites[:2])
        if len(choices) == 1:
            site_field.initial = choices[0]
            site_field.widget = forms.HiddenInput()
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True
        self.helper.layout = Layout("site", "patient_reference", "note")


class HistoryFilterForm(forms.Form):
    """What the history can be narrowed by. Lives in the address, so that a search can be kept and shared."""

    q = forms.CharField(
        label=_("Search"),
        max_length=200,
        required=False,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Reference, note, file name, checksum"), "autocomplete": "off"}
        ),
    )
    label = forms.ChoiceField(
        label=_("Result"),
        required=False,
        choices=[("", _("Any result")), *Diagnosis.Label.choices, (NOT_SURE, _("Not sure"))],
    )
    state = forms.ChoiceField(
        label=_("State"), required=False, choices=[("", _("Any state")), *Diagnosis.State.choices]
    )
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", _("The end of the range lies before its start."))
        return cleaned
