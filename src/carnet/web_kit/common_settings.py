"""What Django's settings of both sides have in common: production by default, nothing from outside, deny unless
permitted. Each side adds its own apps, addresses and sign-in adapters."""

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from carnet.errors import UsageError
from carnet.fips import approved_only
from carnet.web_kit import loading
from carnet.web_kit.sign_in import hashers

IDLE_MINUTES = 60  # A5: without use; each side reads its own from the environment
TEMPLATES_FOR_SIGN_IN = Path(__file__).parent / "sign_in" / "templates"  # before the sign-in package's own

APPS_BEFORE = [
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
]
MIDDLEWARE_BEFORE = [  # the side's own door comes after
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "carnet.web_kit.door.NotKept",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "carnet.web_kit.door.Printable",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "carnet.web_kit.sign_in.seen.SeenLast",
    "carnet.web_kit.sign_in.locks.KnownBrowsers",
    "django_htmx.middleware.HtmxMiddleware",
]


def cookie_names(side: str, *, secure: bool, prefix: str = "") -> tuple[str, str]:
    """Of the session's cookie and of the one against forged forms. Over HTTPS no other host and no plain connection can
    set one of that name (`__Host-`). Such a cookie is for the whole host: below a path prefix, where others answer at
    the same host, it is for the prefix, and no plain connection can set it (`__Secure-`)."""
    mark = ("__Secure-" if prefix else "__Host-") if secure else ""
    return f"{mark}{side}_session", f"{mark}{side}_csrf"


def below(prefix: str) -> dict[str, str | None]:
    """What follows from a path prefix (`carnet.edge.prefix`), by the names of the settings."""
    return {
        "FORCE_SCRIPT_NAME": prefix or None,
        "STATIC_URL": f"{prefix}/static/",
        "SESSION_COOKIE_PATH": f"{prefix}/",
        "CSRF_COOKIE_PATH": f"{prefix}/",
    }


def idle_minutes(text: str | None) -> int:
    """A5: after how many minutes without use a session ends. Raises UsageError."""
    found = int(text) if text and text.isascii() and text.isdigit() else 0 if text else IDLE_MINUTES
    if not 1 <= found <= 12 * 60:
        raise UsageError(f"A session ends after 1 to 720 minutes without use, and not after “{text}”.")
    return found


def templates(folder: Path, context: str) -> list[dict[str, Any]]:
    """`folder`: the side's own templates. `context`: what gives every page its head and menu."""
    return [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [folder, TEMPLATES_FOR_SIGN_IN],
            "APP_DIRS": False,
            "OPTIONS": {
                "loaders": loading.LOADERS,
                "builtins": ["django.templatetags.static", *loading.BUILTINS],
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                    context,
                ],
            },
        }
    ]


def storages(*, collected: bool) -> dict[str, dict[str, str]]:
    static = (
        "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if collected
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    return {
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
        "staticfiles": {"BACKEND": static},
    }


COTTON_ISOLATE_BY_DEFAULT = True  # a component sees its own attributes, and what the context processors give
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
DJANGO_TABLES2_TEMPLATE = "ui/table.html"
CSRF_FAILURE_VIEW = "carnet.web_kit.errors.csrf_failed"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ, TIME_ZONE = True, "UTC"
USE_I18N = False
LANGUAGE_CODE = "en-gb"
LOGGING_CONFIG = None

# Transport, beside what a side says of TLS.
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # some hold a link: never in a cookie
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
PASSWORD_HASHERS = hashers.in_order(approved_only())
PASSWORD_RESET_TIMEOUT = 24 * 3600
LOGIN_URL, LOGIN_REDIRECT_URL = "account_login", "home"
ACCOUNT_ADAPTER = "carnet.web_kit.sign_in.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"  # no sign-up: people are added by those who may
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600  # seconds, as `sign_in.fresh` has it (A5)
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
# The package's own asks for rows of whoever is here, and so takes another time for nobody (A6).
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"  # noqa: S105
ACCOUNT_RATE_LIMITS = {"login_failed": "20/m/ip,5/15m/key,10/3h/key,20/d/key"}  # by `sign_in.locks`; codes alike
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_FORMS = {
    "authenticate": "carnet.web_kit.sign_in.one_time.Authenticate",
    "reauthenticate": "carnet.web_kit.sign_in.one_time.Reauthenticate",
    "activate_totp": "carnet.web_kit.sign_in.one_time.SetUp",
    "add_webauthn": "carnet.web_kit.sign_in.passkeys.Add",
}
USERSESSIONS_TRACK_ACTIVITY = True  # by `SeenLast`, once a minute
SECOND_FACTOR = "required"  # of whom: each side says
SSO = SSO_LOOPBACK = False  # whether people sign in by an issuer (`carnet.web_kit.sso`): each side says
SSO_CA = None  # the file with the certificate that signed the issuer's, where the system does not know it


# Failed sign-ins and used one-time codes are counted here: several processes must share it.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "web_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # a flood of names must not push out the locks of others
    },
    "seen": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "seen"},  # each process its own
}


def password_validators(*attributes: str) -> list[dict[str, Any]]:
    """`attributes`: of a person, which a password must not resemble."""
    named: tuple[tuple[str, dict[str, Any]], ...] = (
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("UserAttributeSimilarityValidator", {"user_attributes": attributes}),
    )
    found = [{"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options} for name, options in named]
    return [*found, {"NAME": "carnet.web_kit.sign_in.passwords.NotOfThisPlace"}]
