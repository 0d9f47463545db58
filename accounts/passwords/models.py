"""Passwords somebody has had."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class PastPassword(models.Model):
    """The hash of a password, made as Django makes them, and since when it held. The newest is the present one."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="past_passwords")
    password = models.CharField(max_length=128)
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-set_at", "-pk")

    def __str__(self) -> str:
        return f"{self.user}, {self.set_at:%Y-%m-%d}"
