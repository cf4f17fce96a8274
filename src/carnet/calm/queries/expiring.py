"""Control Rooms whose license ends soon, also where it does for a product alone (S), or has ended: soonest first."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from carnet.calm.control_rooms.changes import read_changes
from carnet.calm.control_rooms.models import ComingChange, ControlRoom
from carnet.calm.queries.sites import awaited, open_cycle
from carnet.calm.queries.states import (
    CycleShown,
    RoomState,
    Standing,
    standing_of,
)
from carnet.calm.queries.timeline import Page, page_of
from carnet.entitlements import Change
from carnet.times import PERPETUAL, later

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
    soonest: datetime  # of all that ends there
    ends: bool  # the license itself ends within these days, or has ended
    changes: tuple[Change, ...]  # S: what becomes less of its products within these days


def expiring(
    now: datetime, *, days: int = 30, account: str | None = None, page: int = 1, size: int = 25
) -> Page[Expiring]:
    """`days`: how far ahead. `account`: only there."""
    rows = _rows(now, days).select_related("account", "guid", "newest_lfr")
    rows = rows.defer("newest_lfr__raw", "newest_lfr__totals", "newest_lfr__refusals")
    if account:
        rows = rows.filter(account=account)
    found = list(rows[: page * size + 1])
    changes = read_changes(_changes(now, days).filter(room__in=[room.pk for room in found]))
    ahead = _ahead(now, days)
    return page_of([_shown(room, changes.get(room.id, ()), ahead, now) for room in found], page, size)


def count_expiring(now: datetime, days: int = 30) -> int:
    return _rows(now, days).count()


def _rows(now: datetime, days: int) -> QuerySet[ControlRoom]:
    ahead = _ahead(now, days)
    change = _changes(now, days).filter(room=OuterRef("pk")).order_by("ends").values("ends")[:1]
    rows = ControlRoom.objects.annotate(change_ends=Subquery(change))
    rows = rows.annotate(soonest=Coalesce("change_ends", "licensed_until"))  # S: such a change is before the end
    return rows.filter(
        Q(licensed_until__gte=now - PAST, licensed_until__lt=ahead) | Q(change_ends__isnull=False),
        state=RoomState.ACTIVE.value,
        guid__isnull=False,
    ).order_by("soonest", "id")


def _changes(now: datetime, days: int) -> QuerySet[ComingChange]:
    return ComingChange.objects.filter(at__gt=now, ends__lt=_ahead(now, days))


def _ahead(now: datetime, days: int) -> datetime:
    """So many days on; a perpetual end (Q1) is never near."""
    return min(later(now, timedelta(days=days)), PERPETUAL)


def _shown(room: ControlRoom, changes: tuple[Change, ...], ahead: datetime, now: datetime) -> Expiring:
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
        changes[0].ends if changes else room.licensed_until,
        room.licensed_until < ahead,
        changes,
    )
