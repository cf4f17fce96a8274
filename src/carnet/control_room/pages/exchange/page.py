"""Putting the page together: where the exchange stands, and what each step shows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.http import HttpResponse
from django.shortcuts import render

from carnet.control_room.local_api.client import unrefused
from carnet.control_room.pages.door import AuthorizedRequest
from carnet.control_room.pages.exchange.changes import Changes, changes
from carnet.control_room.pages.exchange.forms import Again, Generate, Release
from carnet.control_room.pages.exchange.past import Happening, happenings
from carnet.control_room.pages.exchange.preview_store import Previewed, previewed
from carnet.control_room.queries.exchange import Exchange, ExchangeAnswer, RequestText, RequestTextAnswer
from carnet.control_room.queries.status import CycleView, Status
from carnet.exchange.verdicts import Refusal
from carnet.exchange.windows import Windows
from carnet.times import later

STEPS = ("token", "request", "carry", "preview", "install", "receipt")
Step = Literal["token", "request", "carry", "preview", "install", "receipt"]
NEWEST_EVENTS = 5


@dataclass(frozen=True)
class Deadline:
    kind: Literal["newest", "cycle"]
    at: datetime
    start: datetime
    counts: bool


@dataclass(frozen=True)
class ExchangePage:
    stands: Step  # what is to be done next
    past: ExchangeAnswer
    newest: list[Happening]
    request: RequestTextAnswer | None
    deadlines: list[Deadline]  # the nearer first; none where no cycle is open
    previewed: Previewed | None
    changes: Changes | None
    receipt: str  # the name of the newest receipt's file; empty where there is none
    newest_request: str  # its id, where a cycle is open: what the form that generates another was opened beside

    @property
    def states(self) -> dict[str, str]:
        """Of each step: done, now, waiting."""
        here = STEPS.index(self.stands)
        return {
            step: "done" if place < here else "now" if place == here else "waiting" for place, step in enumerate(STEPS)
        }

    @property
    def missed_at(self) -> datetime | None:
        """When the cycle is missed (E8), while it is open."""
        return next((each.at for each in self.deadlines if each.kind == "cycle"), None)


def exchange_page(request: AuthorizedRequest) -> ExchangePage:
    status, client = request.status, request.client
    past = unrefused(client.ask(Exchange()))
    text = client.ask(RequestText())
    found = previewed(request)
    return ExchangePage(
        _stands(status, found, request.now),
        past,
        happenings(past, found.row if found else None)[:NEWEST_EVENTS],
        text if isinstance(text, RequestTextAnswer) else None,
        _deadlines(status.cycle, status.windows),
        found,
        changes(found.answer, status) if found and found.answer else None,
        past.receipt,
        status.cycle.request if status.cycle else "",
    )


def _stands(status: Status, found: Previewed | None, now: datetime) -> Step:
    if status.state in ("new", "released"):
        return "token"
    if status.cycle is None or status.cycle.missed or now >= status.cycle.install_by:
        return "request"
    if found is None:
        return "carry"
    return "install" if found.may_install else "preview"


def _deadlines(cycle: CycleView | None, windows: Windows) -> list[Deadline]:
    """E5: of the two the nearer counts."""
    if cycle is None or cycle.missed:
        return []
    newest_ends, cycle_ends = later(cycle.newest_request_at, windows.newest_request), cycle.ends_at
    nearer = newest_ends < cycle_ends
    newest = Deadline("newest", newest_ends, cycle.newest_request_at, nearer)
    whole = Deadline("cycle", cycle_ends, cycle.opened_at, not nearer)
    return [newest, whole] if nearer else [whole]


def show(request: AuthorizedRequest, *, refusal: Refusal | None = None, tried: str = "", **more: Any) -> HttpResponse:
    """The page; with the refusal of what was just tried, in the step where it was."""
    forms = {
        "generate": Generate(request.status),
        "release": Release(request.status.name),
        "again": Again(),
    } | {name: form for name, form in more.items() if form is not None}
    context = {"page": exchange_page(request), "refusal": refusal, "tried": tried, **forms}
    return render(request, "room/exchange/manage.html", context, status=422 if refusal or tried else 200)
