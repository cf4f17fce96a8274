"""The question: another day, a missed deadline, another license file. It only looks."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import ClassVar

from carnet.control_room.activation.install_license import open_license
from carnet.control_room.authority.banner import Banner, banner
from carnet.control_room.authority.decision import View
from carnet.control_room.authority.forecast import missed_deadline, refused_words
from carnet.control_room.authority.grant import count_in_use, granted, lines_of, products
from carnet.control_room.authority.holders import who_holds
from carnet.control_room.authority.state import State
from carnet.control_room.authority.states import state_name, unlocked_name
from carnet.control_room.authority.views import ProductView, product_views
from carnet.control_room.what_if.answers import Asked, asked
from carnet.control_room.what_if.spans import Span, horizon, spans
from carnet.control_room.what_if.supposed import installed, later
from carnet.entitlements import Metric
from carnet.exchange.verdicts import Code, Refusal

FAR = timedelta(days=3660)  # nobody plans beyond
NAMED = 20  # of those who would not be covered


@dataclass(frozen=True)
class UncoveredCount:
    """Q4, of those who hold one now."""

    sku: str
    name: str
    count: int
    newest: list[str]  # at most 20, the newest first


@dataclass(frozen=True)
class WhatIfAnswer:
    on: datetime
    state: str
    state_by_time: str
    notice: Banner | None
    license_file: int | None  # the number of the one that is supposed
    spans: list[Span]
    until: datetime  # where the spans end
    products: list[ProductView]
    answers: list[Asked]
    refused: list[str]  # in words
    uncovered: list[UncoveredCount]


@dataclass(frozen=True)
class WhatIf:
    """`missed_deadline` without a day: the moment at which the open cycle is missed. `raw`: an OLF, as if it were
    installed now. A refusal of it is answered as it is."""

    on: datetime | None = None
    missed_deadline: bool = False
    raw: bytes | None = field(default=None, repr=False)
    what: ClassVar[str] = "what if"
    answers: ClassVar[type] = WhatIfAnswer

    def answer(self, view: View) -> WhatIfAnswer | Refusal:
        state, now = view.state, view.now
        deadline = missed_deadline(state)
        if self.missed_deadline and deadline is None:
            return Refusal(Code.NOT_FOUND, "No request is open: there is no deadline to miss.", "Name a day.")
        on = self.on or (deadline if self.missed_deadline and deadline else now)
        if on.date() < now.date():
            return _past(on, now)
        if on - now > FAR:
            return Refusal(Code.MALFORMED, f"{on:%Y-%m-%d} is more than ten years away.", "Name an earlier day.")
        on, number = max(on, now), None
        if self.raw is not None:
            assert view.moment is not None
            opened = open_license(self.raw, state, view.moment)
            if isinstance(opened, Refusal):
                return opened
            if opened.refusal:
                return opened.refusal
            state, number, on = installed(state, opened), opened.read.olf.sequence, max(on, opened.now)
        return _answer(later(state, on, now), on, now, number)


def _past(on: datetime, now: datetime) -> Refusal:
    message = f"{on:%Y-%m-%d} is past; today is {now:%Y-%m-%d}."
    return Refusal(Code.MALFORMED, message, "Name today or a later day.")


def _answer(state: State, on: datetime, now: datetime, number: int | None) -> WhatIfAnswer:
    name, until = state_name(state, on), horizon(state, on)
    return WhatIfAnswer(
        on,
        name,
        unlocked_name(state, on),
        banner(state, on),
        number,
        spans(state, now, until),
        until,
        [_as_held_now(state, view, now) for view in product_views(state, on)],
        asked(state, on, now),
        refused_words(state, name, on),
        _uncovered(state, on, now),
    )


def _as_held_now(state: State, view: ProductView, now: datetime) -> ProductView:
    """Leases end before a day that far; those who hold them renew them."""
    if view.metric != Metric.CONCURRENT.value:
        return view
    in_use = count_in_use(state, view.sku, now)
    return replace(view, in_use=in_use, remaining=max(0, view.granted - in_use))


def _uncovered(state: State, on: datetime, now: datetime) -> list[UncoveredCount]:
    found, lines = [], products(state)
    for sku in sorted({*state.users, *state.leases}):
        count = count_in_use(state, sku, now) - granted(lines_of(state), sku, on)
        if count > 0:
            newest = [each.holder for each in islice(who_holds(state, sku, now), min(count, NAMED))]
            found.append(UncoveredCount(sku, lines[sku].name if sku in lines else sku, count, newest))
    return found
