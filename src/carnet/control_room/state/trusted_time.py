"""T1, T2: trusted time never goes back, and advances with the machine's own uptime while the system clock lags."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from carnet.entitlements import (
    Fields,
    Quantity,
    Text,
    Time,
)
from carnet.times import later

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
TOLERANCE = timedelta(seconds=60)  # what a time service may step without being recorded


@dataclass(frozen=True)
class Reading:
    """What the machine says of time: its system clock, and its uptime in which boot (whole seconds).

    `process` is the id of the process that asked.
    """

    system: datetime
    uptime: int
    boot: str
    process: int = 0


class Anchor(Fields, frozen=True):
    """The last moment at which trusted time was written down, and where the machine's uptime stood then."""

    trusted: Time
    uptime: Quantity
    boot: Text


def trusted_time(mark: datetime, anchor: Anchor | None, reading: Reading) -> datetime:
    """T1. `mark` is the highest time in the ledger since it was last lowered, the vendor's times included."""
    return max(reading.system, mark, _by_uptime(anchor, reading) or NEVER)


def lag(now: datetime, reading: Reading) -> timedelta:
    """By how much the system clock is behind trusted time; zero within the tolerance."""
    behind = now - reading.system
    return behind if behind > TOLERANCE else timedelta(0)


def jump(mark: datetime, anchor: Anchor | None, reading: Reading) -> timedelta:
    """T5: by how much the system clock is ahead of what the ledger and the machine's uptime know."""
    return max(timedelta(0), reading.system - max(mark, _by_uptime(anchor, reading) or NEVER))


def unexplained(now: datetime, anchor: Anchor | None, reading: Reading) -> str | None:
    """G6: why elapsed time cannot judge leases: a restart, or a move of time that the uptime does not explain."""
    if anchor is None:
        return None
    expected = _by_uptime(anchor, reading)
    if expected is None:
        return "the machine was restarted"
    return "the clock moved ahead" if now - expected > TOLERANCE else None


def _by_uptime(anchor: Anchor | None, reading: Reading) -> datetime | None:
    if anchor is None or anchor.boot != reading.boot or reading.uptime < anchor.uptime:
        return None
    return later(anchor.trusted, timedelta(seconds=reading.uptime - anchor.uptime))


def goes_on_from(before: Reading, now: Reading) -> bool:
    """Whether one process, running through, can have read both (L1).

    It cannot after a fork, a restart, a clock that was set, or where a machine's memory was put back.
    """
    passed = now.uptime - before.uptime
    strayed = abs(now.system - before.system - timedelta(seconds=passed))
    return (now.process, now.boot) == (before.process, before.boot) and passed >= 0 and strayed <= TOLERANCE
