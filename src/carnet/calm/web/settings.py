"""Django's settings of the portal: production by default (`manage check --deploy` is clean). What differs from place to
place is named in the environment, and described in docs/settings.md."""

import os
from pathlib import Path

from csp.constants import NONE, SELF

from carnet.calm.settings import *  # noqa: F403
from carnet.calm.settings import INSTALLED_APPS as _ROWS
from carnet.ui import loading

_DATA = os.environ.get("CARNET_CALM_DATA")
_HERE = Path(__file__).parent
_HTTPS = os.environ.get("CARNET_CALM_HTTPS", "direct" if _DATA else "off")  # direct | proxy | off
DEBUG = os.environ.get("CARNET_CALM_DEBUG") == "yes"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",  # the sign-in package writes times with it
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    *loading.APPS,
    *_ROWS,
    "carnet.calm.people",
    "carnet.calm.notices",
    "carnet.calm.web",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "carnet.calm.web.door.Door",
    "carnet.calm.web.faults.Faults",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_HERE / "templates"],  # before the sign-in package's own
        "APP_DIRS": False,
        "OPTIONS": {
            "loaders": loading.LOADERS,
            "builtins": ["django.templatetags.static", *loading.BUILTINS],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "carnet.calm.web.menu.page",
            ],
        },
    }
]
COTTON_ISOLATE_BY_DEFAULT = True  # a component sees its own attributes, and what the context processors give
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
DJANGO_TABLES2_TEMPLATE = "ui/table.html"

CSRF_FAILURE_VIEW = "carnet.calm.web.own.errors.csrf_failed"
ROOT_URLCONF = "carnet.calm.urls"
WSGI_APPLICATION = "carnet.calm.web.wsgi.application"
STATIC_URL = "/static/"
STATIC_ROOT = f"{_DATA}/static" if _DATA else None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if _DATA and not DEBUG
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

USE_I18N = True
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English")]


def _secret() -> str:
    """Made by `calm init`. Without a data folder (tests, type checks) there is nothing to keep."""
    file = Path(_DATA or "") / "web.secret"
    return (
        file.read_text() if _DATA and file.exists() else "without a data folder there is nothing that this could sign"
    )


SECRET_KEY = _secret()
ALLOWED_HOSTS = os.environ.get("CARNET_CALM_HOSTS", "localhost,127.0.0.1,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS] if _HTTPS == "proxy" else []

# Transport. `off` is for trying CALM out on one machine, and is chosen explicitly.
_SECURE = _HTTPS != "off"
SECURE_SSL_REDIRECT = _SECURE
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS == "proxy" else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "calm_session", "calm_csrf"
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],  # the QR of a one-time password is an image in the page
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
MOST_UPLOADED = 16 * 1024 * 1024  # bytes of a whole request; each file in it has its own, smaller limit
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = MOST_UPLOADED  # never a temporary file of what nobody looked at yet

# Sign-in.
AUTH_USER_MODEL = "people.Person"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
PASSWORD_RESET_TIMEOUT = 24 * 3600
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("UserAttributeSimilarityValidator", {"user_attributes": ("email", "name")}),
    )
]
LOGIN_URL, LOGIN_REDIRECT_URL = "account_login", "home"
ACCOUNT_ADAPTER = "carnet.calm.web.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # nobody signs up: staff add people by their address
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "CALM: "
ACCOUNT_RATE_LIMITS = {"login_failed": "20/m/ip,5/15m/key"}  # locks passwords and one-time codes alike
MFA_ADAPTER = "carnet.calm.web.sign_in.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_TOLERANCE = 0
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = _HTTPS == "off"
USERSESSIONS_TRACK_ACTIVITY = True
VENDOR_NEEDS_SECOND_FACTOR = os.environ.get("CARNET_CALM_SECOND_FACTOR", "required") == "required"

# Failed sign-ins and used one-time codes are counted here: several processes must share it.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "web_cache"}}

# Mail: printed, unless an SMTP server is named.
EMAIL_HOST = os.environ.get("CARNET_SMTP_HOST", "")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_PORT = int(os.environ.get("CARNET_SMTP_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("CARNET_SMTP_USER", "")
_PASSWORD_FILE = os.environ.get("CARNET_SMTP_PASSWORD_FILE")
EMAIL_HOST_PASSWORD = Path(_PASSWORD_FILE).read_text().strip() if _PASSWORD_FILE else ""
EMAIL_USE_TLS = os.environ.get("CARNET_SMTP_TLS", "starttls") == "starttls"
EMAIL_USE_SSL = os.environ.get("CARNET_SMTP_TLS") == "tls"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get("CARNET_MAIL_FROM", "calm@localhost")

NINJA_PAGINATION_PER_PAGE = 100
