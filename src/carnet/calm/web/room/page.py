"""Putting the page together: what CALM knows (`overview.room`), what was typed, and what pre-flight says of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from carnet.calm.licenses.models import Guid
from carnet.calm.overview.figures import Figures, PurchaseFigures
from carnet.calm.overview.preflight import AskedRow, Preflight, preflight
from carnet.calm.overview.room import Configure, RoomPage, room_page
from carnet.calm.people.access import May
from carnet.calm.web.door import Desk, needs
from carnet.calm.web.room.typed import LINE, PRODUCT, UNTIL, Typed, proposed, read_typed
from carnet.exchange.verdicts import Refusal


@dataclass(frozen=True)
class Row:
    """A row of step 2: a product, or a line of it that starts later."""

    figures: Figures
    later: PurchaseFigures | None
    field: str
    value: str
    error: str
    asked: AskedRow | None

    @property
    def trouble(self) -> bool:
        return bool(self.error) or (self.asked is not None and self.asked.level in ("refusal", "warning"))


@dataclass(frozen=True)
class Desktop:
    """Steps 2 and 3 as they stand."""

    rows: tuple[Row, ...]
    typed: Typed
    checked: Preflight | None
    flags: dict[str, bool]

    @property
    def may_issue(self) -> bool:
        checked = self.checked
        return bool(checked and not checked.refusals and not self.typed.errors)

    @property
    def troubles(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.trouble)


FLAGS = ("site_clock_is_off", "lowers_clock", "frees_first")
STATED_BY_STAFF = ("site_clock_is_off", "lowers_clock")  # E5, T3


def desktop(request: Desk, page: RoomPage) -> Desktop | None:
    """Steps 2 and 3 with what was posted, or with what is proposed. None where there is nothing to configure."""
    if page.configure is None or page.request is None or page.request.used:
        return None
    posted = request.method == "POST" and UNTIL in request.POST
    typed = read_typed(request.POST, page.configure) if posted else proposed(page.configure)
    flags = {flag: posted and flag in request.POST for flag in FLAGS}
    for flag in STATED_BY_STAFF:
        flags[flag] = flags[flag] and needs(request, May.OPERATE)
    checked = preflight(page.request.request, typed.asked, request.now, site_clock_is_off=flags["site_clock_is_off"])
    return Desktop(tuple(_rows(page.configure, typed, checked)), typed, checked, flags)


def _rows(configure: Configure, typed: Typed, checked: Preflight) -> Iterator[Row]:
    said = {(row.sku, row.purchase): row for row in checked.rows}
    for figures in configure.figures:
        yield _row(figures, None, PRODUCT + figures.sku, typed, said.get((figures.sku, "")))
        for line in figures.later:
            yield _row(figures, line, LINE + line.purchase, typed, said.get((figures.sku, line.purchase)))


def _row(figures: Figures, later: PurchaseFigures | None, field: str, typed: Typed, asked: AskedRow | None) -> Row:
    return Row(figures, later, field, typed.values.get(field, ""), typed.errors.get(field, ""), asked)


def show(
    request: Desk, guid: Guid, *, refusal: Refusal | None = None, template: str = "room", **more: Any
) -> HttpResponse:
    """The page, with the refusal of what was just tried."""
    page = room_page(guid.id, request.now)
    context = {"page": page, "desk": desktop(request, page), "refusal": refusal, "account_id": page.account, **more}
    return render(request, f"calm/room/{template}.html", context, status=422 if refusal else 200)
