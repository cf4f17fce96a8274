"""Pure: the state of a Control Room, as far as CALM can know or conclude it (S), and the two deadlines of its cycle."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from carnet.exchange.windows import CYCLE, NEWEST

EXPIRING = timedelta(days=30)


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
        is_open = room.cycle_opened_at is not None and now < room.cycle_opened_at + CYCLE
        return Standing(RoomState.REQUESTED if is_open else RoomState.ENABLED)
    by_time = _by_time(room.licensed_until, room.grace_until or room.licensed_until, now)
    if room.cycle_opened_at is None:
        return Standing(by_time)
    if room.site_state == RoomState.LOCKED:
        return Standing(RoomState.LOCKED, by_time)
    if now >= room.cycle_opened_at + CYCLE and not answered:  # E8: missed, and nothing there to install
        return Standing(RoomState.LOCKED, by_time, concluded=True)
    return Standing(by_time)


def _by_time(until: datetime, grace: datetime, now: datetime) -> RoomState:
    if now < until:
        return RoomState.ACTIVE if now < until - EXPIRING else RoomState.EXPIRING
    return RoomState.GRACE if now < grace else RoomState.EXPIRED


@dataclass(frozen=True)
class CycleShown:
    """E4, E5: an open cycle. `deadline` is the earlier of the two ends, the one that counts."""

    opened_at: datetime
    newest_ends: datetime  # 48 hours from the newest LFR
    cycle_ends: datetime  # 7 days from the first
    deadline: datetime
    counts: str  # newest | cycle
    starts: datetime  # of the one that counts
    passed: bool
    missed: bool  # E8


def cycle_of(opened_at: datetime, generated_at: datetime, deadline: datetime, now: datetime) -> CycleShown:
    ends, newest = opened_at + CYCLE, generated_at + NEWEST
    counts = "cycle" if ends < newest else "newest"
    starts = opened_at if counts == "cycle" else generated_at
    return CycleShown(opened_at, newest, ends, deadline, counts, starts, now >= deadline, now >= ends)
