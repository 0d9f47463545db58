"""Pages, readings and models in Django admin: for looking, and for a few actions that ask before they act.

History is never edited here. Rows come from ``selectors``, so that only administrators see any.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from diagnosis import deletion, model_registry, pipeline, selectors
from diagnosis.models import Diagnosis, Heatmap, ModelVersion, Upload
from ml.errors import BundleCorrupt

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from accounts.models import User


class HistoryAdmin(admin.ModelAdmin):
    """For rows that are written by the application alone."""

    actions_on_bottom = True
    # What a key typed into the search field may be the key of.
    key_fields: tuple[str, ...] = ()

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

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Who may run the actions below (``permissions=["act"]``)."""
        return bool(request.user.is_active and getattr(request.user, "is_administrator", False))

    def confirmed(
        self, request: HttpRequest, rows: QuerySet[Any], *, action: str, question: str, consequence: str
    ) -> HttpResponse | None:
        """None once the administrator has said yes; until then the page that asks."""
        if request.POST.get("confirmed") == "yes":
            return None
        context = self.admin_site.each_context(request) | {
            "title": question,
            "consequence": consequence,
            "rows": rows,
            "action": action,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/diagnosis/confirm.html", context)

    def report(self, request: HttpRequest, done: int, problems: list[str]) -> None:
        if done:
            text = ngettext("Done for %(count)d row.", "Done for %(count)d rows.", done) % {"count": done}
            self.message_user(request, text, messages.SUCCESS)
        for problem in problems:
            self.message_user(request, problem, messages.WARNING)


@admin.register(Upload)
class UploadAdmin(HistoryAdmin):
    list_display = ("small_picture", "name", "site", "uploaded_by", "created_at", "patient_reference", "is_deleted")
    list_display_links = ("small_picture", "name")
    list_filter = ("site", "media_type", ("deleted_at", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("original_name", "patient_reference", "sha256__startswith", "uploaded_by__username")
    key_fields = ("pk",)
    date_hierarchy = "created_at"
    list_per_page = 50
    actions = ("delete_pages", "restore_pages", "erase_pages")
    fieldsets = (
        (None, {"fields": ("large_picture", "readings")}),
        (gettext_lazy("Where it came from"), {"fields": ("site", "uploaded_by", "created_at")}),
        (gettext_lazy("What was said with it"), {"fields": ("patient_reference", "note")}),
        (
            gettext_lazy("File"),
            {"fields": ("original_name", "media_type", "byte_size", "sha256", "page_number", "width", "height")},
        ),
        (gettext_lazy("Deletion"), {"fields": ("deleted_at", "deleted_by")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Upload]:
        return selectors.uploads_administered_by(_user(request))

    @admin.display(description=gettext_lazy("page"))
    def small_picture(self, upload: Upload) -> SafeString:
        return _picture(reverse("diagnosis:thumbnail", args=[upload.pk]), height=48, alt="")

    @admin.display(description=gettext_lazy("page"))
    def large_picture(self, upload: Upload) -> SafeString:
        return _picture(reverse("diagnosis:page_image", args=[upload.pk]), height=360, alt=_("The page"))

    @admin.display(description=gettext_lazy("file"), ordering="original_name")
    def name(self, upload: Upload) -> str:
        return upload.original_name if upload.page_number == 1 else f"{upload.original_name} · {upload.page_number}"

    @admin.display(description=gettext_lazy("deleted"), boolean=True, ordering="deleted_at")
    def is_deleted(self, upload: Upload) -> bool:
        return upload.deleted_at is not None

    @admin.display(description=gettext_lazy("readings"))
    def readings(self, upload: Upload) -> SafeString | str:
        links = (
            (reverse("admin:diagnosis_diagnosis_change", args=[reading.pk]), str(reading), reading.created_at)
            for reading in upload.diagnoses.all()
        )
        return format_html_join("", '<a href="{}">{}</a> ({:%Y-%m-%d %H:%M})<br>', links) or "–"

    @admin.action(description=gettext_lazy("Delete selected pages (can be undone)"), permissions=["act"])
    def delete_pages(self, request: HttpRequest, rows: QuerySet[Upload]) -> HttpResponse | None:
        rows = rows.filter(deleted_at__isnull=True)
        return self._one_by_one(
            request,
            rows,
            deletion.delete,
            action="delete_pages",
            question=_("Delete these pages?"),
            consequence=_("They and their readings disappear from the history. You can restore them here."),
        )

    @admin.action(description=gettext_lazy("Restore selected pages"), permissions=["act"])
    def restore_pages(self, request: HttpRequest, rows: QuerySet[Upload]) -> HttpResponse | None:
        rows = rows.filter(deleted_at__isnull=False)
        return self._one_by_one(
            request,
            rows,
            deletion.restore,
            action="restore_pages",
            question=_("Restore these pages?"),
            consequence=_("They and their readings appear in the history of their sites again."),
        )

    @admin.action(description=gettext_lazy("Erase selected deleted pages for good"), permissions=["act"])
    def erase_pages(self, request: HttpRequest, rows: QuerySet[Upload]) -> HttpResponse | None:
        rows = rows.filter(deleted_at__isnull=False)
        return self._one_by_one(
            request,
            rows,
            deletion.erase,
            action="erase_pages",
            question=_("Erase these pages for good?"),
            consequence=_("Pages, original files, readings and heatmaps are removed. This cannot be undone."),
        )

    def _one_by_one(
        self, request: HttpRequest, rows: QuerySet[Upload], act: Callable[[Upload, User], object], **words: str
    ) -> HttpResponse | None:
        if not rows.exists():
            self.message_user(request, _("None of the selected pages can be treated like this."), messages.WARNING)
            return None
        if ask := self.confirmed(request, rows, **words):
            return ask
        done, problems = 0, []
        for upload in rows:
            try:
                act(upload, _user(request))
            except (deletion.CannotRestore, deletion.NotDeleted, PermissionDenied) as problem:
                problems.append(f"{upload}: {problem}")
            else:
                done += 1
        self.report(request, done, problems)
        return None


class HeatmapInline(admin.TabularInline):
    model = Heatmap
    fields = ("method", "label", "picture")
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("page with the heat drawn on it"))
    def picture(self, heatmap: Heatmap) -> SafeString:
        return _picture(reverse("diagnosis:overlay", args=[heatmap.pk]), height=360, alt=str(heatmap))


@admin.register(Diagnosis)
class DiagnosisAdmin(HistoryAdmin):
    list_display = (
        *("small_picture", "id", "state", "answer", "attempts", "reason"),
        *("site", "requested_by", "created_at", "seconds"),
    )
    list_display_links = ("small_picture", "id")
    list_filter = ("state", "label", "abstained", "reason", "model_version", "upload__site", "created_at")
    search_fields = (
        *("upload__original_name", "upload__patient_reference", "upload__sha256__startswith"),
        *("reason", "error"),
    )
    key_fields = ("pk", "upload")
    date_hierarchy = "created_at"
    list_per_page = 50
    inlines = (HeatmapInline,)
    actions = ("requeue",)
    fieldsets = (
        (None, {"fields": ("page", "state", "answer", "confidence", "probabilities", "warnings", "crop")}),
        (gettext_lazy("Model"), {"fields": ("model_version", "model_checksum")}),
        (
            gettext_lazy("How it went"),
            {
                "fields": (
                    *("attempts", "reason", "message", "technical_error"),
                    *("requested_by", "created_at", "started_at", "finished_at"),
                    *("dispatched_at", "sent_count", "resend_at", "claimed_by", "leased_until"),
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Diagnosis]:
        return selectors.diagnoses_administered_by(_user(request))

    @admin.display(description=gettext_lazy("page"))
    def small_picture(self, diagnosis: Diagnosis) -> SafeString:
        return _picture(reverse("diagnosis:thumbnail", args=[diagnosis.upload_id]), height=48, alt="")

    @admin.display(description=gettext_lazy("page"))
    def page(self, diagnosis: Diagnosis) -> SafeString:
        address = reverse("admin:diagnosis_upload_change", args=[diagnosis.upload_id])
        return format_html('<a href="{}">{}</a>', address, diagnosis.upload)

    @admin.display(description=gettext_lazy("site"), ordering="upload__site__name")
    def site(self, diagnosis: Diagnosis) -> str:
        return diagnosis.upload.site.name

    @admin.display(description=gettext_lazy("result"), ordering="label")
    def answer(self, diagnosis: Diagnosis) -> str:
        return _("Not sure") if diagnosis.abstained else diagnosis.get_label_display() or "–"

    @admin.display(description=gettext_lazy("seconds"))
    def seconds(self, diagnosis: Diagnosis) -> str:
        if diagnosis.finished_at is None:
            return "–"
        return f"{(diagnosis.finished_at - diagnosis.created_at).total_seconds():.1f}"

    @admin.display(description="SHA-256")
    def model_checksum(self, diagnosis: Diagnosis) -> str:
        return diagnosis.model_version.sha256 if diagnosis.model_version else "–"

    @admin.display(description=gettext_lazy("technical error of the last failed attempt"))
    def technical_error(self, diagnosis: Diagnosis) -> SafeString | str:
        return format_html("<pre>{}</pre>", diagnosis.error) if diagnosis.error else "–"

    @admin.action(description=gettext_lazy("Re-queue: have the pages read again"), permissions=["act"])
    def requeue(self, request: HttpRequest, rows: QuerySet[Diagnosis]) -> HttpResponse | None:
        rows = rows.filter(upload__deleted_at__isnull=True)
        if not rows.exists():
            self.message_user(request, _("The pages of these readings are deleted."), messages.WARNING)
            return None
        if ask := self.confirmed(
            request,
            rows,
            action="requeue",
            question=_("Have these pages read again?"),
            consequence=_(
                "An ended reading stays as it is and a new one is made with the active model. "
                "A waiting one is sent to the queue once more. A page that is being read is left alone."
            ),
        ):
            return ask
        # Two readings of one page ask for one new reading.
        chosen = {diagnosis.upload_id: diagnosis for diagnosis in rows}
        for diagnosis in chosen.values():
            pipeline.requeue(diagnosis, requested_by=_user(request))
        self.report(request, len(chosen), [])
        return None


@admin.register(ModelVersion)
class ModelVersionAdmin(HistoryAdmin):
    list_display = ("__str__", "is_active", "short_checksum", "registered_at", "activated_at", "activated_by", "used")
    list_filter = ("is_active", "name")
    search_fields = ("name", "version", "sha256__startswith")
    actions = ("activate",)
    fieldsets = (
        (None, {"fields": ("name", "version", "is_active", "activated_at", "activated_by")}),
        (gettext_lazy("Bundle"), {"fields": ("sha256", "path", "classes", "registered_at")}),
        (gettext_lazy("Model card"), {"fields": ("card_text",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        return selectors.model_versions_administered_by(_user(request)).annotate(readings=Count("diagnosis"))

    @admin.display(description="SHA-256", ordering="sha256")
    def short_checksum(self, version: ModelVersion) -> str:
        return version.sha256[:12]

    @admin.display(description=gettext_lazy("readings"), ordering="readings")
    def used(self, version: Any) -> int:
        return int(version.readings)

    @admin.display(description=gettext_lazy("model card"))
    def card_text(self, version: ModelVersion) -> SafeString | str:
        return format_html("<pre>{}</pre>", version.card) if version.card else "–"

    @admin.action(
        description=gettext_lazy("Activate: have this model read every page from now on"), permissions=["act"]
    )
    def activate(self, request: HttpRequest, rows: QuerySet[ModelVersion]) -> HttpResponse | None:
        version = rows.first()
        if version is None or rows.count() != 1:
            self.message_user(request, _("Choose exactly one model."), messages.WARNING)
            return None
        if ask := self.confirmed(
            request,
            rows,
            action="activate",
            question=_("Activate this model?"),
            consequence=_("It reads every page from now on. Readings already made keep the model that made them."),
        ):
            return ask
        try:
            model_registry.activate(version, _user(request))
        except BundleCorrupt as problem:
            self.message_user(request, str(problem), messages.ERROR)
        else:
            self.report(request, 1, [])
        return None


def _user(request: HttpRequest) -> User:
    # The admin site lets nobody in who is not signed in.
    return cast("User", request.user)


def _picture(address: str, *, height: int, alt: str) -> SafeString:
    return format_html('<img src="{}" height="{}" alt="{}" loading="lazy">', address, height, alt)
