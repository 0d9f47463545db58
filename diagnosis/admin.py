"""Pages, readings and models in Django admin: for looking, and for a few actions that ask before they act.

History is never edited here. Rows come from ``selectors``, so that administrators see all of them and site
administrators those of their own sites.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.site_filter import OwnSitesFilter
from diagnosis import deletion, explanations, model_registry, pipeline, selectors, wording
from diagnosis.history_admin import HistoryAdmin, JobAdmin, ReasonFilter, image, thumbnail, user_of
from diagnosis.messages import unread_traces
from diagnosis.models import Diagnosis, Explanation, Heatmap, ModelVersion, Upload
from diagnosis.presentation import markdown
from diagnosis.shadow.comparison import compare
from diagnosis.shadow.models import Trial
from ml.errors import BundleCorrupt
from ml.explain import METHODS, TRACE_METHODS

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from accounts.models import User


@admin.register(Upload)
class UploadAdmin(HistoryAdmin):
    list_display = ("small_picture", "name", "site", "uploaded_by", "created_at", "patient_reference", "is_deleted")
    list_display_links = ("small_picture", "name")
    list_filter = (("site", OwnSitesFilter), "media_type", ("deleted_at", admin.EmptyFieldListFilter), "created_at")
    search_fields = ("original_name", "patient_reference", "sha256__startswith", "uploaded_by__username")
    key_fields = ("pk",)
    date_hierarchy = "created_at"
    list_per_page = 50
    site_administrators_act = True
    actions = ("delete_pages", "restore_pages", "erase_pages")
    fieldsets = (
        (None, {"fields": ("large_picture", "readings")}),
        (gettext_lazy("Where it came from"), {"fields": ("site", "uploaded_by", "created_at")}),
        (gettext_lazy("What was said with it"), {"fields": ("patient_reference", "recorded_at", "note")}),
        (
            gettext_lazy("File"),
            {
                "fields": (
                    "original_name",
                    "media_type",
                    "byte_size",
                    "sha256",
                    "page_number",
                    "width",
                    "height",
                    "warnings",
                )
            },
        ),
        (gettext_lazy("Deletion"), {"fields": ("deleted_at", "deleted_by")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Upload]:
        return selectors.uploads_administered_by(user_of(request))

    def page_of(self, row: Upload) -> Upload:
        return row

    def has_erase_permission(self, request: HttpRequest) -> bool:
        """What cannot be undone is the installation's business."""
        return user_of(request).is_administrator

    @admin.display(description=gettext_lazy("page"))
    def small_picture(self, upload: Upload) -> SafeString:
        return thumbnail(upload)

    @admin.display(description=gettext_lazy("page"))
    def large_picture(self, upload: Upload) -> SafeString:
        return image(reverse("diagnosis:page_image", args=[upload.pk]), height=360, alt=_("The page"))

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

    @admin.action(description=gettext_lazy("Erase selected deleted pages for good"), permissions=["erase"])
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
        user = user_of(request)
        refusals = (deletion.CannotRestore, deletion.NotDeleted, PermissionDenied)
        self.act_on_each(request, rows, lambda upload: act(upload, user), refusals=refusals)
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
        return image(reverse("diagnosis:overlay", args=[heatmap.pk]), height=360, alt=str(heatmap))


@admin.register(Diagnosis)
class DiagnosisAdmin(JobAdmin):
    list_display = (
        *("small_picture", "id", "state", "answer", "attempts", "reason"),
        *("site", "requested_by", "created_at", "seconds"),
    )
    list_display_links = ("small_picture", "id")
    list_filter = (
        "state",
        "label",
        "abstained",
        ("reason", ReasonFilter),
        "model_version",
        ("upload__site", OwnSitesFilter),
        "created_at",
    )
    search_fields = (
        *("upload__original_name", "upload__patient_reference", "upload__sha256__startswith"),
        *("reason", "error"),
    )
    key_fields = ("pk", "upload")
    inlines = (HeatmapInline,)
    site_administrators_act = True
    actions = ("requeue",)
    fieldsets = (
        (None, {"fields": ("page", "state", "answer", "confidence", "probabilities", "possible", "warnings", "crop")}),
        (_("How it was answered"), {"fields": ("answered_by", "second_opinion", "distance")}),
        (gettext_lazy("Traces"), {"fields": ("traces", "in_words")}),
        (gettext_lazy("Model"), {"fields": ("model_version", "model_checksum")}),
        JobAdmin.how_it_went,
    )

    @admin.display(description=gettext_lazy("read"))
    def traces(self, diagnosis: Diagnosis) -> str:
        tracing = selectors.tracing_of(diagnosis)
        if tracing is None:
            return "–"
        if tracing.reason:
            return f"{tracing.reason}: {unread_traces(tracing.reason)}"
        return _("%(layout)s, scale from %(scale)s, %(quality)d %% read well") % {
            "layout": tracing.layout,
            "scale": tracing.scale_source,
            "quality": round(100 * (tracing.quality or 0)),
        }

    @admin.display(description=gettext_lazy("in words"))
    def in_words(self, diagnosis: Diagnosis) -> str:
        tracing = selectors.tracing_of(diagnosis)
        return " ".join(sentence["text"] for sentence in wording.sentences(tracing)) if tracing else "–"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Diagnosis]:
        return selectors.diagnoses_administered_by(user_of(request))

    @admin.display(description=gettext_lazy("result"), ordering="label")
    def answer(self, diagnosis: Diagnosis) -> str:
        return _("Not sure") if diagnosis.abstained else diagnosis.get_label_display() or "–"

    @admin.display(description="SHA-256")
    def model_checksum(self, diagnosis: Diagnosis) -> str:
        return diagnosis.model_version.sha256 if diagnosis.model_version else "–"

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
            pipeline.requeue(diagnosis, requested_by=user_of(request))
        self.report(request, len(chosen), [])
        return None


