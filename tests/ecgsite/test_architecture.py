"""The house keeps its plan: arrows between rooms, migrations that match the models, one way to name things."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from django.core.management import call_command

REPOSITORY = Path(__file__).resolve().parents[2]


def test_arrows_between_the_rooms_run_one_way():
    lint = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run(
        [lint, "--no-logo", "--no-cache"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout


def test_every_change_of_a_model_has_its_migration(db: None):
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)
