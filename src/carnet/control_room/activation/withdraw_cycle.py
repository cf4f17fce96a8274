"""E14: withdrawing an open cycle before it is missed. Its LFRs are void; nothing else changes."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from carnet.control_room.authority.decision import Decision, Moment
from carnet.control_room.authority.state import State
from carnet.control_room.ledger.events import CycleWithdrawn
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import CYCLE, is_missed, stamp


@dataclass(frozen=True)
class WithdrawAnswer:
    cycle_id: str
    opened_at: datetime
    withdrawn: int


@dataclass(frozen=True)
class WithdrawCycle:
    what: ClassVar[str] = "withdrawal"
    answers: ClassVar[type] = WithdrawAnswer

    def decide(self, state: State, moment: Moment) -> Decision | Refusal:
        if state.cycle is None:
            raise UsageError("No cycle is open: there is no request to withdraw.")
        cycle = state.cycle.fields
        if state.cycle.missed or is_missed(cycle.opened_at, moment.now):
            return Refusal(
                Code.WINDOW_CLOSED,
                f"The cycle was missed {stamp(cycle.opened_at + CYCLE)}; it can no longer be withdrawn.",
                "Generate a new LFR: it opens a new cycle.",
            )
        answer = WithdrawAnswer(cycle.id, cycle.opened_at, state.withdrawn + 1)
        return Decision([CycleWithdrawn(cycle_id=cycle.id)], answer)
