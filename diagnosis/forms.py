"""The forms of the upload page and the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout
from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from accounts.models import Site
from accounts.permissions import sites_visible_to
from diagnosis import selectors
from diagnosis.models import Diagnosis, ModelVersion
from diagnosis.review.models import Report
from diagnosis.searching import NO_REPORT, NOT_SURE
from ml import decode

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import User

# Of a model's checksum in an address.
MODEL_DIGITS = 12
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


class DetailsFields(forms.Form):
    """What is noted of a page; ``intake`` judges it more closely."""

    patient_reference = forms.CharField(
        label=_("Patient reference"),
        max_length=64,
        required=False,
        help_text=_(
            "Your own identifier, so that you find the page again. No names, please. "
            "The patient ID in a DICOM file is not taken over."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    recorded_at = forms.DateTimeField(
        label=_("Recorded"),
        required=False,
        help_text=_("Day and time printed on the page. A patient’s pages stand in this order."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        error_messages={"invalid": _("Enter day and time, such as 2026-11-22 14:30.")},
    )
    note = forms.CharField(label=_("Note"), max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3}))


class DetailsForm(DetailsFields):
    """Correcting what is noted of a page that is there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.form_tag = False
        self.helper.disable_csrf = True

    @staticmethod
    def field_of(code: str) -> str:
        """Which field a refusal's code speaks of."""
        return next(name for name in DetailsFields.base_fields if code.startswith(name))


class UploadForm(DetailsFields):
    """One or several files and what is known about them."""

    file = MultipleFileField(
        label=_("ECG pages"),
        allow_empty_file=True,
        error_messages={"required": _("Choose at least one file.")},
        widget=MultipleFileInput(attrs={"accept": ACCEPT}),
    )
    site = forms.ModelChoiceField(label=_("Site"), queryset=Site.objects.none(), empty_label=None)

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
        self.helper.layout = Layout("site", *(name for name in DetailsFields.base_fields if name in self.fields))


def _percent() -> forms.NumberInput:
    return forms.NumberInput({"min": 0, "max": 100, "step": 1, "inputmode": "numeric"})


class HistoryFilterForm(forms.Form):
    """What the history can be narrowed by. Lives in the address, so that a search can be kept and shared."""

    # What is seldom asked for stands behind a fold.
    SELDOM = ("site", "reviewer", "agreement", "model", "confidence_from", "confidence_to")

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
    site = forms.ModelChoiceField(
        label=_("Site"), required=False, queryset=Site.objects.none(), empty_label=_("Any site")
    )
    reviewer = forms.ChoiceField(label=_("Signed by"), required=False)
    agreement = forms.ChoiceField(
        label=_("Report"),
        required=False,
        choices=[("", _("Any report or none")), *Report.Verdict.choices, (NO_REPORT, _("No signed report"))],
    )
    model = forms.ChoiceField(label=_("Model"), required=False)
    confidence_from = forms.IntegerField(
        label=_("Confidence from, %"), required=False, min_value=0, max_value=100, widget=_percent()
    )
    confidence_to = forms.IntegerField(
        label=_("Confidence to, %"), required=False, min_value=0, max_value=100, widget=_percent()
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Site]", self.fields["site"]).queryset = sites_visible_to(user)
        people = selectors.reviewers_visible_to(user)
        cast("forms.ChoiceField", self.fields["reviewer"]).choices = [
            ("", _("Anybody")),
            *((person.get_username(), str(person)) for person in people),
        ]
        cast("forms.ChoiceField", self.fields["model"]).choices = [
            ("", _("Any model")),
            *((model.sha256[:MODEL_DIGITS], str(model)) for model in ModelVersion.objects.all()),
        ]

    @property
    def often(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in self.SELDOM]

    @property
    def seldom(self) -> list[forms.BoundField]:
        return [field for field in self if field.name in self.SELDOM]

    @property
    def asks_for_the_seldom(self) -> bool:
        """Whether the fold has to be open."""
        return any(self.data.get(name) for name in self.SELDOM)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        since, until = cleaned.get("since"), cleaned.get("until")
        if since and until and since > until:
            self.add_error("until", _("The end of the range lies before its start."))
        lowest, highest = cleaned.get("confidence_from"), cleaned.get("confidence_to")
        if lowest is not None and highest is not None and lowest > highest:
            self.add_error("confidence_to", _("The end of the range lies before its start."))
        return cleaned

    def wanted(self) -> dict[str, Any]:
        """The filters as ``selectors.history`` takes them; what makes no sense narrows nothing."""
        given = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        if site := given.pop("site", None):
            given["site"] = site.pk
        for field, name in (("confidence_from", "confidence_min"), ("confidence_to", "confidence_max")):
            if field in given:
                given[name] = given.pop(field) / 100
        if "q" in given:
            given["search"] = given.pop("q")
        return given
