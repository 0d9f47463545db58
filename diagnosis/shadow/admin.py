"""Trials of candidate models in Django admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from diagnosis.history_admin import user_of
from diagnosis.models import ModelVersion
from diagnosis.presentation import markdown
from diagnosis.shadow import trials
from diagnosis.shadow.comparison import compare
from diagnosis.shadow.models import ShadowReading, Trial


@admin.register(Trial)
class TrialAdmin(admin.ModelAdmin):
    list_display = ("model_version", "follows_live_pages", "progress", "started_at", "started_by")
    readonly_fields = ("started_at", "started_by", "progress", "comparison", "card")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        wanted = (None, {"fields": ("model_version", "follows_live_pages", "reviewed_pages")})
        if obj is None:
            return (wanted,)
        return (
            wanted,
            (_("Comparison"), {"fields": ("progress", "comparison")}),
            (_("Model card"), {"fields": ("card",)}),
            (_("Trial"), {"fields": ("started_at", "started_by")}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "model_version") if obj else self.readonly_fields

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "model_version":
            kwargs["queryset"] = ModelVersion.objects.filter(is_active=False, trial=None)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Trial]:
        ended = Q(readings__state__in=ShadowReading.ENDED)
        return (
            super()
            .get_queryset(request)
            .select_related("model_version", "started_by")
            .annotate(asked=Count("readings"), ended=Count("readings", filter=ended))
        )

    def save_model(self, request: HttpRequest, obj: Trial, form: Any, change: bool) -> None:
        if not change:
            obj.started_by = user_of(request)
        super().save_model(request, obj, form, change)
        trials.follow(obj)

    @admin.display(description=_("pages read"))
    def progress(self, trial: Any) -> str:
        return _("%(ended)d of %(asked)d") % {"ended": trial.ended, "asked": trial.asked}

    @admin.display(description=_("on the pages reviewed last"))
    def comparison(self, trial: Trial) -> SafeString:
        return render_to_string("admin/shadow/comparison.html", {"comparison": compare(trial)})

    @admin.display(description=_("card"))
    def card(self, trial: Trial) -> SafeString | str:
        text = trial.model_version.card
        return format_html('<div class="card-text">{}</div>', markdown(text)) if text else "–"
