"""What if: another day, a missed deadline, another license file. It only looks.

The state as it would be shares all that is large (users, leases) with the real one. What would be answered is asked of
the very functions that decide.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import ClassVar, Literal

import msgspec

from carnet import times
from carnet.control_room.queries.banner import Banner, banner, change_banner
from carnet.control_room.queries.coming import ProductTrack, UncoveredCount, changes_until, product_tracks, uncovered
from carnet.control_room.queries.forecast import missed_deadline, refused_words, seen_first
from carnet.control_room.queries.run_out import dry_since
from carnet.control_room.queries.status import ProductView, product_views
from carnet.control_room.queries.timeline import Span, horizon, spans
from carnet.control_room.rules.activation.install_license import Opened, open_license
from carnet.control_room.rules.changes import ChangeView
from carnet.control_room.rules.decision import Question, View
from carnet.control_room.rules.grant import count_in_use, lines_of, products, remaining, uncovered_words
from carnet.control_room.rules.granting.features import check_feature
from carnet.control_room.rules.granting.preconditions import may_take
from carnet.control_room.rules.granting.seats import may_acquire, may_renew
from carnet.control_room.rules.granting.units import draw_units
from carnet.control_room.rules.granting.users import check_assign, check_user
from carnet.control_room.rules.site_state import state_name, unlocked_name
from carnet.control_room.state.fold_use import meter
from carnet.control_room.state.reservations import Reservations
from carnet.control_room.state.state import InstalledLicense, State, period_key
from carnet.entitlements import HypotheticalUse, Line, Metric, Taking, granted
from carnet.exchange.verdicts import Code, Refusal


def later(state: State, on: datetime, now: datetime) -> State:
    """With nothing done until then. What is reserved is settled or over by then, and counts no more."""
    return msgspec.structs.replace(state, reservations=Reservations()) if on > now else state


def installed(state: State, opened: Opened) -> State:
    """With this license file installed now, and in time."""
    olf, body = opened.read.olf, opened.body
    license_ = InstalledLicense(
        olf.olf_id,
        olf.sequence,
        olf.license_guid,
        body.account_name,
        olf.issued_at,
        opened.now,
        olf.acknowledged.size,
        opened.read.envelope.digest,
        body.lines,
    )
    supposed = msgspec.structs.replace(
        state, installed=license_, windows=olf.windows, cycle=None, locked=False, withdrawn=0
    )
    accepted = olf.accepts_history
    if accepted and accepted.number > state.history_accepted:  # L2
        supposed = msgspec.structs.replace(
            supposed, meters={line_id: dict(periods) for line_id, periods in state.meters.items()}
        )
        for added in accepted.add:
            meter(supposed, added.line_id, period_key(added.period_start), added.units)
    return supposed


_SOMEBODY = "somebody new"
_Said = tuple[Literal["granted", "refused", "kept"], str, str, bool]  # answer, code, why, likely
_ALWAYS: _Said = ("granted", "", "Giving back is always granted.", False)


@dataclass(frozen=True)
class HypotheticalAnswer:
    what: str
    products: list[str]  # their names
    answer: Literal["granted", "refused", "kept"]
    code: str  # of a refusal
    why: str
    likely: bool = False  # at the pace of the last 30 days: it need not come so


def hypothetical_answers(state: State, on: datetime, now: datetime) -> list[HypotheticalAnswer]:
    """`state` is hypothetical; current holders are assumed unchanged."""
    found: dict[tuple[str, _Said], list[str]] = {}
    lines = sorted(products(state).values(), key=lambda line: line.name)
    for metric in Metric:
        for question, what in metric.kind.questions.items():
            for line in (line for line in lines if line.metric is metric):
                for said in _ANSWERS[question](state, line, on, now):
                    found.setdefault((what, said), []).append(line.name)
    return [HypotheticalAnswer(what, names, *said) for (what, said), names in found.items()]


def _assign(state: State, line: Line, on: datetime, _: datetime) -> Iterator[_Said]:
    grant = may_take(state, line.sku, Taking.ASSIGN, on)
    count = len(state.users.of(line.sku))
    refusal = grant if isinstance(grant, Refusal) else check_assign(grant, _SOMEBODY, count)
    yield _said(refusal) if refusal else ("granted", "", "", False)


def _hold(state: State, line: Line, on: datetime, _: datetime) -> Iterator[_Said]:
    """The last who came stands for all: those who came earlier are covered before (Q4)."""
    roll = state.users.roll(line.sku)
    for _number, last in islice(roll.newest(), 1):
        answer = check_user(state, line.sku, last, on)
        count, limit = len(roll), granted(lines_of(state), line.sku, on)
        yield _part(answer, count, limit) if isinstance(answer, Refusal) else ("kept", "", "", False)


def _acquire(state: State, line: Line, on: datetime, now: datetime) -> Iterator[_Said]:
    grant = may_acquire(state, line.sku, on, running=count_in_use(state, line.sku, now))
    yield _said(grant) if isinstance(grant, Refusal) else ("granted", "", "", False)


def _renew(state: State, line: Line, on: datetime, now: datetime) -> Iterator[_Said]:
    running, limit = count_in_use(state, line.sku, now), granted(lines_of(state), line.sku, on)
    refusal = may_renew(state, line.sku, "the last who came", on, covered=running <= limit and limit > 0)
    yield _part(refusal, running, limit) if refusal else ("granted", "", "", False)


def _consume(state: State, line: Line, on: datetime, now: datetime) -> Iterator[_Said]:
    drawn = draw_units(state, line.sku, 1, on)
    if isinstance(drawn, Refusal):
        yield _said(drawn)
        return
    end = dry_since(state, line.sku, now, on, 30) if line.sku in state.tallies else None
    if end:
        why = f"At the pace of the last 30 days they run out about {times.day(end)}."
        yield ("refused", Code.EXHAUSTED.value, why, True)
        return
    left = f"{remaining(state, line.sku, on):,} {line.unit} are left, less what is used until then."
    yield ("granted", "", left, False)


def _feature(state: State, line: Line, on: datetime, _: datetime) -> Iterator[_Said]:
    answer = check_feature(state, line.sku, on)
    yield _said(answer) if isinstance(answer, Refusal) else ("granted", "", "", False)


def _give_back(_: State, __: Line, ___: datetime, ____: datetime) -> Iterator[_Said]:
    yield _ALWAYS


_ANSWERS: dict[HypotheticalUse, Callable[[State, Line, datetime, datetime], Iterator[_Said]]] = {
    HypotheticalUse.ASSIGN: _assign,
    HypotheticalUse.HOLD: _hold,
    HypotheticalUse.ACQUIRE: _acquire,
    HypotheticalUse.RENEW: _renew,
    HypotheticalUse.GIVE_BACK: _give_back,
    HypotheticalUse.CONSUME: _consume,
    HypotheticalUse.CHECK: _feature,
}


def _said(refusal: Refusal) -> _Said:
    return "refused", refusal.code.value, refusal.message, False


def _part(refusal: Refusal, count: int, limit: int) -> _Said:
    """Q4: where only those who came last are refused, how many that are."""
    if refusal.code is not Code.NOT_COVERED:
        return _said(refusal)
    return "refused", refusal.code.value, f"{uncovered_words(count, limit)}.", False


FAR = timedelta(days=3660)  # nobody plans beyond


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
    answers: list[HypotheticalAnswer]
    refused: list[str]  # in words
    uncovered: list[UncoveredCount]
    coming: Banner | None  # beside `notice`: what becomes less soon, as seen that day
    changes: list[ChangeView]  # of each product until then, but for what comes with the license's own end
    tracks: list[ProductTrack]  # of each product that changes before `until`


@dataclass(frozen=True)
class WhatIf(Question[WhatIfAnswer | Refusal]):
    """`missed_deadline` without a day: the first noon at which the open cycle is missed. `raw`: an OLF, as if it were
    installed now. A refusal of it is answered as it is."""

    on: datetime | None = None
    missed_deadline: bool = False
    raw: bytes | None = field(default=None, repr=False)
    what: ClassVar[str] = "what if"

    def answer(self, view: View) -> WhatIfAnswer | Refusal:
        state, now = view.state, view.now
        deadline = missed_deadline(state)
        if self.missed_deadline and deadline is None:
            return Refusal(Code.NOT_FOUND, "No request is open: there is no deadline to miss.", "Name a day.")
        on = self.on or (seen_first(deadline) if self.missed_deadline and deadline else now)
        if on.date() < now.date():
            return _past(on, now)
        if on - now > FAR:
            return Refusal(Code.MALFORMED, f"{times.day(on)} is more than ten years away.", "Name an earlier day.")
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
    message = f"{times.day(on)} is past; today is {times.day(now)}."
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
        product_views(state, on, now),
        hypothetical_answers(state, on, now),
        refused_words(state, name, on),
        uncovered(state, on, now),
        change_banner(state, on),
        changes_until(state, on, now),
        product_tracks(state, now, until),
    )
