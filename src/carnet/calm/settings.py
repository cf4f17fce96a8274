"""Django's settings: the ORM over one database, and nothing else of Django.

`wiring` names the data folder in the environment before it sets Django up. Without it (tests, type checks) the
database is in memory, unless DATABASE_URL names one.
"""

import os

from carnet.calm import database_url

INSTALLED_APPS = [
    "carnet.calm.customers",
    "carnet.calm.purchases",
    "carnet.calm.control_rooms",
    "carnet.calm.issuing_log",
    "carnet.calm.use_cases",
]

DATABASES = {"default": database_url.settings(os.environ.get("CARNET_CALM_DATA"))}

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LOGGING_CONFIG = None
