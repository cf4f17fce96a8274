"""Control Rooms whose license ends soon, or has ended and was not renewed: soonest first."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.queries.sites import awaited, open_cycle
from carnet.calm.queries.states import (
    CycleShown,
    RoomState,
    Standing,
    standing_of,
)
from carnet.calm.queries.timeline import Page, page_of

PAST = timedelta(days=90)  # older ends are not listed here; the list of Control Rooms has them


@dataclass(frozen=True)
class Expiring:
    account: str
    account_name: str
    guid: str
    label: str
    room: str
    name: str
    standing: Standing
    licensed_until: datetime
    grace_until: datetime | None
    newest_lfr: int
    answered: int
    cycle: CycleShown | None


def expiring(
    now: datetime, *, days: int = 30, account: str | None = None, page: int = 1, size: int = 25
) -> Page[Expiring]:
    """`days`: how far ahead. `account`: only there."""
    rows = _rows(now, days).select_related("account", "guid", "newest_lfr")
    rows = rows.defer("newest_lfr__raw", "newest_lfr__totals", "newest_lfr__refusals")
    if account:
        rows = rows.filter(account=account)
    found = [_shown(room, now) for room in rows.order_by("licensed_until", "id")[: page * size + 1]]
    return page_of(found, page, size)


def count_expiring(now: datetime, days: int = 30) -> int:
    return _rows(now, days).count()


def _rows(now: datetime, days: int) -> QuerySet[ControlRoom]:
    ahead = now + timedelta(days=days)
    return ControlRoom.objects.filter(
        licensed_until__gte=now - PAST, licensed_until__lt=ahead, state=RoomState.ACTIVE.value, guid__isnull=False
    )


def _shown(room: ControlRoom, now: datetime) -> Expiring:
    assert room.guid is not None
    assert room.licensed_until is not None
    answered = awaited(room)
    return Expiring(
        room.account_id,
        room.account.name,
        room.guid.id,
        room.guid.label,
        room.id,
        room.name,
        standing_of(room, now, answered=answered > 0),
        room.licensed_until,
        room.grace_until,
        room.newest_lfr.sequence if room.newest_lfr else 0,
        answered,
        open_cycle(room, now),
    )
