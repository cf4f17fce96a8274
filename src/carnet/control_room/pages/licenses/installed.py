"""The card of the installed license: the time that it covers as a bar, and its facts."""

from dataclasses import dataclass
from datetime import datetime

from carnet.control_room.queries.overview import ProductRow
from carnet.control_room.queries.status import InstalledView
from carnet.times import is_perpetual
from carnet.web_kit import words


@dataclass(frozen=True)
class Span:
    """From the first line's start to the last one's end, grace included. Widths and places in percent."""

    start: datetime
    until: datetime
    ends: datetime
    today: float
    solid: float  # so much of the valid time is past
    valid: float  # where grace begins
    today_words: str
    days_left: int
    grace_days: int

    @property
    def grace(self) -> float:
        return round(100 - self.valid, 2)

    @property
    def anchor(self) -> str:
        return "end" if self.today > 75 else "start" if self.today < 25 else "middle"


def span_of(installed: InstalledView, rows: list[ProductRow], now: datetime) -> Span:
    start, until = min(row.valid_from for row in rows), installed.valid_until
    ends = max([until, *(row.ends for row in rows)])
    whole = ends - start

    def place(at: datetime) -> float:
        return round(100 * min(max((at - start) / whole, 0), 1), 2)

    days = max((until - now).days, 0)
    return Span(
        start,
        until,
        ends,
        place(now),
        min(place(now), place(until)),
        place(until),
        _today(until, ends, now),
        days,
        (ends - until).days,
    )


def _today(until: datetime, ends: datetime, now: datetime) -> str:
    if is_perpetual(until):
        return "Today"
    if now < until:
        return f"Today, {words.counted((until - now).days, 'day')} left"
    if now < ends:
        return f"Today, {words.counted((ends - now).days, 'day')} of grace left"
    return "Today, ended"


@dataclass(frozen=True)
class Missing:
    """What a site says that has no license: what is missing, how it comes, and the next act."""

    title: str
    text: str
    act: str
    icon: str


def missing(state: str, *, asked: bool) -> Missing:
    if state == "new":
        return Missing(
            "Not enabled yet",
            "An enablement token comes from CALM, as a file. CALM says until when it can be installed.",
            "Install the token",
            "new",
        )
    if asked:
        return Missing(
            "No license file is installed yet",
            "A License File Request is under way. Its answer, a license file, is installed here.",
            "Install the license file",
            "requested",
        )
    if state == "released":
        return Missing(
            "Released",
            "The license was given back. A new enablement token starts again; the ledger continues.",
            "Enable again",
            "released",
        )
    return Missing(
        "No license file is installed yet",
        "Generate a License File Request and carry it to CALM. The license file that comes back is installed here.",
        "Generate a request",
        "enabled",
    )
