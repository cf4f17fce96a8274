"""One product: its lines with their policy, its use by day and hour, and who was refused what."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from carnet.control_room.authority.decision import View
from carnet.control_room.authority.grant import lines_of, products, used
from carnet.control_room.authority.history import Use, days_used, hours_used, unknown_product
from carnet.control_room.authority.overview import ProductRow, product_row
from carnet.control_room.authority.state import State
from carnet.entitlements import Line
from carnet.exchange.verdicts import Refusal


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
    period: str | None  # month or year, where its units are counted anew in each
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
class ProductDetail:
    """`days`: how many, today included; at most 400 are kept."""

    sku: str
    days: int = 30
    what: ClassVar[str] = "product"
    answers: ClassVar[type] = ProductDetailAnswer

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
