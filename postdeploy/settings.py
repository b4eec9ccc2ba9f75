"""Settings, all from the environment (`docs/settings.md` lists them); an unknown value is an error at start."""

import os
from pathlib import Path

import environ
from csp.constants import NONCE, NONE, SELF  # noqa: F401

from postdeploy import embedded, wiring
from postdeploy.env import (
    env_bind,
    env_bool,
    env_choice,
    env_int,
    env_list,
    env_location,
    env_networks,
    env_origin,
    env_url,
    host_of,
    secret_key,
)
from postdeploy.logs import logging_config

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("VAR") or BASE_DIR / "var").resolve()

# --- what and where -------------------------------------------------------------------------------------------------
DEBUG = env_bool("DEBUG", False)
SECRET_KEY = secret_key(VAR)
BIND = env_bind("BIND", "127.0.0.1:8000")
SITE_URL = env_origin("SITE_URL", f"http://{BIND}")
IS_HTTPS = SITE_URL.startswith("https://")
SITE_HOST = host_of(SITE_URL)
ALLOWED_HOSTS = [*env_list("ALLOWED_HOSTS"), SITE_HOST, "localhost", "127.0.0.1", "[::1]"]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
TRUSTED_PROXIES = env_int("TRUSTED_PROXIES", 0, high=10)

INSTALLED_APPS = [
    "postdeploy.apps.PostdeployConfig",
    "deployments.apps.DeploymentsConfig",
    "monitoring.apps.MonitoringConfig",
    "issues.apps.IssuesConfig",
    "support.apps.SupportConfig",
    "reports.apps.ReportsConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "django_htmx",
    "template_partials",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "postdeploy.middleware.RequestId",
    "postdeploy.request_log.RequestLog",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "postdeploy.middleware.ApiLane",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "postdeploy.middleware.DatabaseDown",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "postdeploy.reader_zone.ReaderZone",
    "postdeploy.middleware.PrivatePages",
]

ROOT_URLCONF = "postdeploy.urls"
WSGI_APPLICATION = "postdeploy.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "deployments.User"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["postdeploy.templatetags.ui", "template_partials.templatetags.partials"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                *wiring.CONTEXT_PROCESSORS,
            ],
        },
    }
]

# --- stores ---------------------------------------------------------------------------------------------------------
env = environ.Env()
DATABASE_URL = env_url("DATABASE_URL", embedded.database_url(VAR), {"postgres", "postgresql"})
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"] |= {
    "ENGINE": "django.db.backends.postgresql",
    "CONN_MAX_AGE": 60,
    "CONN_HEALTH_CHECKS": True,
    "ATOMIC_REQUESTS": False,
    "OPTIONS": {
        **DATABASES["default"].get("OPTIONS", {}),
        "connect_timeout": 5,
        "application_name": os.environ.get("ROLE", "postdeploy"),
        "options": (
            f"-c statement_timeout={env_int('STATEMENT_TIMEOUT_MS', 30_000)} -c lock_timeout=5000"
            " -c idle_in_transaction_session_timeout=60000 -c timezone=UTC"
        ),
    },
}
REDIS_URL = env_url("REDIS_URL", embedded.redis_url(VAR), {"redis", "rediss", "unix"})
CACHES = {
    "default": {
        "BACKEND": "postdeploy.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "postdeploy",
        "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"

# --- celery: wake-ups only, see postdeploy/wiring.py ----------------------------------------------------------------
CELERY_BROKER_URL = embedded.celery_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "socket_timeout": 5,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
}
# A doorbell is heard when it rings. What is acknowledged only after half a minute of polls would, when the broker goes
# away meanwhile, be acknowledged over the connection it has just lost; kombu 5.7 ends the worker for that.
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SOFT_TIME_LIMIT = 120
CELERY_TASK_TIME_LIMIT = 150
CELERY_TASK_DEFAULT_QUEUE = wiring.QUEUES[0]
CELERY_TASK_ROUTES = {task: {"queue": queue} for task, queue in wiring.ROUTES.items()}
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = wiring.beat_schedule()

# --- people ---------------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "deployments.auth.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"

# --- api ------------------------------------------------------------------------------------------------------------
# Without it only this machine may read /metrics.
METRICS_TOKEN = os.environ.get("METRICS_TOKEN", "").strip()
DATA_UPLOAD_MAX_MEMORY_SIZE = env_int("MAX_BODY_BYTES", 1024 * 1024, low=1024)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["deployments.auth.ApiTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["deployments.permissions.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["postdeploy.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "postdeploy.openapi.Schema",
    "EXCEPTION_HANDLER": "postdeploy.api.problem_from_exception",
    "UNAUTHENTICATED_USER": None,
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%S.%fZ",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Postdeploy",
    "DESCRIPTION": "What happens after a deployment: report it, wait for its verdict, read its summary.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PUBLIC": True,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": ["postdeploy.openapi.close_requests", *wiring.DESCRIBED],
}

# --- mail -----------------------------------------------------------------------------------------------------------
EMAIL_URL = env_url("EMAIL_URL", "filemail:///", {"smtp", "smtp+tls", "smtp+ssl", "filemail", "consolemail"})
vars().update(env.email_url_config(EMAIL_URL))
EMAIL_FILE_PATH = os.environ.get("EMAIL_FILE_PATH") or str(VAR / "mail")
DEFAULT_FROM_EMAIL = os.environ.get("FROM_EMAIL") or f"Postdeploy <postdeploy@{SITE_HOST}>"
EMAIL_TIMEOUT = 15

# --- outbound -------------------------------------------------------------------------------------------------------
# Private networks that checks and webhooks may reach; the demo's shop listens on loopback.
DEMO_NETWORK = "127.0.0.1/32"
PROBE_NETWORKS = env_networks("PROBE_NETWORKS") + ([DEMO_NETWORK] if (VAR / "demo.json").exists() else [])
# Whose checks the worker of this process polls: those that name this location; empty is home.
LOCATION = env_location("LOCATION")
# Addresses that always answer, such as the company's own site: when none of them can be reached, the fault is ours.
CANARIES = env_list("CANARIES")

# What a scraped target, or a Prometheus that is asked, may answer at most.
PULL_MAX_BYTES = env_int("PULL_MAX_BYTES", 8 * 1024 * 1024, low=64 * 1024, high=256 * 1024 * 1024)

# --- browser security -----------------------------------------------------------------------------------------------
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = IS_HTTPS and env_bool("SSL_REDIRECT", True)
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_NAME = "postdeploy_session"
CSRF_COOKIE_NAME = "postdeploy_csrf"
CSRF_FAILURE_VIEW = "postdeploy.views.csrf_failure"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- static, time, language, logs -----------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = os.environ.get("STATIC_ROOT") or str(VAR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
# Collected and hashed files are for images; from a checkout the files are served as they lie there.
IS_COLLECTED = env_bool("STATIC_COLLECTED", False)
WHITENOISE_USE_FINDERS = not IS_COLLECTED
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_COLLECTED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = True
LOG_FORMAT = env_choice("LOG_FORMAT", "text", {"text", "json"})
LOGGING_CONFIG = None
logging_config(log_format=LOG_FORMAT, level=env_choice("LOG_LEVEL", "info", {"debug", "info", "warning", "error"}))
