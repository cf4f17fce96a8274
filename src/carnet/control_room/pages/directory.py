"""Sign-in against the site's own directory (LDAP), off unless the environment names one. The directory says whether a
password is right; who may do what stays in the ledger, and a name that it does not know is never sent to it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from carnet.errors import UsageError

SERVER = "CARNET_ROOM_LDAP"
_MISSING = UsageError(
    f"{SERVER} names a directory, and the package that asks it is not installed.",
    "Install the extra “ldap” (docs/guides/site-install.md), or start without it.",
)
PATIENCE = 5  # seconds


def is_on(world: Mapping[str, str] = os.environ) -> bool:
    return bool(world.get(SERVER))


def settings(world: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Django's settings of `django-auth-ldap`; none where no directory is named. Raises UsageError."""
    if not is_on(world):
        return {}
    try:
        import ldap
        from django_auth_ldap.config import LDAPSearch
    except ImportError as error:
        raise _MISSING from error
    server = world[SERVER]
    found: dict[str, Any] = {
        "AUTH_LDAP_SERVER_URI": server,
        "AUTH_LDAP_START_TLS": server.startswith("ldap://") and world.get("CARNET_ROOM_LDAP_STARTTLS") != "off",
        "AUTH_LDAP_ALWAYS_UPDATE_USER": False,
        "AUTH_LDAP_CONNECTION_OPTIONS": {ldap.OPT_NETWORK_TIMEOUT: PATIENCE, ldap.OPT_REFERRALS: 0},
    }
    authority = world.get("CARNET_ROOM_LDAP_CA")
    if authority:
        found["AUTH_LDAP_CONNECTION_OPTIONS"] |= {
            ldap.OPT_X_TLS_CACERTFILE: authority,
            ldap.OPT_X_TLS_REQUIRE_CERT: ldap.OPT_X_TLS_DEMAND,
            ldap.OPT_X_TLS_NEWCTX: 0,
        }
    if world.get("CARNET_ROOM_LDAP_USER_DN"):
        return found | {"AUTH_LDAP_USER_DN_TEMPLATE": _with_user(world, "CARNET_ROOM_LDAP_USER_DN")}
    base = world.get("CARNET_ROOM_LDAP_SEARCH")
    if not base:
        raise UsageError(
            f"{SERVER} names a directory, and not where people are in it.",
            "Set CARNET_ROOM_LDAP_USER_DN, such as uid=%(user)s,ou=people,dc=site; or CARNET_ROOM_LDAP_SEARCH.",
        )
    secret = world.get("CARNET_ROOM_LDAP_BIND_PASSWORD_FILE")
    return found | {
        "AUTH_LDAP_USER_SEARCH": LDAPSearch(
            base, ldap.SCOPE_SUBTREE, _with_user(world, "CARNET_ROOM_LDAP_FILTER", "(uid=%(user)s)")
        ),
        "AUTH_LDAP_BIND_DN": world.get("CARNET_ROOM_LDAP_BIND_DN", ""),
        "AUTH_LDAP_BIND_PASSWORD": Path(secret).read_text().strip() if secret else "",
    }


def _with_user(world: Mapping[str, str], name: str, usual: str = "") -> str:
    text = world.get(name, usual)
    if text.count("%(user)s") != 1 or text.replace("%(user)s", "").count("%"):
        raise UsageError(f"{name}must contain the sign-in name once, written %(user)s: “{text}”.")
    return text
