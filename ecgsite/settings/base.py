"""What holds everywhere. Every choice that differs by place is an environment variable.

https://docs.djangoproject.com/en/5.2/ref/settings/
https://django-environ.readthedocs.io/
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from kombu.entity import Queue

from ml.export import BACKENDS, TENSORFLOW

env = environ.Env()

BASE_DIR = Path(__file__).resolve().parents[2]
# Everything that changes while Isoline runs on one machine: database, media, broker, logs.
DATA_DIR = Path(env.str("ISOLINE_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)

# --- Isoline -------------------------------------------------------------------------------------
ISOLINE_RESEARCH_NOTICE = _(
    "Research use only. Isoline is not a medical device; do not use it to diagnose or treat patients."
)
ISOLINE_BUNDLE = Path(env.str("ISOLINE_BUNDLE", default=str(BASE_DIR / "ml" / "bundles" / "hybrid")))
# What workers run the model with. Whichever it is answers as TensorFlow does, or is not used.
INFERENCE_BACKEND = env.str("INFERENCE_BACKEND", default=TENSORFLOW)
if INFERENCE_BACKEND not in BACKENDS:
    raise ImproperlyConfigured(f"INFERENCE_BACKEND is {INFERENCE_BACKEND!r}: set it to one of {', '.join(BACKENDS)}.")
ISOLINE_MAX_ATTEMPTS = env.int("ISOLINE_MAX_ATTEMPTS", default=3)
ISOLINE_SWEEP_SECONDS = env.int("ISOLINE_SWEEP_SECONDS", default=15)
ISOLINE_SOFT_LIMIT_S = env.int("ISOLINE_SOFT_LIMIT_S", default=60)
ISOLINE_HARD_LIMIT_S = env.int("ISOLINE_HARD_LIMIT_S", default=90)
# How long a claim on a page holds: above the hard limit, so that no living worker is ever taken for dead.
ISOLINE_LEASE_S = env.int("ISOLINE_LEASE_S", default=ISOLINE_HARD_LIMIT_S + 15)
# Explanations ask the network hundreds of times where a reading asks once.
ISOLINE_EXPLAIN_SOFT_LIMIT_S = env.int("ISOLINE_EXPLAIN_SOFT_LIMIT_S", default=300)
ISOLINE_EXPLAIN_HARD_LIMIT_S = env.int("ISOLINE_EXPLAIN_HARD_LIMIT_S", default=330)
ISOLINE_EXPLAIN_LEASE_S = env.int("ISOLINE_EXPLAIN_LEASE_S", default=ISOLINE_EXPLAIN_HARD_LIMIT_S + 15)
# How many explanations one user may have waiting.
ISOLINE_MAX_WAITING_EXPLANATIONS = env.int("ISOLINE_MAX_WAITING_EXPLANATIONS", default=20)
# A page that waits this long after its message was sent gets another one; twice as long after each further one.
ISOLINE_RESEND_S = env.int("ISOLINE_RESEND_S", default=120)
# Before a failed page is tried again; twice as long before each further attempt.
ISOLINE_RETRY_S = env.int("ISOLINE_RETRY_S", default=5)
# Many files at once: how large a ZIP archive may be, how many files it may hold, and how many days what could not be
# taken in is kept to be tried again.
ISOLINE_ARCHIVE_MAX_MB = env.int("ISOLINE_ARCHIVE_MAX_MB", default=500)
ISOLINE_BATCH_MAX_FILES = env.int("ISOLINE_BATCH_MAX_FILES", default=2000)
ISOLINE_BATCH_KEEP_DAYS = env.int("ISOLINE_BATCH_KEEP_DAYS", default=7)
ISOLINE_IDLE_MINUTES = env.int("ISOLINE_IDLE_MINUTES", default=30)
# Of a token that is opened with a password; the longest that one may be made for by name.
ISOLINE_TOKEN_HOURS = env.int("ISOLINE_TOKEN_HOURS", default=24)
ISOLINE_TOKEN_MAX_DAYS = env.int("ISOLINE_TOKEN_MAX_DAYS", default=365)
# Where people and programs reach this installation, e.g. https://ecg.example.org; for links that leave the house.
# Default: the first of ALLOWED_HOSTS.
ISOLINE_PUBLIC_URL = env.str("ISOLINE_PUBLIC_URL", default="")
# Webhooks: private networks that messages may go to, e.g. 10.20.0.0/16; whether without TLS; seconds for one attempt;
# days of failures before one is turned off; days that the delivery log is kept.
ISOLINE_WEBHOOK_NETWORKS: list[str] = env.list("ISOLINE_WEBHOOK_NETWORKS", default=[])
ISOLINE_WEBHOOK_ALLOW_HTTP = env.bool("ISOLINE_WEBHOOK_ALLOW_HTTP", default=False)
ISOLINE_WEBHOOK_TIMEOUT_S = env.float("ISOLINE_WEBHOOK_TIMEOUT_S", default=5.0)
ISOLINE_WEBHOOK_GIVE_UP_DAYS = env.int("ISOLINE_WEBHOOK_GIVE_UP_DAYS", default=3)
ISOLINE_WEBHOOK_LOG_DAYS = env.int("ISOLINE_WEBHOOK_LOG_DAYS", default=30)
# Paper of reports that are made without being asked for: a4 or letter.
ISOLINE_PAPER = env.str("ISOLINE_PAPER", default="a4").lower()
if ISOLINE_PAPER not in ("a4", "letter"):
    raise ImproperlyConfigured(f"ISOLINE_PAPER is {ISOLINE_PAPER!r}: set it to a4 or letter.")
# Before a delivery to a FHIR server is tried again, twice as long before each further attempt; and how often.
ISOLINE_FHIR_RETRY_S = env.int("ISOLINE_FHIR_RETRY_S", default=30)
ISOLINE_FHIR_MAX_ATTEMPTS = env.int("ISOLINE_FHIR_MAX_ATTEMPTS", default=10)
# Deliveries carry patients' data and a password: plain HTTP is for servers on the same machine in tests.
ISOLINE_FHIR_ALLOW_HTTP = env.bool("ISOLINE_FHIR_ALLOW_HTTP", default=False)
# Reverse proxies in front of Isoline that append to X-Forwarded-For; 0 means clients connect directly.
ISOLINE_PROXY_COUNT = env.int("ISOLINE_PROXY_COUNT", default=0)
# Accounts whose password is printed in the README may exist on a machine for trying things out only.
ISOLINE_DEMO_ACCOUNTS_ALLOWED = False
# `manage.py flush` empties every table, the audit log included; only tests have a reason to.
ISOLINE_AUDIT_FLUSH_ALLOWED = False

# --- Metrics -------------------------------------------------------------------------------------
# https://prometheus.github.io/client_python/multiprocess/
# Every process of this machine writes what it counts into files here; the library reads the variable when it is
# imported, and settings come before that.
METRICS_DIR = Path(env.str("METRICS_DIR", default=str(DATA_DIR / "run" / "metrics")))
METRICS_DIR.mkdir(parents=True, exist_ok=True)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS_DIR)
# What a monitoring system sends as bearer token to read /metrics; without one only administrators may.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# --- Core ----------------------------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/ref/settings/#core-settings
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
# Earlier ones, so that what was made with them still counts.
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
if not ISOLINE_PUBLIC_URL and ALLOWED_HOSTS:
    ISOLINE_PUBLIC_URL = f"https://{ALLOWED_HOSTS[0].lstrip('.')}"
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "ecgsite.urls"
WSGI_APPLICATION = "ecgsite.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "ecgsite.apps.SiteConfig",
    "ecgsite.apps.IsolineAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "axes",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "django_filters",
    "django_htmx",
    "rest_framework",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_otp_webauthn",
    "accounts",
    "accounts.audit",
    "accounts.second_factor",
    "accounts.sessions",
    "accounts.invitations",
    "accounts.passwords",
    "diagnosis",
    "diagnosis.operations",
    "diagnosis.review",
    "diagnosis.saved_filters",
    "diagnosis.shadow",
    "diagnosis.idempotency",
    "diagnosis.webhooks",
    "diagnosis.documents",
    "diagnosis.fhir",
    "diagnosis.worklist",
    "diagnosis.patients",
]

# https://docs.djangoproject.com/en/5.2/topics/http/middleware/
MIDDLEWARE = [
    "ecgsite.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "accounts.audit.middleware.AuditOriginMiddleware",
    "csp.middleware.CSPMiddleware",
    "diagnosis.api.middleware.ApiMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.HtmxSignInMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "accounts.middleware.IdleSignOutMiddleware",
    # After everything that ends sessions, before everything that serves them.
    "accounts.second_factor.middleware.SecondFactorMiddleware",
    "accounts.passwords.middleware.ExpiredPasswordMiddleware",
    "accounts.sessions.middleware.SessionRecordMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Last, so that its lockout page replaces whatever the view answered.
    "axes.middleware.AxesMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
# https://django-crispy-forms.readthedocs.io/
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

# --- Database ------------------------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/ref/databases/
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'isoline.sqlite3'}")
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Web and worker write to the same file: readers never wait (WAL), writers queue for the lock at BEGIN
    # instead of failing half-way through their transaction.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"].setdefault("CONN_MAX_AGE", env.int("CONN_MAX_AGE", default=60))
    DATABASES["default"].setdefault("CONN_HEALTH_CHECKS", True)

# --- Accounts and sign-in ------------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/auth/
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "accounts.backends.RoleBackend"]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL
# https://docs.djangoproject.com/en/5.2/topics/auth/passwords/#using-argon2-with-django
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "accounts.passwords.validators.NotUsedBeforeValidator", "OPTIONS": {"count": 5}},
]
# https://docs.djangoproject.com/en/5.2/topics/http/sessions/
# The idle limit is kept by accounts.middleware; this is the longest a busy session can last.
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SAMESITE = "Lax"
# https://django-axes.readthedocs.io/en/latest/4_configuration.html
# Counted per name and address together: a stranger cannot lock a colleague out from elsewhere, nor one
# forgetful colleague a whole ward behind the same address.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "accounts.lockout.lockout_response"
AXES_CLIENT_IP_CALLABLE = "accounts.lockout.client_address"
AXES_VERBOSE = False
# What axes keeps of a failed form; passwords it leaves out by itself.
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "otp"]
# https://django-otp-official.readthedocs.io/en/stable/overview.html#settings
OTP_TOTP_ISSUER = "Isoline"
OTP_ADMIN_HIDE_SENSITIVE_DATA = True
# https://django-otp-webauthn.readthedocs.io/en/latest/getting_started/configure-your-relying-party.html
# Empty: the host at which Isoline is open, which ALLOWED_HOSTS has checked. Name them where Isoline has several
# addresses: a passkey works below one domain only.
OTP_WEBAUTHN_RP_NAME = "Isoline"
OTP_WEBAUTHN_RP_ID = env.str("PASSKEY_DOMAIN", default="")
if not OTP_WEBAUTHN_RP_ID:
    OTP_WEBAUTHN_RP_ID_CALLABLE = "accounts.second_factor.ceremonies.own_domain"
OTP_WEBAUTHN_ALLOWED_ORIGINS: list[str] = env.list("PASSKEY_ORIGINS", default=[])
OTP_WEBAUTHN_HELPER_CLASS = "accounts.second_factor.ceremonies.Ceremony"
# Its own check wants the list above to be filled.
SILENCED_SYSTEM_CHECKS = ["otp_webauthn.E030"]

# --- Security headers ----------------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/security/
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CSRF_COOKIE_SAMESITE = "Lax"
# https://django-csp.readthedocs.io/
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # Bootstrap draws check marks and arrows as data: pictures; blob: previews a file before upload.
        "img-src": ["'self'", "data:", "blob:"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- Files ---------------------------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/howto/static-files/ · https://whitenoise.readthedocs.io/
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
# Pages of patients: no address leads straight to them, a view that asks for permission serves them.
MEDIA_ROOT = Path(env.str("MEDIA_ROOT", default=str(DATA_DIR / "media")))
FILE_UPLOAD_HANDLERS = [
    "diagnosis.upload_limit.LimitedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
FILE_UPLOAD_PERMISSIONS = 0o640
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750
# One file of 25 MB and the form around it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 30 * 1024 * 1024
# https://django-storages.readthedocs.io/en/latest/backends/amazon-S3.html
MEDIA_S3_BUCKET = env.str("MEDIA_S3_BUCKET", default="")
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if MEDIA_S3_BUCKET:
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": MEDIA_S3_BUCKET,
            "endpoint_url": env.str("MEDIA_S3_ENDPOINT_URL", default="") or None,
            "region_name": env.str("MEDIA_S3_REGION", default="") or None,
            "access_key": env.str("MEDIA_S3_ACCESS_KEY", default="") or None,
            "secret_key": env.str("MEDIA_S3_SECRET_KEY", default="") or None,
            "default_acl": "private",
            "querystring_auth": True,
            "file_overwrite": False,
        },
    }

# --- Language and time ---------------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/i18n/
LANGUAGE_CODE = "en"
# In their own words, so that whoever looks for theirs can read it.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "ecgsite.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60

# --- Mail ----------------------------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/email/
if "EMAIL_URL" in env:
    vars().update(env.email("EMAIL_URL"))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Isoline <noreply@localhost>")

# --- Queue ---------------------------------------------------------------------------------------
# https://docs.celeryq.dev/en/stable/userguide/configuration.html
CELERY_BROKER_URL = env.str("BROKER_URL", default="embedded://localhost")
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# A message is done when its work is done: a worker that dies gives it back.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# How long to look for the result of a child that died before its message goes back to the queue.
CELERY_WORKER_LOST_WAIT = 2
CELERY_TASK_SOFT_TIME_LIMIT = ISOLINE_SOFT_LIMIT_S
CELERY_TASK_TIME_LIMIT = ISOLINE_HARD_LIMIT_S
# Above the hard limit, so that a broker never hands out again what is still being worked on.
VISIBILITY_TIMEOUT_S = 2 * max(ISOLINE_HARD_LIMIT_S, ISOLINE_EXPLAIN_HARD_LIMIT_S) + 30
CELERY_TASK_QUEUES = [Queue("diagnose"), Queue("explain"), Queue("housekeeping")]
CELERY_TASK_DEFAULT_QUEUE = "housekeeping"
CELERY_TASK_ROUTES = {
    "diagnosis.tasks.diagnose": {"queue": "diagnose"},
    "diagnosis.tasks.explain": {"queue": "explain"},
    # Beside pages, like explanations: nobody waits for it.
    "diagnosis.shadow.tasks.read_along": {"queue": "explain"},
    # Another house's server may take its time to answer; no page waits for it.
    "diagnosis.fhir.tasks.push_fhir": {"queue": "explain"},
    "ecgsite.celery.mark_ready": {"queue": "diagnose"},
}
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_BEAT_SCHEDULE = {
    "sweep": {
        "task": "diagnosis.tasks.sweep",
        "schedule": ISOLINE_SWEEP_SECONDS,
        # While no worker runs, old sweeps must not pile up.
        "options": {"expires": ISOLINE_SWEEP_SECONDS},
    },
    "batches": {
        "task": "diagnosis.worklist.tasks.look_after_batches",
        "schedule": ISOLINE_SWEEP_SECONDS,
        "options": {"expires": ISOLINE_SWEEP_SECONDS},
    },
    "trials": {
        "task": "diagnosis.shadow.tasks.follow_trials",
        "schedule": 60,
        "options": {"expires": 60},
    },
    "retention": {
        "task": "diagnosis.operations.tasks.keep_retention_rules",
        "schedule": 60 * 60,
        "options": {"expires": 60 * 60},
    },
}
# Touched when a first message came through to a warm worker; see ecgsite/celery.py.
WORKER_READY_FILE = DATA_DIR / "run" / "worker-ready"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
# A worker child loads TensorFlow and the model before it reports that it is up.
CELERY_WORKER_PROC_ALIVE_TIMEOUT = env.int("WORKER_START_TIMEOUT_S", default=180)
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A web request never waits for a broker that is away; the sweep sends the task later.
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_CONNECTION_TIMEOUT = 2
# For connections that a publisher opens; a worker that lost its broker keeps trying, see the lines above.
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {"max_retries": 0}
if CELERY_BROKER_URL.startswith(("redis:", "rediss:")):
    # https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html
    CELERY_BROKER_TRANSPORT_OPTIONS |= {
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
        "socket_connect_timeout": 2,
        # A Redis that takes connections but no longer answers must not hold a web request for ever.
        "socket_timeout": 5,
    }
elif CELERY_BROKER_URL.startswith(("amqp:", "amqps:")):
    # RabbitMQ gives back what its worker lost when the connection ends; its own limit is 30 minutes.
    # https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html
    CELERY_BROKER_TRANSPORT_OPTIONS |= {"confirm_publish": True}
elif CELERY_BROKER_URL.startswith("embedded:"):
    # ecgsite/embedded_broker.py, on kombu's file-system transport
    # https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.transport.filesystem.html
    BROKER_DIR = DATA_DIR / "broker"
    for folder in ("queue", "control"):
        (BROKER_DIR / folder).mkdir(parents=True, exist_ok=True)
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.05,
        "visibility_timeout": VISIBILITY_TIMEOUT_S,
    }
    # Remote control leaves one mailbox file per worker that ever ran.
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- REST API ------------------------------------------------------------------------------------
# https://www.django-rest-framework.org/api-guide/settings/
API_RATE_USER = env.str("API_RATE_USER", default="1200/min")
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "accounts.scopes.HasScopes"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser", "rest_framework.parsers.FormParser"],
    "DEFAULT_SCHEMA_CLASS": "diagnosis.api.schema.HouseSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_THROTTLE_CLASSES": [
        "diagnosis.api.throttling.AnonymousThrottle",
        "diagnosis.api.throttling.RoleThrottle",
        "diagnosis.api.throttling.WorkThrottle",
    ],
    "DEFAULT_THROTTLE_RATES": {
        "anon": env.str("API_RATE_ANONYMOUS", default="60/min"),
        # By role; API_RATE_USER is for the roles that are not set.
        "clinician": env.str("API_RATE_CLINICIAN", default=API_RATE_USER),
        "reviewer": env.str("API_RATE_REVIEWER", default=API_RATE_USER),
        "site_administrator": env.str("API_RATE_SITE_ADMINISTRATOR", default=API_RATE_USER),
        "administrator": env.str("API_RATE_ADMINISTRATOR", default=API_RATE_USER),
        "api_client": env.str("API_RATE_API_CLIENT", default="2400/min"),
        # Beside these, by what is asked for.
        "token": env.str("API_RATE_TOKEN", default="20/min"),
        "upload": env.str("API_RATE_UPLOAD", default="240/min"),
        "explain": env.str("API_RATE_EXPLAIN", default="60/min"),
    },
    "NUM_PROXIES": ISOLINE_PROXY_COUNT,
    "EXCEPTION_HANDLER": "diagnosis.api.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# https://jazzband.github.io/django-rest-knox/settings/
KNOX_TOKEN_MODEL = "accounts.ApiToken"  # noqa: S105
REST_KNOX = {
    "TOKEN_TTL": timedelta(hours=ISOLINE_TOKEN_HOURS),
    "AUTO_REFRESH": False,
    # So that a token that went astray is known for what it is, by people and by programs that look for such.
    "TOKEN_PREFIX": "iso_",
}
# https://drf-spectacular.readthedocs.io/en/latest/settings.html
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Isoline API",
    "DESCRIPTION": "Upload ECG pages, follow their diagnosis, fetch results and heatmaps. Research use only.",
    "VERSION": "1",
    # In 3.0 the scopes of a token could not be told.
    "OAS_VERSION": "3.1.1",
    "SERVERS": [{"url": "/", "description": "This installation"}],
    "TAGS": [
        {"name": "token", "description": "Logging in with user name and password."},
        {"name": "tokens", "description": "Tokens with a name, scopes and an end."},
        {"name": "account", "description": "Who is asking, and where."},
        {"name": "uploads", "description": "Pages."},
        {"name": "batches", "description": "Many files at once."},
        {"name": "patients", "description": "Pages by reference, over time."},
        {"name": "diagnoses", "description": "What was read on them."},
        {"name": "explanations", "description": "Where the evidence lies, on request."},
        {"name": "reports", "description": "What clinicians say about it. People write and sign, programs read."},
        {"name": "models", "description": "What reads pages."},
        {"name": "webhooks", "description": "Being told instead of asking. For administrators."},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "StatusEnum": "diagnosis.models.Diagnosis.State",
        "ExplanationStatusEnum": "diagnosis.models.Explanation.State",
        "BatchFileStatusEnum": "diagnosis.worklist.models.BatchFile.State",
        "MethodStatusEnum": "diagnosis.api.serializers.METHOD_STATES",
        "ReportStateEnum": "diagnosis.review.models.Report.State",
    },
}

# --- Logging -------------------------------------------------------------------------------------
# https://docs.djangoproject.com/en/5.2/topics/logging/
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "ecgsite.logs.TextFormatter"},
        "json": {"()": "ecgsite.logs.JsonFormatter"},
    },
    "filters": {"context": {"()": "ecgsite.logs.WithContext"}, "routes": {"()": "ecgsite.logs.RoutesOnly"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": env.str("LOG_FORMAT", default="text"),
            "filters": ["context", "routes"],
        },
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Django's own handlers would print every line a second time.
        "django": {"handlers": [], "propagate": True},
        "django.server": {"handlers": [], "propagate": True},
        "axes": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}
