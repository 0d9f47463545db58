"""``manage.py register_model [FOLDER] [--activate]``"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from diagnosis import model_registry
from ml.errors import BundleCorrupt


class Command(BaseCommand):
    help = (
        "Make a model bundle known to this installation. The first one is activated at once, and so is one that takes "
        "the place of an active model whose files are gone; any other waits for --activate or the administration. "
        "Safe to repeat."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", nargs="?", type=Path, default=None, help="the bundle's folder; default: ISOLINE_BUNDLE"
        )
        parser.add_argument("--activate", action="store_true", help="have it read every page from now on")

    def handle(self, *args: Any, folder: Path | None, activate: bool, **options: Any) -> None:
        try:
            version = model_registry.register(folder or settings.ISOLINE_BUNDLE)
            if not version.is_active and (activate or not _active_one_is_usable()):
                version = model_registry.activate(version)
        except BundleCorrupt as error:
            raise CommandError(str(error)) from error
        state = "active" if version.is_active else "known, not active; --activate makes it read pages"
        self.stdout.write(f"Model {version} ({version.sha256[:12]}): {state}")


def _active_one_is_usable() -> bool:
    try:
        model_registry.check_usable(model_registry.active())
    except (model_registry.NoActiveModel, BundleCorrupt):
        return False
    return True
