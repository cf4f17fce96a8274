"""The exchange's past as single happenings, the newest first, for a timeline; and what became of a cycle, in words."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from carnet.control_room.authority.exchange import ExchangeEntry
from carnet.control_room.web.models import Preview


@dataclass(frozen=True)
class Happening:
    at: datetime
    title: str
    icon: str
    tone: str = "plain"
    more: str = ""


def happenings(entries: Iterable[ExchangeEntry], preview: Preview | None = None) -> list[Happening]:
    found = [each for entry in entries for each in _of(entry)]
    if preview:
        title = _("A license file is under preview")
        found.append(Happening(preview.at, title, "download", "info", preview.by))
    return sorted(found, key=lambda each: each.at, reverse=True)


def _of(entry: ExchangeEntry) -> Iterator[Happening]:
    if entry.outcome_at and entry.kind == "cycle":
        title, icon, tone = outcome(entry)
        yield Happening(entry.outcome_at, title, icon, tone, entry.outcome_by)
    if entry.kind == "token":
        title = _("Enabled for %(account)s") % {"account": entry.account}
        yield Happening(entry.at, title, "key", "ok", entry.by)
    for request in entry.requests:
        first = request is entry.requests[-1] and entry.kind == "cycle"
        title = _("Request #%(number)s generated") if entry.kind == "cycle" else _("Release: request #%(number)s")
        icon = "upload" if entry.kind == "cycle" else "released"
        more = _("opened the cycle") if first else ""
        yield Happening(request.at, title % {"number": request.sequence}, icon, "info", more)


def outcome(entry: ExchangeEntry) -> tuple[str, str, str]:
    """In words, with a sign and a tone."""
    if entry.outcome == "installed":
        return _("License file #%(number)s installed") % {"number": entry.olf_sequence}, "done", "ok"
    words = {
        "open": (_("Open"), "files", "info"),
        "withdrawn": (_("Withdrawn"), "minus", "plain"),
        "locked": (_("Missed: locked"), "lock", "bad"),
        "lapsed": (_("Missed: lapsed"), "wait", "warn"),
        "closed_by_token": (_("Closed by a new token"), "key", "plain"),
        "released": (_("Released"), "released", "plain"),
    }
    return words.get(entry.outcome or "", (_("Installed"), "key", "ok"))
