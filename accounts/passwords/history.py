"""Remembering passwords, by their hashes."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from accounts.models import User

from .models import PastPassword


def remember(user: User) -> None:
    """Note the present password of the user, unless it is the newest one noted."""
    newest = PastPassword.objects.filter(user=user).first()
    if newest is None or newest.password != user.password:
        PastPassword.objects.create(user=user, password=user.password)


@receiver(post_save, sender=User)
def _made(sender: Any, instance: User, created: bool, raw: bool, **kwargs: Any) -> None:
    # `create_user` hashes the password itself, so Django does not call it changed.
    if created and not raw and instance.has_usable_password():
        remember(instance)
