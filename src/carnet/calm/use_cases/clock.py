"""T5: a person says that a clock far ahead is right. From this record on it is what CALM knows."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from carnet import times
from carnet.calm.issuing_log import log
from carnet.calm.use_cases.context import Calm, act
from carnet.far_ahead import check_named


@dataclass(frozen=True)
class Confirmed:
    """The machine's clock, and the time of the newest record before."""

    clock: datetime
    before: datetime | None


def confirm_clock(calm: Calm, *, today: date, now: datetime, by: str) -> Confirmed:
    """`today` is what the person says. Raises UsageError where the clock says another day."""
    check_named(now, today)
    with act(replace(calm, largest_jump=None), now=now, by=by) as doing:
        before = log.newest_time()
        doing.record("clock.confirmed", "clock", clock=times.minute(now))
    return Confirmed(now, before)
