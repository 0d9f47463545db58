"""Inviting somebody, and becoming somebody."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.utils.translation import gettext_lazy as _

from accounts.models import Role, Site, User
from accounts.permissions import sites_open_to

from .rules import roles_granted_by


class InvitationForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    role = forms.ChoiceField(label=_("Role"))
    sites = forms.ModelMultipleChoiceField(
        label=_("Sites"), queryset=Site.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by = by
        role = cast("forms.ChoiceField", self.fields["role"])
        sites = cast("forms.ModelMultipleChoiceField", self.fields["sites"])
        role.choices = [(granted.value, granted.label) for granted in roles_granted_by(by)]
        sites.queryset = sites_open_to(by)
        if sites.queryset.count() == 1 and not by.is_administrator:
            sites.initial = sites.queryset

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("role") not in (None, Role.ADMINISTRATOR) and not cleaned.get("sites") and "sites" in cleaned:
            self.add_error("sites", _("Choose at least one site; without one the person would see no pages."))
        return cleaned


class AcceptForm(UserCreationForm):
    """Name and password of the new account; its role and sites are the invitation's."""

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name")

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A password that looks like the address is refused, too.
        self.instance.email = email
        self.fields["first_name"].required = self.fields["last_name"].required = True
        self.fields["username"].widget.attrs["autocomplete"] = "username"
        self.fields["first_name"].widget.attrs["autocomplete"] = "given-name"
        self.fields["last_name"].widget.attrs["autocomplete"] = "family-name"
