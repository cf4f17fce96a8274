"""The sites that notices are about, what was sent of them, and what comes next. A constant number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from carnet.calm.control_rooms.changes import read_changes
from carnet.calm.control_rooms.models import AccountChange, ComingChange, ControlRoom, LicenseFile, LossReport
from carnet.calm.customers.windows import read_windows
from carnet.calm.notices.due import (
    LATE,
    Coming,
    Key,
    Site,
    coming,
)
from carnet.calm.notices.models import STAFF, SentNotice
from carnet.calm.queries.difference import changes_of
from carnet.calm.queries.sites import awaited
from carnet.calm.queries.timeline import Page, page_of
from carnet.entitlements import Change

LONGEST_GRACE = timedelta(days=90)  # of a line: what becomes less at its end does so when the grace is over
STALE = timedelta(minutes=15)  # a process that began to send longer ago and did not report it has ended


@dataclass(frozen=True)
class SentShown:
    room: str
    name: str
    kind: str
    about: datetime
    step: int
    sent_at: datetime
    subject: str
    to: tuple[str, ...]


def read_sites(now: datetime, account: str = "") -> list[Site]:
    """Those of which a notice could be due now; of one account, all. What is reported as lost cannot be renewed."""
    lost = LossReport.objects.filter(room=OuterRef("pk"), state=LossReport.State.OPEN)
    rows = ControlRoom.objects.filter(~Exists(lost), guid__isnull=False, state=ControlRoom.State.ACTIVE)
    rows = rows.filter(account=account) if account else rows.filter(_near(now))
    rows = rows.select_related("account", "newest_lfr")
    heavy = ("raw", "totals", "refusals")
    rows = rows.defer(*(f"newest_lfr__{name}" for name in heavy), "keys", "pending_keys", "retired_keys")
    changes = ComingChange.objects.filter(at__gt=now - LATE)
    changes = changes.filter(room__account=account) if account else changes.filter(expiring_from__lte=now)
    found = read_changes(changes)
    return [_site(room, found.get(room.id, ())) for room in rows]


def _near(now: datetime) -> Q:
    ends = Q(licensed_until__gt=now - LATE, expiring_from__lte=now)
    changes = ComingChange.objects.filter(room=OuterRef("pk"), at__gt=now - LATE, expiring_from__lte=now)
    return ends | Q(deadline__gt=now) | Q(Exists(changes))


def _site(room: ControlRoom, changes: tuple[Change, ...]) -> Site:
    return Site(
        room.id,
        room.name,
        room.account_id,
        room.account.name,
        room.licensed_until,
        room.grace_until,
        room.deadline,
        room.newest_lfr.sequence if room.newest_lfr else 0,
        awaited(room),
        room.confirmed > 0,
        read_windows(room.windows),
        changes,
    )


def changes_on_the_way(site: Site) -> tuple[str, ...]:
    """What the OLF changes that is on its way to a site, in sentences; none where none is."""
    file = LicenseFile.objects.filter(room=site.room, sequence=site.answered).select_related("lfr").first()
    return changes_of(file) if file and site.answered else ()


def read_sent(sites: Iterable[Site], now: datetime) -> set[Key]:
    """What was sent of them, or is being sent right now."""
    rooms = {site.room for site in sites}
    rows = SentNotice.objects.filter(
        Q(sent_at__isnull=False) | Q(claimed_at__gt=now - STALE), about__gt=now - LATE - LONGEST_GRACE
    )
    columns = rows.values_list("room_id", "kind", "about", "step")
    return {key for key in columns if key[0] in rooms}


def sent_notices(*, account: str = "", page: int = 1, size: int = 50) -> Page[SentShown]:
    """The newest first."""
    rows: QuerySet[SentNotice] = SentNotice.objects.filter(sent_at__isnull=False).select_related("room")
    rows = rows.exclude(kind__startswith=STAFF)  # those are the vendor's own
    if account:
        rows = _sent_in_its_time(rows, account)
    found = [_shown(row) for row in rows.order_by("-sent_at", "-id")[: page * size + 1]]
    return page_of(found, page, size)


def _sent_in_its_time(rows: "QuerySet[SentNotice]", account: str) -> "QuerySet[SentNotice]":
    """E11: of a Control Room that went to another account, those sent before; of one that came, those sent since."""
    later = AccountChange.objects.filter(room=OuterRef("room"), at__gt=OuterRef("sent_at")).order_by("at")
    rows = rows.annotate(left=Subquery(later.values("was__account")[:1]))
    return rows.filter(Q(left=account) | Q(left__isnull=True, room__account=account))


def coming_notices(account: str, now: datetime) -> list[Coming]:
    """Of one account, by its id: the next of each kind for each site."""
    return coming(read_sites(now, account), now)


def _shown(row: SentNotice) -> SentShown:
    assert row.sent_at is not None
    to = tuple(row.to.split("\n"))
    return SentShown(row.room_id, row.room.name, row.kind, row.about, row.step, row.sent_at, row.subject, to)
