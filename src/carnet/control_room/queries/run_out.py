"""When units run out at the rate at which they are used, and which seats and users are near their limit.

A rate is units over seconds: what was consumed in today and the whole days before it, over as long as the product could
be used here in that time, and over a day at the least (the first minutes of a product say little). All arithmetic is in
whole numbers of units times seconds, so that nothing depends on rounding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet.control_room.queries.history import days_used
from carnet.control_room.rules.grant import lines_of, products, remaining
from carnet.control_room.state.state import State
from carnet.control_room.state.usage_counters import day_of, start_of_day
from carnet.entitlements import Line, Metric, granted, shares
from carnet.times import later

NEAR_PERCENT = 90
PEAK_DAYS = 30
FAR = timedelta(days=5 * 366)  # nobody plans beyond
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)


@dataclass(frozen=True)
class Pace:
    """At the rate of the last so many days, today included."""

    days: int
    consumed: int  # units in that time
    per_day: int  # rounded to the nearest
    runs_out_at: datetime | None  # None: nothing was used, or it lasts until the last line ends, or for five years


@dataclass(frozen=True)
class RunOut:
    sku: str
    name: str
    unit: str
    remaining: int
    valid_until: datetime  # of the last line, grace included
    week: Pace
    month: Pace


@dataclass(frozen=True)
class NearLimit:
    """A product whose peak is at least 90 % of what is granted now."""

    sku: str
    name: str
    metric: Metric
    peak_in_use: int  # of the last 30 days
    granted: int
    percent: int  # rounded down; over 100 where the grant shrank


@dataclass(frozen=True)
class _Rate:
    units: int
    seconds: int


def run_out(state: State, now: datetime) -> list[RunOut]:
    """For each product of the installed license that is counted in units, by sku."""
    return [
        RunOut(
            sku,
            line.name,
            line.unit,
            remaining(state, sku, now),
            max(each.ends for each in lines_of(state) if each.sku == sku),
            pace(state, sku, now, 7),
            pace(state, sku, now, 30),
        )
        for sku, line in sorted(products(state).items())
        if line.metric.kind.counts_units
    ]


def near_limit(state: State, now: datetime) -> list[NearLimit]:
    """What people or bots hold, by sku. A product of which nothing is granted now is not near its limit, but over."""
    found = []
    for sku, line in sorted(products(state).items()):
        limit = granted(lines_of(state), sku, now)
        if line.metric.kind.holders is None or not limit:
            continue
        peak = max((day.peak_in_use for day in days_used(state, sku, now, PEAK_DAYS)), default=0)
        if peak * 100 >= limit * NEAR_PERCENT:
            found.append(NearLimit(sku, line.name, line.metric, peak, limit, peak * 100 // limit))
    return found


def pace(state: State, sku: str, now: datetime, days: int) -> Pace:
    rate = _rate(state, sku, now, days)
    per_day = (2 * rate.units * 86_400 + rate.seconds) // (2 * rate.seconds)
    return Pace(days, rate.units, per_day, _runs_out(state, sku, now, rate) if rate.units else None)


def _rate(state: State, sku: str, now: datetime, days: int) -> _Rate:
    consumed = sum(day.consumed for day in days_used(state, sku, now, days))
    since = max(start_of_day(day_of(now) - days + 1), state.tallies[sku].since)
    return _Rate(consumed, max(now - since, _DAY) // _SECOND)


def dry_since(state: State, sku: str, now: datetime, on: datetime, days: int) -> datetime | None:
    """Since when, on a day to come, no units are left at the rate of the last so many days; None where some are: a new
    line or a new period (Q2) may have brought them after others ran out."""
    rate, since = _rate(state, sku, now, days), None
    for stretch in _stretches(state, sku, now, rate) if rate.units else ():
        if stretch.start > on:
            break
        ran_out = stretch.runs_out_at
        since = None if ran_out is None else since if since and ran_out == stretch.start else ran_out
    return since if since and since <= on else None


@dataclass(frozen=True)
class _Stretch:
    """A time in which neither lines nor periods change: what is there of units, times seconds, and what is wanted."""

    start: datetime
    there: int
    wanted: int
    rate: _Rate

    @property
    def runs_out_at(self) -> datetime | None:
        return self.start + timedelta(seconds=self.there // self.rate.units) if self.there < self.wanted else None


def _runs_out(state: State, sku: str, now: datetime, rate: _Rate) -> datetime | None:
    found = (stretch.runs_out_at for stretch in _stretches(state, sku, now, rate))
    return next((moment for moment in found if moment), None)


def _stretches(state: State, sku: str, now: datetime, rate: _Rate) -> Iterator[_Stretch]:
    """Goes from one change of the lines to the next, drawing from them as the rules do (Q2): soonest-ending first."""
    lines = [line for line in lines_of(state) if line.sku == sku]
    drawn: dict[tuple[str, datetime | None], int] = {}  # units × seconds, since now
    for start, end in _spans(lines, now):
        left = {}
        for share in shares(lines, sku, start):
            key = (share.line.line_id, share.line.period_start(start))
            used = state.consumed(*key) + state.reservations.held(*key, now)  # what is reserved now will be used
            left[key] = max(0, (share.quantity - used) * rate.seconds - drawn.get(key, 0))
        wanted, there = rate.units * ((end - start) // _SECOND), sum(left.values())
        yield _Stretch(start, there, wanted, rate)
        for key, free in left.items():
            part = min(free, wanted)
            drawn[key] = drawn.get(key, 0) + part
            wanted -= part


def _spans(lines: list[Line], now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """From now to the end of the last line, cut wherever a line starts or ends, or a new period begins."""
    last = min(max(line.ends for line in lines), later(now, FAR))
    start = now
    while start < last:
        changes = [moment for line in lines for moment in (line.valid_from, line.valid_until, line.ends)]
        changes += [line.period.following(start) for line in lines if line.period]
        end = min(moment for moment in changes if moment > start)
        yield start, end
        start = end
