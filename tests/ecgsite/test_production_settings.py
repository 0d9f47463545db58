"""Production refuses to start when it is not set up as production; each refusal as a real process meets it."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON = [sys.executable, "-W", "ignore"]
GUNICORN = [*PYTHON, "-m", "gunicorn", "ecgsite.wsgi", "--no-control-socket", "--workers=1"]
WORKER = [*PYTHON, "-m", "celery", "-A", "ecgsite", "worker", "--pool=solo"]
BEAT = [*PYTHON, "-m", "celery", "-A", "ecgsite", "beat", "--pidfile="]

SOUND = {
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "ecg.example.org",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nowhere",
    "DEBUG": "0",
}


@pytest.fixture
def start(tmp_path: Path):
    """Run a command as production would, with some variables changed (``None`` takes one away)."""

    def run(command: list[str], **changes: str | None) -> subprocess.CompletedProcess[str]:
        keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        variables = {**SOUND, "DJANGO_SETTINGS_MODULE": "ecgsite.settings.production", **changes}
        environment = {**keep, "ISOLINE_DATA_DIR": str(tmp_path / "data")}
        environment |= {name: value for name, value in variables.items() if value is not None}
        return subprocess.run(
            command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def test_a_sound_set_up_passes_djangos_own_deployment_checks(start):
    result = start([*PYTHON, "manage.py", "check", "--deploy", "--fail-level", "WARNING"])

    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ({"DEBUG": "1"}, "unset DEBUG"),
        ({"SECRET_KEY": None}, "SECRET_KEY"),
        ({"SECRET_KEY": "django-insecure-local-only-not-a-secret"}, "SECRET_KEY"),
        ({"SECRET_KEY": "django-insecure-" + "x7" * 40}, "SECRET_KEY"),
        ({"SECRET_KEY": "too-short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "a" * 80}, "SECRET_KEY"),
        ({"DATABASE_URL": None}, "DATABASE_URL=postgres://"),
        ({"DATABASE_URL": "sqlite:////tmp/x.sqlite3"}, "DATABASE_URL=postgres://"),
        ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
    ],
)
def test_each_unsafe_setting_is_refused_with_what_to_do(start, wrong: dict[str, str | None], advice: str):
    result = start([*PYTHON, "manage.py", "check"], **wrong)

    assert result.returncode != 0
    assert "refuses to start" in result.stderr
    assert advice in result.stderr
    assert result.stderr.count("\n- ") == 1


@pytest.mark.parametrize("command", [GUNICORN, WORKER, BEAT], ids=["web", "worker", "beat"])
def test_web_worker_and_beat_refuse_alike(start, command: list[str]):
    result = start(command, DEBUG="1", SECRET_KEY=None)

    assert result.returncode != 0
    assert "unset DEBUG" in result.stderr
    assert "SECRET_KEY" in result.stderr


def test_nothing_falls_back_to_local_settings_when_a_server_starts_without_any(start):
    for command in (GUNICORN, WORKER):
        result = start(command, DJANGO_SETTINGS_MODULE=None, SECRET_KEY=None)
        assert result.returncode != 0
        assert "refuses to start" in result.stderr


DRAW = "from django.template.loader import render_to_string; print(render_to_string('500.html'))"


def test_static_files_get_names_that_browsers_may_keep_for_ever(start, tmp_path: Path):
    static = tmp_path / "static"
    manage = [*PYTHON, "manage.py"]
    collected = start([*manage, "collectstatic", "--noinput", "--verbosity=0"], STATIC_ROOT=str(static))
    assert collected.returncode == 0, collected.stderr

    page = start([*manage, "shell", "--no-imports", "-c", DRAW], STATIC_ROOT=str(static))

    (style,) = re.findall(r'href="/static/(css/isoline\.[0-9a-f]{12}\.css)"', page.stdout)
    assert (static / style).is_file()
    assert (static / f"{style}.gz").is_file()


def test_the_demo_is_not_made_in_production(start):
    result = start([*PYTHON, "manage.py", "create_demo"])

    assert result.returncode != 0
    assert "only locally" in result.stderr


@pytest.fixture
def own_database(postgres_url: str) -> Iterator[str]:
    name = f"isoline_{secrets.token_hex(4)}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield postgres_url.rpartition("/")[0] + "/" + name
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.services
def test_demo_accounts_in_the_database_stop_web_worker_and_checks_until_they_are_gone(start, own_database: str):
    manage = [*PYTHON, "manage.py"]
    demo = start(
        [*manage, "migrate", "--verbosity=0"],
        DATABASE_URL=own_database,
        DJANGO_SETTINGS_MODULE="ecgsite.settings.local",
    )
    assert demo.returncode == 0, demo.stderr
    start([*manage, "create_demo"], DATABASE_URL=own_database, DJANGO_SETTINGS_MODULE="ecgsite.settings.local")

    for command in (GUNICORN, WORKER, BEAT, [*manage, "check", "--database=default"], [*manage, "migrate"]):
        result = start(command, DATABASE_URL=own_database, BROKER_URL="embedded://")
        assert result.returncode != 0, command
        assert "demo accounts (admin, clinician)" in result.stderr, command

    forget = "from accounts.models import User; User.objects.update(is_active=False)"
    assert start([*manage, "shell", "-c", forget], DATABASE_URL=own_database).returncode == 0
    result = start([*manage, "check", "--database=default"], DATABASE_URL=own_database)
    assert result.returncode == 0, result.stderr
    assert start([*GUNICORN, "--check-config"], DATABASE_URL=own_database).returncode == 0
