"""Django's settings of the portal: production by default (`manage check --deploy` is clean). What differs from place to
place is named in the environment, and described in docs/settings.md. What both sides share: `carnet.web_kit`."""

import os
from pathlib import Path

from carnet.calm.portal import issuer
from carnet.calm.settings import *  # noqa: F403
from carnet.calm.settings import INSTALLED_APPS as _ROWS
from carnet.edge.prefix import checked_prefix
from carnet.web_kit.common_settings import *  # noqa: F403
from carnet.web_kit.common_settings import (
    APPS_BEFORE,
    MIDDLEWARE_BEFORE,
    below,
    cookie_names,
    idle_minutes,
    password_validators,
    storages,
    templates,
)

_DATA = os.environ.get("CARNET_CALM_DATA")
_HERE = Path(__file__).parent
_HTTPS = os.environ.get("CARNET_CALM_HTTPS", "direct" if _DATA else "off")  # direct | proxy | off
_PREFIX = checked_prefix(os.environ.get("CARNET_CALM_PREFIX", ""))
DEBUG = os.environ.get("CARNET_CALM_DEBUG") == "yes"

INSTALLED_APPS = [
    *APPS_BEFORE,
    *issuer.apps(),
    *_ROWS,
    "carnet.calm.people",
    "carnet.calm.notices",
    "carnet.calm.portal",
]
MIDDLEWARE = [*MIDDLEWARE_BEFORE, "carnet.calm.portal.door.Door"]
TEMPLATES = templates(_HERE / "templates", "carnet.calm.portal.menu.page")

ROOT_URLCONF = "carnet.calm.urls"
WSGI_APPLICATION = "carnet.web_kit.wsgi.application"
STATIC_ROOT = f"{_DATA}/static" if _DATA else None
STORAGES = storages(collected=bool(_DATA) and not DEBUG)


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
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if _HTTPS == "proxy" else 0  # sign-ins that fail are counted by who asks it
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = cookie_names("calm", secure=_SECURE, prefix=_PREFIX)
globals().update(below(_PREFIX))

# Sign-in.
AUTH_USER_MODEL = "people.Person"
AUTHENTICATION_BACKENDS = ["carnet.web_kit.sign_in.adapters.Backend"]
ACCOUNT_ADAPTER = "carnet.calm.portal.sign_in.Adapter"
ACCOUNT_FORMS = {"reset_password": "carnet.calm.portal.links.Forgotten"}
REDEEM_ENTRY_CODE = "carnet.calm.portal.sign_in.redeem"
IDLE_MINUTES = idle_minutes(os.environ.get("CARNET_CALM_IDLE_MINUTES"))
AUTH_PASSWORD_VALIDATORS = password_validators("email", "name")
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_SUBJECT_PREFIX = "CALM: "
MFA_ADAPTER = "carnet.calm.portal.sign_in.MfaAdapter"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = _HTTPS == "off"
SECOND_FACTOR = os.environ.get("CARNET_CALM_SECOND_FACTOR", "required")  # of vendor staff, or `optional`

globals().update(issuer.settings())

# Mail. Without a server none is sent, and none is printed: links are in it (A6).
EMAIL_HOST = os.environ.get("CARNET_SMTP_HOST", "")
EMAIL_BACKEND = "carnet.web_kit.mail.Smtp" if EMAIL_HOST else "carnet.web_kit.mail.NoServer"
EMAIL_PORT = int(os.environ.get("CARNET_SMTP_PORT", "587"))
EMAIL_HOST_USER = os.environ.get("CARNET_SMTP_USER", "")
_PASSWORD_FILE = os.environ.get("CARNET_SMTP_PASSWORD_FILE")
EMAIL_HOST_PASSWORD = Path(_PASSWORD_FILE).read_text().strip() if _PASSWORD_FILE else ""
EMAIL_USE_TLS = os.environ.get("CARNET_SMTP_TLS", "starttls") == "starttls"
EMAIL_USE_SSL = os.environ.get("CARNET_SMTP_TLS") == "tls"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get("CARNET_MAIL_FROM", "calm@localhost")
