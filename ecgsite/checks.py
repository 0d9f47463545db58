"""What stops a wrong installation at its start, each with a sentence that says what to do.

https://docs.djangoproject.com/en/5.2/topics/checks/
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

DEMO_PASSWORD = "isoline-demo"  # noqa: S105  (printed in the README)
DEMO_USERNAMES = ("clinician", "admin")
SHORTEST_SECRET_KEY = 50

logger = logging.getLogger(__name__)


def refuse_unsafe_settings(*, debug: bool, secret_key: str, engine: str, allowed_hosts: Sequence[str]) -> None:
    """Raise ``ImproperlyConfigured`` with everything that is wrong at once."""
    problems = []
    if debug:
        problems.append("DEBUG is on, which shows patients' data on error pages: unset DEBUG.")
    if secret_key.startswith("django-insecure") or len(secret_key) < SHORTEST_SECRET_KEY or len(set(secret_key)) < 5:
        problems.append(
            f"SECRET_KEY is missing, the default one or too simple: set it to {SHORTEST_SECRET_KEY} or more random "
            "characters, e.g. from: python -c 'import secrets; print(secrets.token_urlsafe(64))'"
        )
    if engine == "django.db.backends.sqlite3":
        problems.append("The database is SQLite: set DATABASE_URL=postgres://USER:PASSWORD@HOST:5432/NAME.")
    if not allowed_hosts or "*" in allowed_hosts:
        problems.append("ALLOWED_HOSTS does not name this installation: set it, e.g. ALLOWED_HOSTS=ecg.example.org.")
    if problems:
        raise ImproperlyConfigured("Isoline refuses to start in production:\n- " + "\n- ".join(problems))


def demo_accounts() -> list[str]:
    """Names of accounts that still open with the password printed in the README."""
    from django.contrib.auth import get_user_model
    from django.contrib.auth.hashers import check_password

    users = get_user_model().objects.filter(username__in=DEMO_USERNAMES, is_active=True).order_by("username")
    return [user.get_username() for user in users if check_password(DEMO_PASSWORD, user.password)]


def demo_accounts_message(names: Sequence[str]) -> str:
    return (
        f"The demo accounts ({', '.join(names)}) open with a password that everyone can read: "
        "delete or deactivate them, or change their passwords (python manage.py changepassword NAME)."
    )


def check_demo_accounts(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """System check, run by ``migrate`` and by ``check --database default``."""
    from django.conf import settings
    from django.db import DatabaseError

    if settings.ISOLINE_DEMO_ACCOUNTS_ALLOWED or not databases:
        return []
    try:
        names = demo_accounts()
    except DatabaseError:  # not migrated yet
        return []
    return [Error(demo_accounts_message(names), id="isoline.E001")] if names else []


def check_time_limits(**kwargs: Any) -> list[CheckMessage]:
    """System check: no task is taken away, by its lease or by the broker, while its worker may still be at it."""
    from django.conf import settings

    problems: list[CheckMessage] = []
    for name in ("ISOLINE", "ISOLINE_EXPLAIN"):
        limits = [f"{name}_{which}" for which in ("SOFT_LIMIT_S", "HARD_LIMIT_S", "LEASE_S")]
        soft, hard, lease = (getattr(settings, limit) for limit in limits)
        if not 0 < soft < hard < lease:
            text = f"{', '.join(limits)} are {soft}, {hard}, {lease}: each must be larger than the one before."
            problems.append(Error(text, id="isoline.E002"))
        if hard >= settings.VISIBILITY_TIMEOUT_S:
            text = f"The broker's visibility timeout must be longer than {limits[1]} ({hard} s)."
            problems.append(Error(text, id="isoline.E003"))
    return problems


def refuse_demo_accounts() -> None:
    """Raise ``ImproperlyConfigured`` where demo accounts exist and may not; called when web and worker start."""
    from django.conf import settings
    from django.db import ProgrammingError, connection

    if settings.ISOLINE_DEMO_ACCOUNTS_ALLOWED:
        return
    try:
        names = demo_accounts()
    except ProgrammingError:
        logger.warning("The database has no tables yet: run python manage.py migrate")
        return
    finally:
        connection.close()
    if names:
        raise ImproperlyConfigured(f"Isoline refuses to start: {demo_accounts_message(names)}")
