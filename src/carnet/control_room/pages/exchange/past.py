"""The exchange's past: single happenings for a timeline, what became of a cycle, and the page of all cycles. The newest
first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from carnet.control_room.local_api.client import unrefused
from carnet.control_room.pages.door import AuthorizedRequest, requires
from carnet.control_room.pages.models import Preview
from carnet.control_room.queries.exchange import Exchange, ExchangeAnswer, ExchangeEntry
from carnet.control_room.rules.granting.people import Permission


@dataclass(frozen=True)
class Happening:
    at: datetime
    title: str
    icon: str
    tone: str = "plain"
    more: str = ""


def happenings(past: ExchangeAnswer, preview: Preview | None = None) -> list[Happening]:
    found = [each for entry in past.entries for each in _of(entry)]
    found += [Happening(each.at, "The vendor's log was broken", "warn", "warn") for each in past.log_breaks]
    if preview:
        title = "A license file is under preview"
        found.append(Happening(preview.at, title, "download", "info", preview.by))
    return sorted(found, key=lambda each: each.at, reverse=True)


def _of(entry: ExchangeEntry) -> Iterator[Happening]:
    if entry.outcome_at and entry.kind == "cycle":
        title, icon, tone = outcome(entry)
        yield Happening(entry.outcome_at, title, icon, tone, entry.outcome_by)
    if entry.kind == "token":
        title = f"Enabled for {entry.account}"
        yield Happening(entry.at, title, "key", "ok", entry.by)
    for request in entry.requests:
        first = request is entry.requests[-1] and entry.kind == "cycle"
        number = request.sequence
        title = f"Request #{number} generated" if entry.kind == "cycle" else f"Release: request #{number}"
        icon = "upload" if entry.kind == "cycle" else "released"
        more = "opened the cycle" if first else ""
        yield Happening(request.at, title, icon, "info", more)


def outcome(entry: ExchangeEntry) -> tuple[str, str, str]:
    """In words, with a sign and a tone."""
    if entry.outcome == "installed":
        return f"License file #{entry.olf_sequence} installed", "done", "ok"
    words = {
        "open": ("Open", "files", "info"),
        "withdrawn": ("Withdrawn", "minus", "plain"),
        "locked": ("Missed: locked", "lock", "bad"),
        "lapsed": ("Missed: lapsed", "wait", "warn"),
        "closed_by_token": ("Closed by a new token", "key", "plain"),
        "released": ("Released", "released", "plain"),
    }
    return words.get(entry.outcome or "", ("Installed", "key", "ok"))


@requires(Permission.VIEW)
@require_GET
def cycles(request: AuthorizedRequest) -> HttpResponse:
    found = unrefused(request.client.ask(Exchange(_number(request.GET.get("before", "")))))
    rows = [(entry, *outcome(entry)) for entry in found.entries]
    return render(
        request, "room/exchange/cycles.html", {"found": found, "rows": rows, "paged": "before" in request.GET}
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
