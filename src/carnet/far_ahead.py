"""T5, on both sides: a clock that is far ahead is asked about before it is written down, because what it says goes into
records and files that nothing takes back."""

import os
from datetime import date, datetime, timedelta

from carnet import times
from carnet.errors import ClockError, UsageError

LARGEST_JUMP = 366  # days


def largest_jump(setting: str) -> timedelta | None:
    """What the setting of this name says in the environment; None where no jump is asked about. Raises UsageError."""
    said = os.environ.get(setting, "") or str(LARGEST_JUMP)
    if not (said.isascii() and said.isdigit() and len(said) <= 5):
        raise UsageError(f"{setting} is a number of days (0: no limit), and not “{said}”.")
    return timedelta(days=int(said)) if int(said) else None


def doubt(clock: datetime, newest: datetime, ahead: timedelta, *, nothing: str, run: str) -> ClockError:
    """What is said of a clock that is `ahead` of all that is known. `nothing`: what was not done; `run`: how a person
    confirms it."""
    return ClockError(
        f"This machine's clock says {times.minute(clock)}, {ahead.days:,} days after the newest record "
        f"({times.minute(newest)}). {nothing}",
        "Set the clock right. If it is right, say so by naming today's date (UTC), from another clock.",
        run,
    )


def read_day(text: str) -> date:
    """A day as people type it, 2027-12-01. Raises UsageError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"“{text}” is not a date.", "Write it as 2027-12-01.") from error


def check_named(clock: datetime, today: date) -> None:
    """Raises UsageError where the clock says another day (UTC) than the person who confirms it."""
    if clock.date() != today:
        raise UsageError(
            f"This machine's clock says {times.day(clock)} (UTC), and not {today}. Nothing was recorded.",
            "Set the clock right, or correct the date.",
        )
