"""Q3 and L2, pure: what CALM counts as consumed, per line and period, from what LFRs state and acceptances add."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from carnet.entitlements import Fields, Quantity, Sku, Time, Uuid
from carnet.exchange.license_file_request import LineTotals
from carnet.exchange.offline_license_file import AddedUnits

Where = tuple[str, datetime | None]  # a line, and the start of its period


class Stated(Fields, frozen=True):
    """What an LFR stated as consumed, kept with its checkpoint, and the newest acceptance that this includes."""

    units: list[AddedUnits]
    history_accepted: int


@dataclass(frozen=True)
class Acceptance:
    number: int
    add: tuple[AddedUnits, ...]


@dataclass(frozen=True)
class Count:
    sku: str
    units: int
    stated: bool  # False where only an accepted history added it: the site may not know the line
    settled: bool = False  # it is final, and the site need not state it any more


@dataclass(frozen=True)
class Fall:
    """A total that is lower than CALM counted, or that is no longer stated."""

    where: Where
    sku: str
    counted: int
    stated: int | None


def stated_in(lines: Iterable[LineTotals], history_accepted: int) -> Stated:
    units = [
        AddedUnits(line_id=line.line_id, sku=line.sku, period_start=line.period_start, units=line.consumed)
        for line in lines
        if line.metric.kind.counts_units
    ]
    return Stated(units=units, history_accepted=history_accepted)


def effective(stated: Stated, acceptances: Iterable[Acceptance]) -> dict[Where, Count]:
    """What the totals come to: as stated, plus the acceptances that they do not include yet (L2)."""
    counts = {(line.line_id, line.period_start): Count(line.sku, line.units, stated=True) for line in stated.units}
    for added in pending(acceptances, stated.history_accepted):
        where = (added.line_id, added.period_start)
        known = counts.get(where, Count(added.sku, 0, stated=False))
        counts[where] = replace(known, units=known.units + added.units)
    return counts


def pending(acceptances: Iterable[Acceptance], history_stated: int) -> list[AddedUnits]:
    """The units that acceptances newer than `history_stated` add, summed."""
    add: dict[Where, AddedUnits] = {}
    for acceptance in acceptances:
        if acceptance.number > history_stated:
            for added in acceptance.add:
                where = (added.line_id, added.period_start)
                before = add[where].units if where in add else 0
                add[where] = msgspec.structs.replace(added, units=before + added.units)
    return list(add.values())


def fitting(acceptances: Sequence[Acceptance], history_stated: int, most: int) -> tuple[Acceptance, ...]:
    """The first acceptances newer than `history_stated` that one file can carry: `most` lines and periods."""
    newer = [acceptance for acceptance in acceptances if acceptance.number > history_stated]
    while len(pending(newer, history_stated)) > most:
        newer.pop()
    return tuple(newer)


def falls(counted: Mapping[Where, Count], new: Mapping[Where, Count], now: datetime) -> list[Fall]:
    """Q3: where `new` is below what was counted. A line that the believed history stated must stay stated, unless it is
    settled; in a later period it may state that one instead. A period that has not begun here was stated by a clock
    that was ahead: once that was lowered (T3), an earlier one is stated."""
    newest = newest_periods(where for where, count in new.items() if count.stated)
    found = []
    for where, count in counted.items():
        if count.settled:
            continue
        states = new.get(where)
        if states is not None and states.stated:
            if states.units < count.units:
                found.append(Fall(where, count.sku, count.units, states.units))
        elif count.stated and count.units and not _stands_for(newest, where, now):
            found.append(Fall(where, count.sku, count.units, None))
    return found


def newest_periods(stated: Iterable[Where]) -> dict[str, datetime | None]:
    """By line, the newest period stated."""
    found: dict[str, datetime | None] = {}
    for line, start in stated:
        before = found.get(line)
        found[line] = max(start, before) if start and before else start or before
    return found


def _stands_for(newest: Mapping[str, datetime | None], where: Where, now: datetime) -> bool:
    (line, start), stated = where, newest.get(where[0])
    return line in newest and start is not None and stated is not None and (stated > start or start > now)


def merge(counted: Mapping[Where, Count], new: Mapping[Where, Count]) -> dict[Where, Count]:
    """The counts after an LFR without a fall: what it does not state stays as it was counted, and what is settled never
    falls."""
    merged = dict(counted)
    for where, count in new.items():
        known = merged.get(where)
        if known and known.settled:
            merged[where] = replace(known, units=max(known.units, count.units))
        elif count.stated or known is None:
            merged[where] = count
    return merged


def reopened(counted: Mapping[Where, Count], stated: Collection[str]) -> dict[Where, Count]:
    """L2: an accepted history may state settled lines again: they are open until they are settled once more. The others
    it does not know; they stay settled."""
    return {where: replace(count, settled=count.settled and where[0] not in stated) for where, count in counted.items()}


def to_add(counted: Mapping[Where, Count], shared: Mapping[Where, Count]) -> list[AddedUnits]:
    """L2: what an acceptance carries over: counted in the history given up, beyond the newest checkpoint that both
    share. Both sides include all earlier acceptances. What is settled stays counted, and is not carried."""
    add = []
    for (line, period_start), count in sorted(counted.items(), key=_order):
        if count.settled:
            continue
        before = shared.get((line, period_start))
        units = count.units - (before.units if before else 0)
        if units > 0:
            add.append(AddedUnits(line_id=line, sku=count.sku, period_start=period_start, units=units))
    return add


class Carried(Fields, frozen=True):
    """What an acceptance adds to a line in a period, and the numbers that it can be judged by (L2)."""

    line_id: Uuid
    sku: Sku
    period_start: Time | None
    before: Quantity  # what is counted there without it
    least: Quantity  # with so many the total is what the higher of both histories proves
    most: Quantity  # as computed: nothing that was consumed is missing
    units: Quantity  # as decided

    @property
    def stands_at(self) -> int:
        return self.before + self.units

    @property
    def twice(self) -> int:
        """How many of `stands_at` may be counted twice, at most."""
        return self.units - self.least

    @property
    def missing(self) -> int:
        """How many may not be counted, at most: people decided on fewer."""
        return self.most - self.units

    @property
    def added(self) -> AddedUnits:
        return AddedUnits(line_id=self.line_id, sku=self.sku, period_start=self.period_start, units=self.units)


def carry(add: Iterable[AddedUnits], counted: Mapping[Where, Count], new: Mapping[Where, Count]) -> tuple[Carried, ...]:
    """Each number of units `to_add`, with its bounds. `counted`: in the history given up; `new`: in the accepted one.

    The histories part at a moment that nobody knows, after the newest checkpoint that they share. What was consumed up
    to there is in both. So it is at least nothing more than was shared, and at most the smaller of both totals.
    """
    found = []
    for added in add:
        where, most = (added.line_id, added.period_start), added.units
        total, own = counted[where].units, new.get(where)
        before, least = total - most, most  # what it does not state stays counted as it is
        if own and own.stated:
            before, least = own.units, min(most, max(0, total - own.units))
        found.append(
            Carried(
                line_id=added.line_id,
                sku=added.sku,
                period_start=added.period_start,
                before=before,
                least=least,
                most=most,
                units=most,
            )
        )
    return tuple(found)


def _order(item: tuple[Where, Count]) -> tuple[str, str]:
    (line, period_start), _ = item
    return line, period_start.isoformat() if period_start else ""
