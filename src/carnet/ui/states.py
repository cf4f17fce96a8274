"""The looks of states: for each a sign, a tone and a word. Nothing is told by colour alone."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

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
    "new": Look("new", "plain", _("New")),
    "enabled": Look("enabled", "plain", _("Enabled")),
    "requested": Look("requested", "info", _("Requested")),
    "active": Look("ok", "ok", _("Active")),
    "expiring": Look("half", "warn", _("Expiring")),
    "grace": Look("warning", "warn", _("Grace")),
    "expired": Look("refused", "bad", _("Expired")),
    "locked": Look("lock", "bad", _("Locked")),
    "released": Look("released", "plain", _("Released")),
    "lost": Look("warning", "warn", _("Reported lost")),
    "written_off": Look("released", "plain", _("Written off")),
    "free": Look("free", "plain", _("Free")),
    # files and cycles
    "accepted": Look("ok", "ok", _("Accepted")),
    "refused": Look("refused", "bad", _("Refused")),
    "superseded": Look("minus", "plain", _("Superseded")),
    "issued": Look("download", "info", _("Issued")),
    "installed": Look("ok", "ok", _("Installed")),
    "lapsed": Look("refused", "bad", _("Lapsed")),
    "open": Look("files", "info", _("Cycle open")),
    # decisions
    "asked": Look("wait", "info", _("To decide")),
    "pending": Look("wait", "info", _("To decide")),
    "approved": Look("approval", "ok", _("Approved")),
    "granted": Look("approval", "ok", _("Approved")),
    "withdrawn": Look("minus", "plain", _("Withdrawn")),
    "confirmed": Look("ok", "ok", _("Confirmed")),
    "proposed": Look("people", "warn", _("Second person needed")),
    "running": Look("wait", "info", _("Running")),
}


def look(state: str) -> Look:
    """An unknown state still says its name, without colour."""
    key = state.lower().replace(" ", "_").replace("-", "_")
    return LOOKS.get(key) or Look("minus", "plain", state.replace("_", " ").capitalize())
