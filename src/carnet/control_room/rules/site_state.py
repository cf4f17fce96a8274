"""The S-states: what the recorded facts and the time together make of the site."""

from datetime import datetime

from carnet.control_room.state.state import InstalledLicense, State
from carnet.entitlements import Line
from carnet.exchange.windows import Windows, is_missed
from carnet.times import announced_from

NEW, ENABLED, ACTIVE, EXPIRING = "new", "enabled", "active", "expiring"
GRACE, EXPIRED, LOCKED, RELEASED, MOVED = "grace", "expired", "locked", "released", "moved"


def state_name(state: State, now: datetime) -> str:
    """The state that counts: *locked* goes before the state that time gives, which is shown beside it."""
    if state.moved:
        return MOVED
    return LOCKED if is_locked(state, now) else unlocked_name(state, now)


def unlocked_name(state: State, now: datetime) -> str:
    if state.released:
        return RELEASED
    if state.enrolment is None:
        return NEW
    return licensed_name(state.installed, state.windows, now) if state.installed else ENABLED


def licensed_name(installed: InstalledLicense, windows: Windows, now: datetime) -> str:
    """What time makes of the installed license; worked out once for each span."""
    known: str | None = installed.grants.known(None, now)  # no sku, not even an empty one
    if known is not None:
        return known
    lines = installed.lines
    end = max(line.valid_until for line in lines)
    name = by_lines(lines, windows, now)
    installed.grants.remember(
        None, now, name, [announced_from(end, windows.expiring), end, *(line.ends for line in lines)]
    )
    return name


def by_lines(lines: list[Line], windows: Windows, now: datetime) -> str:
    end = max(line.valid_until for line in lines)
    if now < end:
        return ACTIVE if now < announced_from(end, windows.expiring) else EXPIRING
    return GRACE if any(line.in_grace(now) for line in lines) else EXPIRED


def is_locked(state: State, now: datetime) -> bool:
    """E8: a licensed site whose cycle was, or now is, missed. It stays so until an OLF is installed."""
    cycle = state.open_cycle
    missed = cycle is not None and locks(state) and is_missed(cycle.opened_at, state.windows, now)
    return state.installed is not None and not state.released and (state.locked or missed)


def locks(state: State) -> bool:
    """E8: whether missing a cycle locks: the site is licensed, and its windows say so (E18). Else the cycle lapses."""
    return state.installed is not None and state.windows.missed_cycle_locks
