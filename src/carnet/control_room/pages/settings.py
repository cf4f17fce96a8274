"""Django's settings of the pages: production by default. What differs from place to place comes from the server that
starts them (`given`), or is named in the environment and described in docs/settings.md. What both sides share:
`carnet.web_kit`.
"""

import os
from pathlib import Path

from carnet.control_room.pages import directory, issuer
from carnet.control_room.pages.runtime_config import PAGES, runtime_config
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

_GIVEN = runtime_config()
_HERE = Path(__file__).parent
_SERVED = bool(_GIVEN.folder)

DEBUG = False
INSTALLED_APPS = [*APPS_BEFORE, *issuer.apps(), "carnet.control_room.pages"]
MIDDLEWARE = [*MIDDLEWARE_BEFORE, "carnet.control_room.pages.door.Door"]
TEMPLATES = templates(_HERE / "templates", "carnet.control_room.pages.menu.page")
ROOT_URLCONF = "carnet.control_room.pages.urls"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(_GIVEN.data / PAGES) if _SERVED else ":memory:",
        "CONN_MAX_AGE": None,  # each thread keeps its own: to open it costs more than what is read in it
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
        },
    }
}
STATIC_ROOT = str(_GIVEN.data / "static") if _SERVED else None
STORAGES = storages(collected=_SERVED)

SECRET_KEY = _GIVEN.signing.hex()
ALLOWED_HOSTS = _GIVEN.hosts or ["localhost", "127.0.0.1", "[::1]"]
_SECURE = _GIVEN.https != "off"
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS] if _GIVEN.https == "proxy" else []
SECURE_SSL_REDIRECT = _SECURE
SECURE_HSTS_SECONDS = 31_536_000 if _SECURE else 0
# A site chooses its names: what else is served at or below them is not ours to speak for.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _GIVEN.https == "proxy" else None
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if _GIVEN.https == "proxy" else 0  # sign-ins that fail are counted by who asks it
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _SECURE
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = cookie_names("room", secure=_SECURE, prefix=_GIVEN.prefix)
globals().update(below(_GIVEN.prefix))

DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # the rows of a file of assignments come back in a form

# Sign-in, by the name under which acts are recorded.
AUTH_USER_MODEL = "pages.Login"
AUTHENTICATION_BACKENDS = [
    *(["carnet.control_room.pages.directory_sign_in.Backend"] if directory.is_on() else []),
    "carnet.control_room.pages.sign_in.Backend",  # works beside a directory, also when that is down
]
globals().update(directory.settings() | issuer.settings())
AUTH_PASSWORD_VALIDATORS = password_validators("name")
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = "name"
ACCOUNT_USER_MODEL_EMAIL_FIELD = None
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
MFA_ADAPTER = "carnet.control_room.pages.sign_in.MfaAdapter"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _SECURE
SECOND_FACTOR = os.environ.get("CARNET_ROOM_SECOND_FACTOR", "by-role")  # or `required` of all, or `optional`
IDLE_MINUTES = idle_minutes(os.environ.get("CARNET_ROOM_IDLE_MINUTES"))
REDEEM_ENTRY_CODE = "carnet.control_room.pages.sign_in.redeem"
