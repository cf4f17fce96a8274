"""A License GUID in a row: the Control Room bound to it, its state, newest request, open cycle and end."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.customers.windows import read_windows
from carnet.calm.purchases.models import Guid
from carnet.calm.queries.states import (
    CycleShown,
    RoomState,
    Standing,
    cycle_of,
    standing_of,
)


@dataclass(frozen=True)
class SiteRow:
    guid: str  # empty: released or written off
    label: str
    room: str  # empty: the GUID is free
    name: str
    version: str
    standing: Standing
    refused: bool  # its last request is refused, and waits for somebody
    lost: bool  # reported as lost
    newest_lfr: int  # 0: none
    newest_at: datetime | None  # made at the site
    newest_id: str
    answered: int  # the OLF issued for it that is not confirmed; 0 for none
    cycle: CycleShown | None
    installed: int
    licensed_until: datetime | None
    grace_until: datetime | None


def read_rooms(account: str) -> list[ControlRoom]:
    """The Control Rooms of an account that have a License GUID, each with its newest LFR."""
    return read(Q(account=account, guid__isnull=False))


def read(which: Q) -> list[ControlRoom]:
    rows = ControlRoom.objects.filter(which).select_related("newest_lfr", "guid")
    return list(rows.defer("newest_lfr__raw", "newest_lfr__refusals", "keys", "pending_keys", "retired_keys"))


def site_row(guid: Guid | None, room: ControlRoom | None, now: datetime, *, refused: bool, lost: bool) -> SiteRow:
    """Of a GUID, of the Control Room bound to it, or of one that is bound to none any more."""
    license_guid, label = (guid.id, guid.label) if guid else ("", "")
    if room is None:
        free = Standing(RoomState.FREE)
        return SiteRow(license_guid, label, "", "", "", free, refused, lost, 0, None, "", 0, None, 0, None, None)
    newest = room.newest_lfr
    answered = awaited(room)
    return SiteRow(
        license_guid,
        label,
        room.id,
        room.name,
        room.version,
        standing_of(room, now, answered=answered > 0),
        refused,
        lost,
        newest.sequence if newest else 0,
        newest.generated_at if newest else None,
        newest.id if newest else "",
        answered,
        open_cycle(room, now),
        room.confirmed,
        room.licensed_until,
        room.grace_until,
    )


def awaited(room: ControlRoom) -> int:
    """The OLF that was issued for its newest LFR and is not confirmed; 0 for none. It is the last one issued (E6)."""
    newest, last = room.newest_lfr, room.last_license_file
    is_out = newest is not None and newest.used and room.cycle_opened_at is not None and last > room.confirmed
    return last if is_out else 0


def open_cycle(room: ControlRoom, now: datetime) -> CycleShown | None:
    newest = room.newest_lfr
    if newest is None or room.cycle_opened_at is None or room.deadline is None:
        return None
    return cycle_of(room.cycle_opened_at, newest.generated_at, room.deadline, read_windows(newest.windows), now)
