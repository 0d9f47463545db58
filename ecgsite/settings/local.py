"""One machine, for trying Isoline out and for developing it: ``make run``."""

from __future__ import annotations

from .base import *
from .base import ALLOWED_HOSTS, ISOLINE_PUBLIC_URL, SECRET_KEY, env

# Known to everyone who has the source; production refuses to start with it.
SECRET_KEY = SECRET_KEY or "django-insecure-local-only-not-a-secret"
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "localhost", "127.0.0.1", "[::1]"]
ISOLINE_DEMO_ACCOUNTS_ALLOWED = True
ISOLINE_PUBLIC_URL = ISOLINE_PUBLIC_URL or f"http://localhost:{env.int('PORT', default=8000)}"

# https://whitenoise.readthedocs.io/en/stable/django.html#WHITENOISE_USE_FINDERS
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True

# https://docs.djangoproject.com/en/5.2/topics/email/#console-backend
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
