"""The forms of the worklist and of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import Site
from diagnosis.forms import UploadForm
from diagnosis.worklist import selectors
from diagnosis.worklist.selectors import Look

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import QueryDict


class LookForm(forms.Form):
    """What the worklist can be narrowed by and ordered in. Lives in the address."""

    q = forms.CharField(
        label=_("Filter"),
        max_length=200,
        required=False,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": _("Reference or file name"), "autocomplete": "off"}
        ),
    )
    sort = forms.ChoiceField(label=_("Order"), required=False, choices=list(selectors.SORTS.items()))
    site = forms.ModelChoiceField(
        label=_("Site"), queryset=Site.objects.none(), required=False, empty_label=_("All my sites")
    )

    def __init__(self, *args: Any, sites: QuerySet[Site], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        site_field = cast("forms.ModelChoiceField[Site]", self.fields["site"])
        site_field.queryset = sites
        if len(sites[:2]) < 2:
            del self.fields["site"]
        for name, field in self.fields.items():
            field.widget.attrs["class"] = "form-control" if name == "q" else "form-select"


def look_of(query: QueryDict, *, sites: QuerySet[Site]) -> tuple[Look, LookForm]:
    """What an address asks to be shown; what is not valid in it counts as not said."""
    name = query.get("list", "")
    if name not in selectors.LISTS:
        name = selectors.WAITING
    usual = selectors.usual_sort(name)
    form = LookForm(query if query.get("sort") else {**query.dict(), "sort": usual}, sites=sites)
    form.is_valid()
    said = form.cleaned_data
    site = said.get("site")
    look = Look(
        name=name, sort=said.get("sort") or usual, search=said.get("q") or "", site_id=site.pk if site else None
    )
    return look, form


class ArchiveForm(UploadForm):
    """A ZIP archive and what is known about the pages in it."""

    file = forms.FileField(  # type: ignore[assignment]
        label=_("ZIP archive"),
        allow_empty_file=True,
        error_messages={"required": _("Choose a ZIP archive.")},
        widget=forms.ClearableFileInput(attrs={"accept": ".zip,application/zip"}),
    )
    # Of many pages at once there is no one time.
    recorded_at = None  # type: ignore[assignment]
