"""The rows of the log and the head of their chain.

Nothing here writes; ``log.record`` does.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Site

from .actions import word

# What the first entry follows.
GENESIS: Final = "0" * 64


def kind_of(model: type[models.Model] | models.Model) -> str:
    """``target_type`` of a row, such as ``diagnosis.upload``."""
    return model._meta.label_lower  # noqa: SLF001  (documented, in spite of its name)


class AppendOnly(Exception):
    """Somebody tried to change or delete an entry."""

    def __init__(self) -> None:
        super().__init__("the audit log only grows: entries are neither changed nor deleted")


class EntryQuerySet(models.QuerySet["Entry"]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        # Past the head of the chain.
        raise AppendOnly


class Entry(models.Model):
    """One thing that somebody did. Written once, by ``log.record``.

    The key is the position in the chain: 1, 2, 3 … without gaps. Neither ``actor`` nor ``site`` is a constraint of
    the database: its check would lock the rows of people while the head of the chain is held, and an entry must
    outlive whatever it names.
    """

    id = models.BigIntegerField(_("position"), primary_key=True, editable=False)
    at = models.DateTimeField(_("time"))
    action = models.CharField(_("action"), max_length=64)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("by"),
    )
    # As it was then. For a failed log-in the account that was tried, without an actor.
    actor_name = models.CharField(_("user name"), max_length=150)
    site = models.ForeignKey(
        Site,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("site"),
    )
    target_type = models.CharField(_("kind of target"), max_length=100)
    target_id = models.CharField(_("target"), max_length=128)
    address = models.CharField(_("address"), max_length=64)
    request_id = models.CharField(_("request"), max_length=64)
    details = models.JSONField(_("details"), default=dict)
    previous_hash = models.CharField(_("hash of the entry before"), max_length=64)
    hash = models.CharField("SHA-256", max_length=64)

    objects = EntryQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = _("entry")
        verbose_name_plural = _("entries")
        indexes = (
            models.Index(fields=("at",), name="audit_at"),
            models.Index(fields=("action", "-id"), name="audit_action_newest"),
            models.Index(fields=("actor", "-id"), name="audit_actor_newest"),
            models.Index(fields=("site", "-id"), name="audit_site_newest"),
            models.Index(fields=("target_id", "-id"), name="audit_target_newest"),
        )

    def __str__(self) -> str:
        return f"{self.pk} · {self.action_word}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnly

    @property
    def action_word(self) -> str:
        return word(self.action)


class Head(models.Model):
    """The end of the chain, one row. Who appends holds its lock, so that entries stand in one order."""

    ONLY: Final = 1

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY, editable=False)
    position = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.position}:{self.hash}"
