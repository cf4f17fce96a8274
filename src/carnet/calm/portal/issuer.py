"""Single sign-on at CALM: off unless the environment says `on`. Accounts then name issuers of their own
(`people.issuers`); the vendor's staff has the one that the environment names, if it does."""

import os
from collections.abc import Mapping
from typing import Any

from carnet.errors import UsageError
from carnet.web_kit.sso.issuers import Issuer, Names, from_world
from carnet.web_kit.sso.settings import APPS
from carnet.web_kit.sso.settings import settings as kit_settings

SWITCH = "CARNET_CALM_SSO"
NAMES = Names("CARNET_CALM_SSO_ISSUER", "CARNET_CALM_SSO_CLIENT_ID", "CARNET_CALM_SSO_SECRET_FILE")
DOMAINS = "CARNET_CALM_SSO_DOMAINS"


def is_on(world: Mapping[str, str] = os.environ) -> bool:
    """Raises UsageError for another word."""
    found = world.get(SWITCH, "off")
    if found not in ("on", "off"):
        raise UsageError(f"{SWITCH} is on or off, and not “{found}”.")
    return found == "on"


def apps(world: Mapping[str, str] = os.environ) -> list[str]:
    return APPS if is_on(world) else []


def is_loopback(world: Mapping[str, str] = os.environ) -> bool:
    return world.get("CARNET_CALM_SSO_LOOPBACK") == "yes"


def staff_issuer(world: Mapping[str, str] = os.environ) -> Issuer | None:
    """Raises UsageError where it is named in part, or cannot be read."""
    return from_world(world, NAMES, loopback=is_loopback(world)) if is_on(world) else None


def staff_domains(world: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Of the vendor's own addresses: who types one is sent to the staff's issuer."""
    return frozenset(each.strip().lower() for each in world.get(DOMAINS, "").split(",") if each.strip())


def settings(world: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Django's settings of it; none where it is off. Raises UsageError as `staff_issuer` does."""
    if not is_on(world):
        return {}
    if staff_issuer(world) and not staff_domains(world):
        raise UsageError(f"{NAMES.issuer} names an issuer, and {DOMAINS} is missing.", "See docs/settings.md.")
    found = kit_settings("carnet.calm.portal.issuer_sign_in.Adapter", loopback=is_loopback(world))
    return found | {"SSO_CA": world.get("CARNET_CALM_SSO_CA")}
