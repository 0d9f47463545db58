"""A hospital's installation. Refuses to start when it is not set up as one.

https://docs.djangoproject.com/en/5.2/howto/deployment/checklist/
"""

from __future__ import annotations

from ecgsite.checks import refuse_unsafe_settings

from .base import *
from .base import ALLOWED_HOSTS, DATABASES, DEBUG, SECRET_KEY, SILENCED_SYSTEM_CHECKS, STORAGES, env

refuse_unsafe_settings(
    debug=DEBUG, secret_key=SECRET_KEY, engine=DATABASES["default"]["ENGINE"], allowed_hosts=ALLOWED_HOSTS
)

# --- HTTPS ---------------------------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/security/#ssl-https
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
# The proxy in front must set this header itself and drop what a client sends.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Health checks and the metrics' collector come from inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=365 * 24 * 60 * 60)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=True)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
# Preloading binds a whole domain for years; that is for its owner to decide.
SILENCED_SYSTEM_CHECKS = [*SILENCED_SYSTEM_CHECKS, "security.W021"]
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
LANGUAGE_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken"

# --- Static files --------------------------------------------------------------------------------
# https://whitenoise.readthedocs.io/en/stable/django.html#add-compression-and-caching-support
STORAGES["staticfiles"] = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
