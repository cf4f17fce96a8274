"""Django's settings: the ORM over one SQLite file, and nothing else of Django.

`wiring` names the data folder in the environment before it sets Django up. Without it (tests, type checks) the
database is in memory.
"""

import os

_DATA = os.environ.get("CARNET_CALM_DATA")

INSTALLED_APPS = [
    "carnet.calm.customers",
    "carnet.calm.licenses",
    "carnet.calm.control_rooms",
    "carnet.calm.issuing_log",
    "carnet.calm.issuing",
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"{_DATA}/calm.sqlite3" if _DATA else ":memory:",
        # IMMEDIATE: an act reads what it decides on under the write lock: two operators are one after the other.
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
        },
    }
}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LOGGING_CONFIG = None
