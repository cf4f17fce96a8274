"""License Management in one answer: each product with its use of the last 30 days and what that leads to.

It costs a few looks for each product and day, however many users, leases and records there are: all of it was counted
as it happened (`tallies`, `leases`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from carnet.control_room.authority.decision import View
from carnet.control_room.authority.grant import lines_of, products
from carnet.control_room.authority.history import Use, days_used
from carnet.control_room.authority.run_out import pace
from carnet.control_room.authority.state import State
from carnet.control_room.authority.views import ProductView, product_view
from carnet.entitlements import Line, Metric

DAYS = 30
GROUPS = (Metric.NAMED_USER, Metric.CONCURRENT, Metric.CONSUMABLE, Metric.FEATURE)
# lasts: to the end · runs_out: at `runs_out_at` · full: all were in use on `times_full` days · peak: seats, and some
# were always free · on: a feature · ends: nothing is granted now
Outlook = Literal["lasts", "runs_out", "full", "peak", "on", "ends"]


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
class Overview:
    what: ClassVar[str] = "overview"
    answers: ClassVar[type] = OverviewAnswer

    def answer(self, view: View) -> OverviewAnswer:
        return OverviewAnswer(view.now, product_rows(view.state, view.now))


def product_rows(state: State, now: datetime) -> list[ProductRow]:
    ordered = sorted(products(state).values(), key=lambda line: (GROUPS.index(line.metric), line.name, line.sku))
    return [product_row(state, line, now) for line in ordered]


def product_row(state: State, line: Line, now: datetime) -> ProductRow:
    """`line`: any line of the product."""
    lines = [each for each in lines_of(state) if each.sku == line.sku]
    view, uses = product_view(state, line.sku, now), days_used(state, line.sku, now, DAYS)
    units = line.metric is Metric.CONSUMABLE
    full = 0 if units or line.metric is Metric.FEATURE else _times_full(uses, view.granted)
    runs_out_at = pace(state, line.sku, now, DAYS).runs_out_at if units else None
    return ProductRow(
        view,
        min(each.valid_from for each in lines),
        max(each.ends for each in lines),
        [use.consumed if units else use.peak_in_use for use in uses],
        _outlook(line.metric, view.granted, full, runs_out_at),
        runs_out_at,
        full,
        sum(use.refused for use in uses),
        max((use.peak_in_use for use in uses), default=0),
    )


def _times_full(uses: list[Use], granted: int) -> int:
    return sum(use.peak_in_use >= granted for use in uses) if granted else 0


def _outlook(metric: Metric, granted: int, times_full: int, runs_out_at: datetime | None) -> Outlook:
    if not granted:
        return "ends"
    if metric is Metric.FEATURE:
        return "on"
    if metric is Metric.CONSUMABLE:
        return "runs_out" if runs_out_at else "lasts"
    if times_full:
        return "full"
    return "peak" if metric is Metric.CONCURRENT else "lasts"
