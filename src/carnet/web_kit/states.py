"""The looks of states: for each a sign, a tone and a word. Nothing is told by colour alone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

TONE_ICONS = {"info": "info", "ok": "ok", "warn": "warning", "bad": "refused", "plain": "minus"}


@dataclass(frozen=True)
class Look:
    icon: str
    tone: str
    word: "StrOrPromise"


LOOKS = {
    # Control Room
    "new": Look("new", "plain", "New"),
    "enabled": Look("enabled", "plain", "Enabled"),
    "requested": Look("requested", "info", "Requested"),
    "active": Look("ok", "ok", "Active"),
    "expiring": Look("half", "warn", "Expiring"),
    "grace": Look("warning", "warn", "Grace"),
    "expired": Look("refused", "bad", "Expired"),
    "later": Look("wait", "plain", "Starts later"),
    "locked": Look("lock", "bad", "Locked"),
    "released": Look("released", "plain", "Released"),
    "lost": Look("warning", "warn", "Reported lost"),
    "written_off": Look("released", "plain", "Written off"),
    "free": Look("free", "plain", "Free"),
    # files and cycles
    "accepted": Look("ok", "ok", "Accepted"),
    "refused": Look("refused", "bad", "Refused"),
    "superseded": Look("minus", "plain", "Superseded"),
    "issued": Look("download", "info", "Issued"),
    "installed": Look("ok", "ok", "Installed"),
    "lapsed": Look("refused", "bad", "Lapsed"),
    "open": Look("files", "info", "Cycle open"),
    # decisions
    "asked": Look("wait", "info", "To decide"),
    "pending": Look("wait", "info", "To decide"),
    "approved": Look("approval", "ok", "Approved"),
    "granted": Look("approval", "ok", "Approved"),
    "withdrawn": Look("minus", "plain", "Withdrawn"),
    "confirmed": Look("ok", "ok", "Confirmed"),
    "proposed": Look("people", "warn", "Second person needed"),
    "running": Look("wait", "info", "Running"),
}


# Of the site's banners (S), by kind. One that ends soon has the sign of its state until it presses.
BANNER_ICONS = {
    "locked": "lock",
    "expired": "refused",
    "grace": "grace",
    "expiring": "half",
    "cycle": "wait",
    "change": "half",
}


def banner_icon(kind: str, tone: str) -> str:
    return "wait" if kind in ("expiring", "change") and tone == "bad" else BANNER_ICONS[kind]


def look(state: str) -> Look:
    """An unknown state still says its name, without colour."""
    key = state.lower().replace(" ", "_").replace("-", "_")
    return LOOKS.get(key) or Look("minus", "plain", state.replace("_", " ").capitalize())
