"""Workers and retention rules in Django admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from diagnosis.history_admin import HistoryAdmin
from diagnosis.operations import retention, signs
from diagnosis.operations.models import RetentionRule, WorkerSign


@admin.register(WorkerSign)
class WorkerSignAdmin(HistoryAdmin):
    list_display = ("name", "is_alive", "seen_at", "takes")

    @admin.display(description=_("alive"), boolean=True)
    def is_alive(self, sign: WorkerSign) -> bool:
        return sign in signs.alive()

    @admin.display(description=_("queues"))
    def takes(self, sign: WorkerSign) -> str:
        return ", ".join(sign.queues)


@admin.register(RetentionRule)
class RetentionRuleAdmin(admin.ModelAdmin):
    list_display = ("site", "delete_unreported_after_days", "erase_deleted_after_days", "due", "changed_at")
    fields = ("site", "delete_unreported_after_days", "erase_deleted_after_days", "due", "changed_at")
    readonly_fields = ("due", "changed_at")

    @admin.display(description=_("due now"))
    def due(self, rule: RetentionRule) -> str:
        if rule._state.adding:  # noqa: SLF001  (as Django documents it)
            return "–"
        return _("%(deleted)d to be deleted, %(erased)d to be erased") % {
            "deleted": retention.to_be_deleted(rule).count(),
            "erased": retention.to_be_erased(rule).count(),
        }
