"""Sign-in by an issuer of the site's own (OpenID Connect), off unless the environment names one. It says who somebody
is; who may do what, and whose an identity is, stays in the ledger."""

import os
from collections.abc import Mapping
from typing import Any

from carnet.web_kit.sso.issuers import Issuer, Names, from_world
from carnet.web_kit.sso.settings import APPS
from carnet.web_kit.sso.settings import settings as kit_settings

NAMES = Names("CARNET_ROOM_SSO_ISSUER", "CARNET_ROOM_SSO_CLIENT_ID", "CARNET_ROOM_SSO_SECRET_FILE")
LOOPBACK = "CARNET_ROOM_SSO_LOOPBACK"  # for tests: an issuer without TLS on this machine


def apps(world: Mapping[str, str] = os.environ) -> list[str]:
    """What Django loads for it; nothing where no issuer is named."""
    return APPS if world.get(NAMES.issuer) else []


def issuer(world: Mapping[str, str] = os.environ) -> Issuer | None:
    """Raises UsageError where it is named in part, or cannot be read."""
    return from_world(world, NAMES, loopback=world.get(LOOPBACK) == "yes")


def settings(world: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Django's settings of it. Raises UsageError as `issuer` does."""
    if issuer(world) is None:
        return {}
    loopback = world.get(LOOPBACK) == "yes"
    found = kit_settings("carnet.control_room.pages.issuer_sign_in.Adapter", loopback=loopback)
    return found | {"SSO_CA": world.get("CARNET_ROOM_SSO_CA")}
