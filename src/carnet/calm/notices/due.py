"""Pure: which notices are due. Each step of an end is told once; where several were missed, only the nearest one."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from carnet.entitlements import Change
from carnet.exchange.windows import Windows
from carnet.times import earlier, is_perpetual, later

LATE = timedelta(days=7)  # no notice for a license that ended longer ago


class NoticeKind(StrEnum):
    EXPIRY = "expiry"
    DEADLINE = "deadline"
    CHANGE = "change"  # what becomes less of products (S)


@dataclass(frozen=True)
class Site:
    """What is known of a Control Room that has a License GUID."""

    room: str
    name: str
    account: str
    account_name: str
    licensed_until: datetime | None
    grace_until: datetime | None
    deadline: datetime | None  # of the open cycle
    lfr: int = 0  # its newest LFR
    answered: int = 0  # the OLF issued for that, which is not confirmed; 0 for none
    licensed: bool = True  # an OLF is confirmed
    windows: Windows = field(default_factory=Windows)  # E18: that it goes by, and whose steps these are
    changes: tuple[Change, ...] = ()  # S: what becomes less of its products, but for what comes with the license's end

    @property
    def locks(self) -> bool:
        """E8: whether a missed cycle locks."""
        return self.licensed and self.windows.missed_cycle_locks

    def changes_at(self, ends: datetime) -> list[Change]:
        """What becomes less with the same end, by name."""
        return sorted((change for change in self.changes if change.ends == ends), key=lambda change: change.name)


@dataclass(frozen=True)
class Notice:
    """`about`: the end, or the deadline. `step`: how many days, or hours, before it."""

    kind: NoticeKind
    site: Site
    about: datetime
    step: int

    @property
    def key(self) -> "Key":
        return self.site.room, self.kind.value, self.about, self.step


Key = tuple[str, str, datetime, int]


def due_notices(sites: Iterable[Site], sent: Collection[Key], now: datetime) -> list[Notice]:
    """Soonest end first."""
    due = [notice for site in sites for notice in _of(site, now) if notice.key not in sent]
    return sorted(due, key=lambda notice: (notice.about, notice.site.room, notice.kind))


def _of(site: Site, now: datetime) -> Iterator[Notice]:
    until, deadline = site.licensed_until, site.deadline
    if deadline and now < deadline:
        hours = _step(deadline, now, [(hours, timedelta(hours=hours)) for hours in site.windows.deadline_notice_hours])
        if hours is not None:
            yield Notice(NoticeKind.DEADLINE, site, deadline, hours)
    if until and not is_perpetual(until) and now < later(until, LATE):
        days = _step(until, now, _days(site))
        if days is not None:
            yield Notice(NoticeKind.EXPIRY, site, until, days)
    for ends in sorted({change.ends for change in site.changes if now < change.when or now - change.when < LATE}):
        days = _step(ends, now, _days(site))
        if days is not None:
            yield Notice(NoticeKind.CHANGE, site, ends, days)


def _days(site: Site) -> list[tuple[int, timedelta]]:
    return [(days, timedelta(days=days)) for days in site.windows.expiry_notice_days]


def _step(end: datetime, now: datetime, steps: list[tuple[int, timedelta]]) -> int | None:
    """The nearest step that has come."""
    return min((step for step, before in steps if end - now <= before), default=None)


@dataclass(frozen=True)
class Coming:
    """When the next notice of a site is due, where nothing changes before."""

    kind: NoticeKind
    site: Site
    about: datetime
    step: int
    at: datetime


def coming(sites: Iterable[Site], now: datetime) -> list[Coming]:
    """The next of each kind for each site, soonest first."""
    found = [one for site in sites for one in _next(site, now)]
    return sorted(found, key=lambda one: (one.at, one.site.name))


def _next(site: Site, now: datetime) -> Iterator[Coming]:
    ends = (
        (
            NoticeKind.DEADLINE,
            site.deadline,
            [(hours, timedelta(hours=hours)) for hours in site.windows.deadline_notice_hours],
        ),
        (
            NoticeKind.EXPIRY,
            site.licensed_until,
            _days(site),
        ),
        (NoticeKind.CHANGE, min((one.ends for one in site.changes if one.ends > now), default=None), _days(site)),
    )
    for kind, end, steps in ends:
        if end is None or (is_perpetual(end) and kind is not NoticeKind.DEADLINE):
            continue
        ahead = [(at, step) for step, before in steps if (at := earlier(end, before)) > now]
        if ahead:
            at, step = min(ahead)
            yield Coming(kind, site, end, step, at)