@admin.register(Explanation)
class ExplanationAdmin(JobAdmin):
    list_display = (
        *("small_picture", "id", "method", "label", "state", "progress", "attempts", "reason"),
        *("site", "requested_by", "created_at", "seconds"),
    )
    list_display_links = ("small_picture", "id")
    list_filter = (
        "state",
        "method",
        "label",
        ("reason", ReasonFilter),
        ("diagnosis__upload__site", OwnSitesFilter),
        "created_at",
    )
    search_fields = (
        *("diagnosis__upload__original_name", "diagnosis__upload__patient_reference"),
        *("method", "reason", "error"),
    )
    key_fields = ("pk", "diagnosis", "diagnosis__upload")
    site_administrators_act = True
    actions = ("try_again",)
    fieldsets = (
        (None, {"fields": ("page", "reading", "method", "label", "state", "progress", "details", "picture")}),
        JobAdmin.how_it_went,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Explanation]:
        return selectors.explanations_administered_by(user_of(request))

    @admin.display(description=gettext_lazy("reading"))
    def reading(self, explanation: Explanation) -> SafeString:
        address = reverse("admin:diagnosis_diagnosis_change", args=[explanation.diagnosis_id])
        return format_html('<a href="{}">{}</a>', address, explanation.diagnosis)

    @admin.display(description=gettext_lazy("page with the heat drawn on it"))
    def picture(self, explanation: Explanation) -> SafeString | str:
        heatmap = explanation.heatmap
        if heatmap is None:
            return "–"
        return image(reverse("diagnosis:overlay", args=[heatmap.pk]), height=360, alt=str(heatmap))

    @admin.action(description=gettext_lazy("Try again"), permissions=["act"])
    def try_again(self, request: HttpRequest, rows: QuerySet[Explanation]) -> HttpResponse | None:
        rows = rows.exclude(state__in=(Explanation.State.RUNNING, Explanation.State.DONE))
        if not rows.exists():
            self.message_user(request, _("None of the selected explanations waits or has failed."), messages.WARNING)
            return None
        if ask := self.confirmed(
            request,
            rows,
            action="try_again",
            question=_("Try these explanations again?"),
            consequence=_("A failed one stays and a new one is made. A waiting one is sent to the queue again."),
        ):
            return ask
        send = partial(explanations.send_again, requested_by=user_of(request))
        self.act_on_each(request, rows, send, refusals=explanations.CannotExplain)
        return None


_CHECKS: Final = {explanations.PASSED: gettext_lazy("passed"), explanations.FAILED: gettext_lazy("failed")}


@admin.register(ModelVersion)
class ModelVersionAdmin(HistoryAdmin):
    list_display = ("__str__", "is_active", "short_checksum", "registered_at", "activated_at", "activated_by", "used")
    list_filter = ("is_active", "name")
    search_fields = ("name", "version", "sha256__startswith")
    actions = ("activate",)
    fieldsets = (
        (None, {"fields": ("name", "version", "is_active", "activated_at", "activated_by")}),
        (
            gettext_lazy("Bundle"),
            {"fields": ("sha256", "path", "architecture", "class_names", "judged_methods", "registered_at")},
        ),
        (gettext_lazy("Model card"), {"fields": ("card_text",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        return selectors.model_versions_administered_by(user_of(request)).annotate(readings=Count("diagnosis"))

    @admin.display(description="SHA-256", ordering="sha256")
    def short_checksum(self, version: ModelVersion) -> str:
        return version.sha256[:12]

    @admin.display(description=gettext_lazy("readings"), ordering="readings")
    def used(self, version: Any) -> int:
        return int(version.readings)

    @admin.display(description=gettext_lazy("classes"))
    def class_names(self, version: ModelVersion) -> str:
        return ", ".join(str(Diagnosis.Label(label).label) for label in explanations.labels_for(version))

    @admin.display(description=gettext_lazy("randomisation check of the explanations"))
    def judged_methods(self, version: ModelVersion) -> SafeString | str:
        methods = [*TRACE_METHODS.values(), *METHODS.values()]
        checked = ((each, explanations.randomisation_check(version, each.name)) for each in methods)
        lines = [(wording.method_title(each), _CHECKS[verdict]) for each, verdict in checked if verdict in _CHECKS]
        items = format_html_join("", "<li>{}: {}</li>", lines)
        return format_html("<ul>{}</ul>", items) if items else "–"

    @admin.display(description=gettext_lazy("model card"))
    def card_text(self, version: ModelVersion) -> SafeString | str:
        return format_html('<div class="card-text">{}</div>', markdown(version.card)) if version.card else "–"

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
            beside=_before_activation(version),
        ):
            return ask
        try:
            model_registry.activate(version, user_of(request))
        except BundleCorrupt as problem:
            self.message_user(request, str(problem), messages.ERROR)
        else:
            self.report(request, 1, [])
        return None


def _before_activation(version: ModelVersion) -> SafeString:
    """The model's card, and how it did on reviewed pages where it was tried."""
    trial = Trial.objects.filter(model_version=version).first()
    context = {"version": version, "comparison": compare(trial) if trial else None}
    return render_to_string("admin/diagnosis/before_activation.html", context)
