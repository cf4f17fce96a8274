"""Q2, Q5: units. All or nothing; drawn from the line that ends soonest, ties by id, across lines where needed.

What is within the quantities goes first; an overage that a line's policy permits is touched only when all lines of the
product are used up. What a running reservation holds is as good as consumed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import msgspec

from carnet.control_room.ledger.events import Draw, UnitsConsumed
from carnet.control_room.rules.decision import Command, Decision, Moment
from carnet.control_room.rules.grant import taken
from carnet.control_room.rules.granting.preconditions import malformed, may_take, nothing_granted
from carnet.control_room.state.reservations import merged
from carnet.control_room.state.state import State
from carnet.entitlements import Share, Taking
from carnet.exchange.verdicts import Code, Refusal


class UnitsAnswer(msgspec.Struct, frozen=True):
    sku: str
    units: int
    remaining: int
    owed: int  # of these units, above the quantities within a permitted overage


@dataclass(frozen=True)
class Drawn:
    draws: list[Draw]  # in the order in which they were taken: soonest-ending first, overage last
    left: int  # within the quantities, before this


@dataclass(frozen=True)
class ConsumeUnits(Command[UnitsAnswer]):
    sku: str
    units: int
    what: ClassVar[str] = "consume"
    needs: ClassVar[str] = "take"

    def decide(self, state: State, moment: Moment) -> Decision[UnitsAnswer] | Refusal:
        drawn = draw_units(state, self.sku, self.units, moment.now)
        if isinstance(drawn, Refusal):
            return drawn
        within = min(drawn.left, self.units)
        answer = UnitsAnswer(self.sku, self.units, drawn.left - within, self.units - within)
        return Decision([UnitsConsumed(sku=self.sku, units=self.units, draws=merged(drawn.draws))], answer)


def draw_units(state: State, sku: str, units: int, now: datetime) -> Drawn | Refusal:
    """From where so many units would come, to be consumed or reserved."""
    grant = may_take(state, sku, Taking.CONSUME, now)
    if isinstance(grant, Refusal):
        return grant
    if units < 1:
        return malformed("Units are counted from 1.")
    if not grant.shares:
        return nothing_granted(grant, sku)
    full = {share.line.line_id: taken(state, share.line, now) for share in grant.shares}
    left = sum(max(0, share.quantity - full[share.line.line_id]) for share in grant.shares)
    draws = _draw(grant.shares, full, units, now)
    if draws is None:
        return Refusal(
            Code.EXHAUSTED,
            f"{grant.line.name}: {units:,} asked for, {left:,} left ({grant.line.unit}).",
            "Ask for fewer, or for more units with a new LFR. Nothing was consumed.",
        )
    return Drawn(draws, left)


def _draw(counted: list[Share], full: dict[str, int], units: int, now: datetime) -> list[Draw] | None:
    """The draws that make up `units`, or None where the lines that count do not hold so many. `full`: what is taken of
    each line before; it is filled up."""
    draws: list[Draw] = []
    for limit in ("quantity", "with_overage"):
        for share in counted:
            line = share.line
            part = min(units, getattr(share, limit) - full[line.line_id])
            if part > 0:
                draws.append(Draw(line_id=line.line_id, period_start=line.period_start(now), units=part))
                full[line.line_id] += part
                units -= part
            if not units:
                return draws
    return None
