"""License Management in one answer, and one product in full.

The overview has each product with its use of the last 30 days and what that leads to; the product has its lines with
their policy, its use by day and hour, and who was refused what. Both cost a few looks for each product and day, however
many users, leases and records there are: all of it was counted as it happened (`usage_counters`, `leases`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from carnet.control_room.queries.history import (
    Use,
    days_used,
    hours_used,
    unknown_product,
)
from carnet.control_room.queries.run_out import pace
from carnet.control_room.queries.status import ProductView, product_view
from carnet.control_room.rules.decision import Question, View
from carnet.control_room.rules.grant import lines_of, products, used
from carnet.control_room.state.state import State
from carnet.entitlements import Line, Metric, MetricKind
from carnet.exchange.verdicts import Refusal

DAYS = 30
GROUPS = tuple(Metric)
# lasts: to the end · runs_out: at `runs_out_at` · full: all were in use on `times_full` days · peak: seats, and some
# were always free · on: a feature · ends: nothing is granted now · early: units, of which too few days are known
Outlook = Literal["lasts", "runs_out", "full", "peak", "on", "ends", "early"]
ENOUGH = 7  # days from which a pace can be told: a week, with its quiet days


@dataclass(frozen=True)
class ProductRow:
    view: ProductView
    valid_from: datetime  # of its first line
    ends: datetime  # of its last line, grace included
    days: list[int]  # the last 30 at most, today last: the most in use at once, or the units consumed
    outlook: Outlook
    runs_out_at: datetime | None  # at the pace of the last 30 days
    times_full: int  # days on which all that is granted now were in use
    refused_30_days: int
    peak: int  # in use at once, of these days


@dataclass(frozen=True)
class OverviewAnswer:
    at: datetime
    rows: list[ProductRow]  # by how they are counted (users, seats, units, features), then by name


@dataclass(frozen=True)
class Overview(Question[OverviewAnswer]):
    what: ClassVar[str] = "overview"

    def answer(self, view: View) -> OverviewAnswer:
        return OverviewAnswer(view.now, product_rows(view.state, view.now))


def product_rows(state: State, now: datetime) -> list[ProductRow]:
    ordered = sorted(products(state).values(), key=lambda line: (GROUPS.index(line.metric), line.name, line.sku))
    return [product_row(state, line, now) for line in ordered]


def product_row(state: State, line: Line, now: datetime) -> ProductRow:
    """`line`: any line of the product."""
    lines = [each for each in lines_of(state) if each.sku == line.sku]
    view, uses = product_view(state, line.sku, now), days_used(state, line.sku, now, DAYS)
    kind = line.metric.kind
    full = _times_full(uses, view.granted) if kind.holders else 0
    runs_out_at = pace(state, line.sku, now, DAYS).runs_out_at if kind.counts_units else None
    return ProductRow(
        view,
        min(each.valid_from for each in lines),
        max(each.ends for each in lines),
        [kind.used(use.consumed, use.peak_in_use) for use in uses],
        _outlook(kind, view.granted, full, runs_out_at, len(uses)),
        runs_out_at,
        full,
        sum(use.refused for use in uses),
        max((use.peak_in_use for use in uses), default=0),
    )


def _times_full(uses: list[Use], granted: int) -> int:
    return sum(use.peak_in_use >= granted for use in uses) if granted else 0


def _outlook(kind: MetricKind, granted: int, times_full: int, runs_out_at: datetime | None, days: int) -> Outlook:
    if not granted:
        return "ends"
    if kind.counts_units and days < ENOUGH:
        return "early"
    if runs_out_at:
        return "runs_out"
    return "full" if times_full else kind.usual_outlook


@dataclass(frozen=True)
class LineRow:
    line_id: str
    quantity: int
    with_overage: int  # what its policy allows at the most
    kind: str  # purchased or trial
    valid_from: datetime
    valid_until: datetime
    ends: datetime  # grace included
    now: Literal["later", "in_force", "grace", "ended"]
    consumed: int  # units, in this period where it has one
    overage_percent: int
    grace_days: int
    period: str | None  # month or year, if its units are counted per period
    period_start: datetime | None
    next_period: datetime | None


@dataclass(frozen=True)
class RefusalView:
    at: datetime
    actor: str
    what: str
    code: str
    message: str


@dataclass(frozen=True)
class ProductDetailAnswer:
    at: datetime
    sku: str
    row: ProductRow | None  # None where the installed license does not name it any more
    lines: list[LineRow]  # the soonest-ending first: in this order units are drawn
    days: list[Use]
    hours: list[Use]  # of the last seven days
    refusals: list[RefusalView]  # the newest first, at most 20
    reservations: int  # how many run


@dataclass(frozen=True)
class ProductDetail(Question[ProductDetailAnswer | Refusal]):
    """`days`: how many, today included; at most 400 are kept."""

    sku: str
    days: int = 30
    what: ClassVar[str] = "product"

    def answer(self, view: View) -> ProductDetailAnswer | Refusal:
        state, now, sku = view.state, view.now, self.sku
        if sku not in state.tallies:
            return unknown_product()
        line = products(state).get(sku)
        return ProductDetailAnswer(
            now,
            sku,
            product_row(state, line, now) if line else None,
            _lines(state, sku, now),
            days_used(state, sku, now, self.days),
            hours_used(state, sku, now),
            _refusals(state, sku),
            state.reservations.count(sku, now),
        )


def _lines(state: State, sku: str, now: datetime) -> list[LineRow]:
    mine = sorted(
        (line for line in lines_of(state) if line.sku == sku), key=lambda line: (line.valid_until, line.line_id)
    )
    return [_line(state, line, now) for line in mine]


def _line(state: State, line: Line, now: datetime) -> LineRow:
    return LineRow(
        line.line_id,
        line.quantity,
        line.with_overage,
        line.kind.value,
        line.valid_from,
        line.valid_until,
        line.ends,
        _stands(line, now),
        used(state, line, now),
        line.policy.overage_percent,
        line.policy.grace_days,
        line.period.unit.value if line.period else None,
        line.period_start(now),
        line.period.following(now) if line.period else None,
    )


def _stands(line: Line, now: datetime) -> Literal["later", "in_force", "grace", "ended"]:
    if now < line.valid_from:
        return "later"
    if line.in_force(now):
        return "in_force"
    return "grace" if line.in_grace(now) else "ended"


def _refusals(state: State, sku: str) -> list[RefusalView]:
    seen = reversed(state.newest_refusals.get(sku, []))
    return [RefusalView(each.at, each.actor, each.what, each.code, each.message) for each in seen]
