"""Django admin as Isoline's administrators meet it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.audit.admin_changes import audited

if TYPE_CHECKING:
    from accounts.models import User


class IsolineAdminSite(AdminSite):
    """One way to sign in: the admin's own log-in form would know no lockout page and no notice."""

    site_header = _("Isoline administration")
    site_title = _("Isoline administration")
    index_title = _("Administration")

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Whatever is registered here, its changes stand in the audit log."""
        super().register(model_or_iterable, audited(admin_class), **options)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Call other people's apps by what they hold."""
        names = {"axes": _("Log-ins")}
        apps: list[Any] = super().get_app_list(request, app_label)
        return [{**app, "name": names.get(app["app_label"], app["name"])} for app in apps]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The front page: figures first, then what can be administered."""
        # Imported late: this module is loaded with the apps, before their models.
        from diagnosis import selectors
        from diagnosis.operations import figures

        shown = figures.of(selectors.uploads_administered_by(cast("User", request.user)))
        return super().index(request, {"figures": shown, **(extra_context or {})})

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        wanted = request.GET.get("next") or request.get_full_path()
        if self.has_permission(request):
            return redirect("admin:index")
        if request.user.is_authenticated:
            raise PermissionDenied(_("Only administrators may open this part."))
        return redirect_to_login(wanted)
