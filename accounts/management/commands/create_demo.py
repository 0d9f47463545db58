"""Accounts for trying Isoline out on one's own machine."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import Role, Site, User

SITE = "Demo Hospital"
PASSWORD = "isoline-demo"  # noqa: S105  (printed in the README)


class Command(BaseCommand):
    help = "Create the site “Demo Hospital” and the accounts clinician and admin (local settings only)."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ISOLINE_DEMO_ACCOUNTS_ALLOWED:
            raise CommandError("Demo accounts have a password that everyone can read; they exist only locally.")
        with transaction.atomic():
            self._create()

    def _create(self) -> None:
        site, _ = Site.objects.get_or_create(name=SITE)
        for username, role, is_superuser in (
            ("clinician", Role.CLINICIAN, False),
            ("admin", Role.ADMINISTRATOR, True),
        ):
            user, created = User.objects.get_or_create(
                username=username,
                defaults={"role": role, "is_superuser": is_superuser, "email": f"{username}@demo.invalid"},
            )
            if created:
                user.set_password(PASSWORD)
                user.save()
                user.sites.add(site)
                self.stdout.write(f"Created {username}")
