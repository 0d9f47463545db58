"""What the lists of Django admin have in common: rows that the application alone writes, and actions that ask first."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from functools import reduce
from http import HTTPStatus
from operator import or_
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import Role
from diagnosis import disclosure

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from accounts.models import User
    from diagnosis.models import Job, Upload


class HistoryAdmin(admin.ModelAdmin):
    """For rows that are written by the application alone."""

    actions_on_bottom = True
    # What a key typed into the search field may be the key of.
    key_fields: tuple[str, ...] = ()
    # Whether site administrators may run the actions that ask for "act", on the rows they see.
    site_administrators_act = False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        # Django compares keys as text, which SQLite stores without their dashes.
        try:
            key = uuid.UUID(search_term.strip()) if self.key_fields else None
        except ValueError:
            key = None
        if key is None:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(reduce(or_, (Q(**{field: key}) for field in self.key_fields))), False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        row = self.get_object(request, object_id) if response.status_code == HTTPStatus.OK else None
        if row is not None and (upload := self.page_of(row)) is not None:
            disclosure.page_viewed(user_of(request), row, upload, by=disclosure.ADMIN)
        return response

    def page_of(self, row: Any) -> Upload | None:
        """The patient's page that the row shows, if it shows one."""
        return None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Who may run the actions below (``permissions=["act"]``)."""
        user = user_of(request)
        of_site = self.site_administrators_act and user.role == Role.SITE_ADMINISTRATOR
        return user.is_active and (user.is_administrator or of_site)

    def confirmed(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        *,
        action: str,
        question: str,
        consequence: str,
        beside: SafeString | str = "",
    ) -> HttpResponse | None:
        """None once the administrator has said yes; until then the page that asks."""
        if request.POST.get("confirmed") == "yes":
            return None
        context = self.admin_site.each_context(request) | {
            "title": question,
            "consequence": consequence,
            "beside": beside,
            "rows": rows,
            "action": action,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/diagnosis/confirm.html", context)

    def act_on_each(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        act: Callable[[Any], object],
        *,
        refusals: type[Exception] | tuple[type[Exception], ...],
    ) -> None:
        """Do something with every row, and say of how many it was done and why not of the others."""
        done, problems = 0, []
        for row in rows:
            try:
                act(row)
            except refusals as refused:
                problems.append(f"{row}: {refused}")
            else:
                done += 1
        self.report(request, done, problems)

    def report(self, request: HttpRequest, done: int, problems: list[str]) -> None:
        if done:
            text = ngettext("Done for %(count)d row.", "Done for %(count)d rows.", done) % {"count": done}
            self.message_user(request, text, messages.SUCCESS)
        for problem in problems:
            self.message_user(request, problem, messages.WARNING)


class JobAdmin(HistoryAdmin):
    """For rows that a worker works on."""

    date_hierarchy = "created_at"
    list_per_page = 50
    how_it_went: tuple[Any, Any] = (
        gettext_lazy("How it went"),
        {
            "fields": (
                *("attempts", "reason", "message", "technical_error"),
                *("requested_by", "created_at", "started_at", "finished_at"),
                *("dispatched_at", "sent_count", "resend_at", "claimed_by", "leased_until"),
            )
        },
    )

    @staticmethod
    def upload_of(job: Any) -> Upload:
        upload: Upload = job.upload
        return upload

    def page_of(self, row: Any) -> Upload | None:
        return self.upload_of(row)

    @admin.display(description=gettext_lazy("page"))
    def small_picture(self, job: Job) -> SafeString:
        return thumbnail(self.upload_of(job))

    @admin.display(description=gettext_lazy("page"))
    def page(self, job: Job) -> SafeString:
        upload = self.upload_of(job)
        return format_html('<a href="{}">{}</a>', reverse("admin:diagnosis_upload_change", args=[upload.pk]), upload)

    @admin.display(description=gettext_lazy("site"))
    def site(self, job: Job) -> str:
        return self.upload_of(job).site.name

    @admin.display(description=gettext_lazy("seconds"))
    def seconds(self, job: Job) -> str:
        if job.finished_at is None:
            return "–"
        return f"{(job.finished_at - job.created_at).total_seconds():.1f}"

    @admin.display(description=gettext_lazy("technical error of the last failed attempt"))
    def technical_error(self, job: Job) -> SafeString | str:
        return format_html("<pre>{}</pre>", job.error) if job.error else "–"


class ReasonFilter(admin.AllValuesFieldListFilter):
    """Of reason codes, with a name for having none."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield choice | {"display": choice["display"] or _("none")}


def user_of(request: HttpRequest) -> User:
    # The admin site lets nobody in who is not signed in.
    return cast("User", request.user)


def thumbnail(upload: Upload) -> SafeString:
    return image(reverse("diagnosis:thumbnail", args=[upload.pk]), height=48, alt=str(upload))


def image(address: str, *, height: int, alt: str) -> SafeString:
    return format_html('<img src="{}" height="{}" alt="{}" loading="lazy">', address, height, alt)
