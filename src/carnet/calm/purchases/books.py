"""The books, pure: what a site holds (H2), what is spent (H4), what is left of a purchase (H1), what may be lowered.

A site's *position* is what CALM must treat as out there: the lines of every OLF that may be in force, and the units it
is proven to have consumed. Issuing adds a file's lines to it (H3: an increase is held when issued); a report from the
site (an LFR, or a receipt) takes away what it proves to be gone (a reduction is returned only when proven). Nothing
else changes a position but the end of the enrolment, so that what is held rises by issuing alone, where H1 is checked;
and by a site that states more after its total was final, which is counted as what it is (`Kept.late`).

Not here: whether a report may be believed (L2, Q3). That is judged before, in `control_rooms`.

The id of a line, which is not kept but derived.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID, uuid5

from carnet.entitlements import Period
from carnet.times import later

Periods = Mapping[str, Period | None]  # by purchase

MARGIN = timedelta(days=30)  # H2: for clocks that differ, after a line that is not of units has ended


@dataclass(frozen=True)
class OutLine:
    """A line of an OLF that may be in force at a site."""

    purchase: str
    file: int  # the OLF's sequence
    lfr: int  # the sequence of the LFR that it answers
    quantity: int
    ends: datetime  # grace included
    units: bool

    def counts(self, now: datetime) -> bool:
        """Units are held until a total is stated, however long that takes."""
        return self.units or now < later(self.ends, MARGIN)


@dataclass(frozen=True)
class Units:
    """Units consumed, or spent, in one period (None where the purchase has none)."""

    units: int
    period_start: datetime | None = None

    def counts(self, period: Period | None, now: datetime) -> bool:
        """Q2, H4: in its period. A period that this clock has not reached yet counts already: clocks differ."""
        return period is None or self.period_start is None or self.period_start >= period.containing(now)


@dataclass(frozen=True)
class Kept(Units):
    """Units that a site is proven to have consumed in a period, out of the most that its line may have had in it."""

    most: int = 0
    late: int = 0  # of `units`: those by which a total rose after it was final


@dataclass(frozen=True)
class Position:
    lines: tuple[OutLine, ...] = ()
    kept: Mapping[str, Kept] = field(default_factory=dict)  # by purchase

    def keeps(self, purchase: str, period: Period | None, now: datetime) -> Kept | None:
        """What counts now of the units that are kept."""
        kept = self.kept.get(purchase)
        return kept if kept and kept.counts(period, now) else None

    def holds(self, purchase: str, period: Period | None, now: datetime) -> int:
        full = max((line.quantity for line in self.lines if line.purchase == purchase and line.counts(now)), default=0)
        kept = self.keeps(purchase, period, now)
        return max(full, kept.units) if kept else full

    def most(self, purchase: str, period: Period | None, now: datetime) -> int:
        """The largest quantity that the line may have had in the period."""
        kept = self.keeps(purchase, period, now)
        return max(self.holds(purchase, period, now), kept.most if kept else 0)

    def purchases(self) -> set[str]:
        return {line.purchase for line in self.lines} | set(self.kept)


@dataclass(frozen=True)
class Report:
    """What an LFR proves (or a receipt: then `lfr` and `at` are None, and no totals are stated)."""

    installed: int | None  # the sequence of the OLF it names; 0 for none; None where it says nothing of that
    lfr: int | None = None  # its own sequence
    at: datetime | None = None  # when it was generated
    consumed: Mapping[str, Units] = field(default_factory=dict)  # by purchase, as CALM counts it
    gives_up: bool = False  # L2: an accepted history: every later OLF is disproved, whatever it answered


def settle(position: Position, report: Report, periods: Periods, now: datetime) -> Position:
    """H2: what is out after `report`. For no purchase more than before, but where a total rose that was final."""
    granted = {line.purchase for line in position.lines if line.file == report.installed}
    lines = tuple(line for line in position.lines if _still_out(line, report, granted, periods, now))
    kept = dict(position.kept)
    for purchase in {line.purchase for line in position.lines if line.units and line not in lines}:
        kept[purchase] = _remembered(position, purchase, periods.get(purchase), now)
    for purchase, units in report.consumed.items():
        kept[purchase] = _proven(position, purchase, units, periods.get(purchase), now)
    return Position(lines, kept)


def _remembered(position: Position, purchase: str, period: Period | None, now: datetime) -> Kept:
    """What a line had before a file that replaced or ended it, of which nothing is stated yet."""
    before, most = position.keeps(purchase, period, now), position.most(purchase, period, now)
    return replace(before, most=most) if before else Kept(0, period.containing(now) if period else None, most)


def _proven(position: Position, purchase: str, units: Units, period: Period | None, now: datetime) -> Kept:
    """The units that stay held: as stated, up to what is held, and where the total was final (no line is out any more)
    up to what the line may have had. What goes beyond is owed (Q5)."""
    before, held = position.keeps(purchase, period, now), position.holds(purchase, period, now)
    most, late = position.most(purchase, period, now), before.late if before else 0
    if before and _is_later(before, units):  # it states an older period: what is kept for the later one stays
        return Kept(max(min(units.units, held), before.units), before.period_start, most, late)
    is_final = not any(line.units and line.purchase == purchase for line in position.lines)
    proven = min(units.units, most if is_final else held)
    late += max(0, proven - held)
    if before and not _is_stated(units, period, now):  # it states a later period than this clock's: this one's stays
        proven = max(proven, before.units)
    return Kept(proven, units.period_start, most, late)


def _is_later(one: Units, other: Units) -> bool:
    return one.period_start is not None and other.period_start is not None and one.period_start > other.period_start


def _still_out(line: OutLine, report: Report, granted: set[str], periods: Periods, now: datetime) -> bool:
    stated = line.units and _is_stated(report.consumed.get(line.purchase), periods.get(line.purchase), now)
    if report.installed is not None:
        older = report.lfr is not None and line.lfr < report.lfr
        if line.file > report.installed and (older or report.gives_up):
            return False  # disproved: generating that LFR made it uninstallable (E4, E7)
        if line.file < report.installed and (not line.units or line.purchase in granted or stated):
            return False  # replaced; units that the newer file leaves out stay until a total of them is stated
    if report.lfr is None or report.at is None or line.lfr >= report.lfr:
        return True  # only an LFR generated after the file was issued says something of its end
    return not (line.ends <= report.at and (stated or not line.units))


def _is_stated(consumed: Units | None, period: Period | None, now: datetime) -> bool:
    """A total of a period that has not begun here says nothing of what was consumed in this one."""
    if consumed is None:
        return False
    return period is None or consumed.period_start is None or consumed.period_start <= period.containing(now)


@dataclass(frozen=True)
class Closing:
    """H4: what an enrolment leaves of a purchase of units: spent, out of what it may have had."""

    spent: Units
    most: int
    late: int = 0  # of what is spent: stated after the total was final


def close(
    position: Position, units: Iterable[str], proven: Iterable[str], periods: Periods, now: datetime
) -> dict[str, Closing]:
    """H4, E11, E12: of the purchases of `units`, what is spent when an enrolment ends: where the total is `proven`,
    that; else all that it may have had. Seats and users return."""
    closings = {}
    for purchase in units:
        period = periods.get(purchase)
        kept = position.keeps(purchase, period, now)
        spent = Units(position.holds(purchase, period, now), period.containing(now) if period else None)
        if purchase in set(proven):
            spent = Units(kept.units, kept.period_start) if kept else replace(spent, units=0)
        closings[purchase] = Closing(spent, position.most(purchase, period, now), kept.late if kept else 0)
    return closings


@dataclass(frozen=True)
class Balance:
    """H1, at one moment: what is bought, held and spent of a purchase."""

    quantity: int
    held: Mapping[str, int]  # by GUID
    spent: int

    @property
    def available(self) -> int:
        return max(0, self.quantity - self.taken)

    @property
    def taken(self) -> int:
        return sum(self.held.values()) + self.spent

    @property
    def excess(self) -> int:
        return max(0, self.taken - self.quantity)

    def most_for(self, guid: str) -> int:
        """The most that an OLF for `guid` may grant: what raises nothing, or what fits beside the others (H1)."""
        mine = self.held.get(guid, 0)
        return max(mine, self.quantity - (self.taken - mine))


@dataclass(frozen=True)
class Offer:
    """A purchase that could give lines, the most that it could give to the GUID in question, and what is installed
    there of it."""

    purchase: str
    valid_from: datetime
    valid_until: datetime
    most: int
    installed: int = 0


def choose(offers: Iterable[Offer], quantity: int, start: datetime, until: datetime | None) -> list[tuple[str, int]]:
    """Take `quantity` from purchases in force for the whole span: first what is installed of them, so that the same
    quantity changes no line, then the rest; each time the soonest-ending first, ties by id.

    Fewer than asked come back where there are not enough: the caller compares."""
    whole = in_force(offers, start, until)
    taken, wanted = {}, quantity
    for offer in whole:
        taken[offer.purchase] = min(wanted, offer.installed, offer.most)
        wanted -= taken[offer.purchase]
    for offer in whole:
        part = min(wanted, offer.most - taken[offer.purchase])
        taken[offer.purchase] += part
        wanted -= part
    return [(purchase, part) for purchase, part in taken.items() if part]


def in_force(offers: Iterable[Offer], start: datetime, until: datetime | None) -> list[Offer]:
    whole = [
        offer
        for offer in offers
        if offer.valid_from <= start < offer.valid_until and offer.valid_until >= (until or start)
    ]
    return sorted(whole, key=lambda offer: (offer.valid_until, offer.purchase))


@dataclass(frozen=True)
class Touched:
    """H6: a site that must give back before a purchase can be lowered, and why."""

    guid: str
    holds: int
    reaches: datetime | None  # the end of its line, where that lies beyond the new end


def lowering(
    balance: Balance, quantity: int, until: datetime, reaches: Mapping[str, tuple[datetime, ...]]
) -> list[Touched]:
    """H6: the sites in the way of lowering a purchase to `quantity`, ending at `until`. Empty: nothing is touched."""
    late = {guid: max(ends) for guid, ends in reaches.items() if ends and max(ends) > until}
    short = quantity < balance.quantity and balance.taken > quantity  # what is in excess already may still end early
    return [
        Touched(guid, held, late.get(guid))
        for guid, held in sorted(balance.held.items())
        if (short and held) or guid in late
    ]


@lru_cache(maxsize=65_536)  # asked of all purchases of an account at each file
def line_id(enrolment: str, purchase: str) -> str:
    """Q1: the same within an enrolment, another with a new one."""
    return str(uuid5(UUID(enrolment), purchase))
