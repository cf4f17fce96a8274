"""Which notices are due (S), pure: before a license ends, and before an open cycle's deadline. Each is sent once.

A notice belongs to the moment it speaks of: a renewal or a new LFR moves that, and begins anew.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

EXPIRY_DAYS = (30, 15, 7, 3, 2, 1, 0)
DEADLINE_HOURS = (24, 4)


class About(StrEnum):
    EXPIRY = "expiry"
    DEADLINE = "deadline"


@dataclass(frozen=True)
class Site:
    """What notices are about. `deadline`: of its open cycle; `answered`: an OLF is out for it."""

    room: str
    name: str
    guid: str
    account: str
    account_name: str
    ends: datetime | None
    deadline: datetime | None
    answered: bool


@dataclass(frozen=True)
class Notice:
    """`step`: days, or hours, before. Its three parts are what makes it be sent once."""

    about: About
    site: Site
    moment: datetime
    step: int

    @property
    def key(self) -> tuple[str, str, datetime, int]:
        return (self.about.value, self.site.room, self.moment, self.step)


def due(site: Site, now: datetime) -> list[Notice]:
    """At most one of each kind: the latest step that is reached. Steps that nobody sent in time are not sent late."""
    found = []
    if site.ends:
        step = _reached([(days, timedelta(days=days)) for days in EXPIRY_DAYS], site.ends, now)
        if step is not None and now < site.ends + timedelta(days=1):
            found.append(Notice(About.EXPIRY, site, site.ends, step))
    if site.deadline and now < site.deadline:
        step = _reached([(hours, timedelta(hours=hours)) for hours in DEADLINE_HOURS], site.deadline, now)
        if step is not None:
            found.append(Notice(About.DEADLINE, site, site.deadline, step))
    return found


def _reached(steps: list[tuple[int, timedelta]], moment: datetime, now: datetime) -> int | None:
    """The last step whose time has come."""
    reached = [step for step, before in steps if now >= moment - before]
    return min(reached, default=None)
