"""For pytest: quick hashing, its own files, the same middleware and checks as everywhere."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

if "ISOLINE_DATA_DIR" not in os.environ:
    # In the environment, so that a worker process started by a test shares it.
    os.environ["ISOLINE_DATA_DIR"] = tempfile.mkdtemp(prefix="isoline-test-")
    atexit.register(shutil.rmtree, os.environ["ISOLINE_DATA_DIR"], ignore_errors=True)

from .base import *
from .base import DATA_DIR, DATABASES, REST_FRAMEWORK

SECRET_KEY = "django-insecure-for-tests-only"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
ISOLINE_DEMO_ACCOUNTS_ALLOWED = True
# Tests that commit empty the database behind them.
ISOLINE_AUDIT_FLUSH_ALLOWED = True
ISOLINE_PUBLIC_URL = "https://isoline.test"

# https://docs.djangoproject.com/en/5.2/topics/testing/overview/#password-hashing
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", "django.contrib.auth.hashers.Argon2PasswordHasher"]
if "EMAIL_URL" not in os.environ:
    EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True

# Throttling has its own tests; the others must not depend on how many ran before them.
REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = dict.fromkeys(REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "100000/min")

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, so that a live server's threads and a worker process see the same rows.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
