"""Pure: the state of a Control Room, as far as CALM can know or conclude it (S), and the two deadlines of its cycle."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from carnet.exchange.windows import Windows, cycle_ends
from carnet.times import later


class RoomState(StrEnum):
    FREE = "free"  # a License GUID without a Control Room
    ENABLED = "enabled"  # enrolled, not licensed yet, no cycle open
    REQUESTED = "requested"  # the same, with an open cycle
    ACTIVE = "active"
    EXPIRING = "expiring"
    GRACE = "grace"
    EXPIRED = "expired"
    LOCKED = "locked"
    RELEASED = "released"
    WRITTEN_OFF = "written_off"


class RoomFacts(Protocol):
    """As in `control_rooms.models.ControlRoom`."""

    state: str
    confirmed: int
    licensed_until: datetime | None
    grace_until: datetime | None
    cycle_opened_at: datetime | None
    deadline: datetime | None
    cycle_ends: datetime | None
    expiring_from: datetime | None
    missed_cycle_locks: bool
    site_state: str


@dataclass(frozen=True)
class Standing:
    """`state` is the badge; `beside`: what time alone gives, where `locked` goes before it. `concluded`: CALM was not
    told so, but nothing else can be."""

    state: RoomState
    beside: RoomState | None = None
    concluded: bool = False


def standing_of(room: RoomFacts, now: datetime, *, answered: bool) -> Standing:
    """`answered`: an OLF was issued for the newest LFR, so that the site may have installed it unseen."""
    if room.state != RoomState.ACTIVE:
        return Standing(RoomState(room.state))
    if not room.confirmed or room.licensed_until is None:
        is_open = room.cycle_ends is not None and now < room.cycle_ends
        return Standing(RoomState.REQUESTED if is_open else RoomState.ENABLED)
    by_time = _by_time(room, room.licensed_until, now)
    if room.cycle_ends is None:
        return Standing(by_time)
    if room.site_state == RoomState.LOCKED:
        return Standing(RoomState.LOCKED, by_time)
    if room.missed_cycle_locks and now >= room.cycle_ends and not answered:  # E8: missed, and nothing to install
        return Standing(RoomState.LOCKED, by_time, concluded=True)
    return Standing(by_time)


def _by_time(room: RoomFacts, until: datetime, now: datetime) -> RoomState:
    if now < until:
        return RoomState.ACTIVE if now < (room.expiring_from or until) else RoomState.EXPIRING
    return RoomState.GRACE if now < (room.grace_until or until) else RoomState.EXPIRED


@dataclass(frozen=True)
class CycleShown:
    """E4, E5: an open cycle. `deadline` is the earlier of the two ends, the one that counts."""

    opened_at: datetime
    newest_ends: datetime  # E5
    cycle_ends: datetime  # E4
    deadline: datetime
    counts: str  # newest | cycle
    starts: datetime  # of the one that counts
    passed: bool
    missed: bool  # E8
    windows: Windows  # E18: by which the site goes


def cycle_of(
    opened_at: datetime, generated_at: datetime, deadline: datetime, windows: Windows, now: datetime
) -> CycleShown:
    ends, newest = cycle_ends(opened_at, windows), later(generated_at, windows.newest_request)
    counts = "cycle" if ends < newest else "newest"
    starts = opened_at if counts == "cycle" else generated_at
    return CycleShown(opened_at, newest, ends, deadline, counts, starts, now >= deadline, now >= ends, windows)
