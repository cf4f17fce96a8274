"""Q2, Q5: units. All or nothing; drawn from the line that ends soonest, ties by id, across lines where needed.

What is within the quantities goes first; an overage that a line's policy permits is touched only when all lines of the
product are used up.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from carnet.control_room.authority.decision import Decision, Moment
from carnet.control_room.authority.grant import Share, lines_of, remaining, shares, used
from carnet.control_room.authority.state import State
from carnet.control_room.granting.rules import may_grant, not_granted, product_of
from carnet.control_room.ledger.events import Draw, UnitsConsumed
from carnet.entitlements import Metric
from carnet.exchange.verdicts import Code, Refusal


@dataclass(frozen=True)
class UnitsAnswer:
    sku: str
    units: int
    remaining: int
    owed: int  # of these units, above the quantities within a permitted overage


@dataclass(frozen=True)
class ConsumeUnits:
    sku: str
    units: int
    what: ClassVar[str] = "consume"
    answers: ClassVar[type] = UnitsAnswer
    needs: ClassVar[str] = "take"

    def decide(self, state: State, moment: Moment) -> Decision | Refusal:
        refusal = may_grant(state, moment.now)
        if refusal:
            return refusal
        line = product_of(state, self.sku, Metric.CONSUMABLE)
        if isinstance(line, Refusal):
            return line
        counted = shares(lines_of(state), self.sku, moment.now)
        if not counted:
            return not_granted(self.sku)
        drawn = draw(state, counted, self.units, moment.now)
        left = remaining(state, self.sku, moment.now)
        if drawn is None:
            return Refusal(
                Code.EXHAUSTED,
                f"{line.name}: {self.units:,} asked for, {left:,} left ({line.unit}).",
                "Ask for fewer, or for more units with a new LFR. Nothing was consumed.",
            )
        within = min(left, self.units)
        answer = UnitsAnswer(self.sku, self.units, left - within, self.units - within)
        return Decision([UnitsConsumed(sku=self.sku, units=self.units, draws=drawn)], answer)


def draw(state: State, counted: list[Share], units: int, now: datetime) -> list[Draw] | None:
    """The draws that make up `units`, or None where the lines that count do not hold so many."""
    before = {share.line.line_id: used(state, share.line, now) for share in counted}
    taken: dict[str, int] = {}
    for limit in ("quantity", "with_overage"):
        for share in counted:
            line_id = share.line.line_id
            room = getattr(share, limit) - before[line_id] - taken.get(line_id, 0)
            part = min(max(0, room), units - sum(taken.values()))
            if part:
                taken[line_id] = taken.get(line_id, 0) + part
    if sum(taken.values()) < units:
        return None
    periods = {share.line.line_id: share.line.period_start(now) for share in counted}
    return [Draw(line_id=key, period_start=periods[key], units=part) for key, part in taken.items()]
