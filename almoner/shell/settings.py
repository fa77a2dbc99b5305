"""Django's settings. Operators set the environment (``shell.environment``), not this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dj_database_url
from csp import constants as csp

from almoner.shell import embedded_database
from almoner.shell.accounts.mail import mail_settings
from almoner.shell.environment import read_environment

ENVIRONMENT = read_environment()
DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key or embedded_database.secret_key(ENVIRONMENT.data_dir)
ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts.split(",")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_htmx",
    "ninja",
    "procrastinate.contrib.django",
    "almoner.kernel",
    "almoner.identity",
    "almoner.hospitals",
    "almoner.patients",
    "almoner.messaging",
    "almoner.catalog",
    "almoner.ledger",
    "almoner.charging",
    "almoner.payments",
    "almoner.enforcement",
    "almoner.orders",
    "almoner.estimates",
    "almoner.pages.estimates",
    "almoner.scheduling",
    "almoner.pages",
    "almoner.pages.cashier",
    "almoner.pages.plans",
    "almoner.pages.work_lists",
    "almoner.pages.people",
    "almoner.pages.patient_messages",
    "almoner.administration.policies",
    "almoner.administration.ward_charges",
    "almoner.service_points.checkin",
    "almoner.service_points.consultation",
    "almoner.service_points.laboratory",
    "almoner.service_points.pharmacy",
    "almoner.service_points.ward",
    "almoner.interop",
    "almoner.portal",
    "almoner.shell",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "almoner.shell.api_middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "almoner.shell.urls"
WSGI_APPLICATION = "almoner.shell.wsgi.application"
AUTH_USER_MODEL = "identity.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


def _database(url: str) -> dict[str, Any]:
    return {
        **dj_database_url.parse(url, conn_max_age=None, conn_health_checks=False),
        "OPTIONS": {"server_side_binding": True, "prepare_threshold": 1},
        "DISABLE_SERVER_SIDE_CURSORS": False,
    }


# ``default`` is the application's role, which owns no table; ``owner`` runs the migrations.
DATABASES: dict[str, Any] = {
    "default": _database(ENVIRONMENT.database_url or "postgresql:///unset"),
    "owner": _database(ENVIRONMENT.database_migration_url or "postgresql:///unset"),
}
ALMONER_APPLICATION_ROLE = DATABASES["default"]["USER"] or embedded_database.APPLICATION_ROLE

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "accounts" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "almoner.shell.page_context.page",
            ],
        },
    }
]

PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

# Logging in (docs/decisions/0019-logging-in-is-allauth.md). Nobody signs up: an administrator invites.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_ADAPTER = "almoner.shell.accounts.adapters.AccountAdapter"
MFA_ADAPTER = "almoner.shell.accounts.adapters.SecondFactorAdapter"
ACCOUNT_FORMS = {"login": "almoner.shell.accounts.forms.LoginForm"}
MFA_FORMS = {"add_webauthn": "almoner.shell.accounts.forms.AddPasskeyForm"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
# Per address as many as a hospital behind one router needs at the change of shifts; per account few.
ACCOUNT_RATE_LIMITS = {
    "login": "240/m/ip",
    "login_failed": "60/m/ip,5/5m/key",
    "reset_password": "20/m/ip,3/5m/key",
}
MFA_RATE_LIMITS = {"webauthn_login": "240/m/ip"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Almoner"
MFA_TOTP_TOLERANCE = 1

# What limits attempts is counted in the database: every process and thread sees it, also after a restart.
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "shell_cache"},
}

_mail = mail_settings(ENVIRONMENT.mail_url)
EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT = _mail.backend, _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.starttls, _mail.tls
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = ENVIRONMENT.mail_from

# What takes messages to patients out of the house, and where the links in them lead.
MESSAGE_SENDERS = {
    "email": "almoner.messaging.senders.DjangoMail",
    "sms": "almoner.messaging.senders.TerminalSms",
}
PUBLIC_URL = ENVIRONMENT.public_url.rstrip("/") or f"http://localhost:{ENVIRONMENT.port}"

# A person's own choice first (a cookie), then the browser's, then English.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("es", "Español"), ("hi", "हिन्दी")]
LANGUAGE_COOKIE_SAMESITE = "Lax"
LOCALE_PATHS = [Path(__file__).parent / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = ENVIRONMENT.data_dir / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "almoner.shell.static_files.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG

# Nothing inline and nothing from elsewhere runs in a page, from the first day on.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.NONE],
        "script-src": [csp.SELF],
        "style-src": [csp.SELF],
        "img-src": [csp.SELF, "data:"],
        "font-src": [csp.SELF],
        "connect-src": [csp.SELF],
        "form-action": [csp.SELF],
        "base-uri": [csp.NONE],
        "frame-ancestors": [csp.NONE],
    }
}

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W012", "security.W016"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "almoner.pages.uploads.RefuseLargeUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
