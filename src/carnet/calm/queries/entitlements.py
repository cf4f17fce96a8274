"""What an account bought, product by product: held at sites, used, left to give, and what comes back."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.counting import newest_periods
from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.purchases.books import (
    Position,
    Report,
    Units,
    line_id,
    settle,
)
from carnet.calm.queries.figures import METRICS, read_totals
from carnet.calm.queries.sites import awaited
from carnet.calm.use_cases.selection import Item, Shelf
from carnet.entitlements import Metric
from carnet.exchange.license_file_request import LineTotals


@dataclass(frozen=True)
class Returning:
    """What comes back when a site confirms the OLF that is on its way."""

    guid: str
    site: str
    quantity: int


@dataclass(frozen=True)
class Ending:
    """A purchase in force, or one that starts later."""

    purchase: str
    quantity: int
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True)
class Entitlement:
    """One product, over the purchases in force now. `used`: as the newest LFR of each site states it."""

    sku: str
    name: str
    metric: Metric
    unit: str
    bought: int
    held: int
    spent: int
    used: int
    left: int
    excess: int
    sites: int  # that hold some; of a feature: where it is on
    until: datetime | None  # the last end
    in_force: tuple[Ending, ...]  # the soonest-ending first
    later: tuple[Ending, ...]
    returning: tuple[Returning, ...]

    @property
    def units(self) -> str:
        return self.metric.kind.units(self.unit)

    @property
    def note(self) -> str:
        """`4 come back when Singapore confirms`."""
        count = sum(one.quantity for one in self.returning)
        if len(self.returning) == 1:
            return f"{count:,} come back when {self.returning[0].site} confirms"
        if count:
            return f"{count:,} come back when {len(self.returning)} sites confirm"
        if self.excess:
            return f"{self.excess:,} more than bought are out"
        return ""


def entitlements(shelf: Shelf, rooms: Iterable[ControlRoom]) -> tuple[Entitlement, ...]:
    """Every product with a purchase that has not ended, or that a site still uses."""
    found, rooms = _Found(), list(rooms)
    for room in rooms:
        if room.newest_lfr:
            found.add_used(room, read_totals(room.newest_lfr), shelf)
        found.add_returning(room, shelf)
    by_sku: dict[str, list[Item]] = defaultdict(list)
    for item in shelf.purchases.values():
        by_sku[item.sku].append(item)
    rows = [_entitlement(shelf, items, found) for items in by_sku.values()]
    kept = [row for row in rows if row.in_force or row.later or row.used]
    return tuple(sorted(kept, key=lambda row: (METRICS.index(row.metric), row.name, row.sku)))


class _Found:
    """By product, gathered over all sites."""

    def __init__(self) -> None:
        self.used: dict[str, int] = defaultdict(int)
        self.returning: dict[str, list[Returning]] = defaultdict(list)

    def add_used(self, room: ControlRoom, totals: Iterable[LineTotals], shelf: Shelf) -> None:
        totals = list(totals)
        for total in totals:
            if total.metric.kind.holders:
                self.used[total.sku] += total.in_use
        for purchase, units in _consumed(str(room.enrolment_id), totals, shelf.purchases).items():
            item = shelf.purchases[purchase]
            if units.counts(item.period, shelf.now):
                self.used[item.sku] += units.units

    def add_returning(self, room: ControlRoom, shelf: Shelf) -> None:
        """H3: proven by a receipt of the file that is on its way, or by an LFR that names it."""
        number, position = awaited(room), shelf.books.positions.get(str(room.guid_id))
        if not number or position is None:
            return
        for purchase, quantity in _returned(position, number, shelf).items():
            sku = shelf.purchases[purchase].sku
            self.returning[sku].append(Returning(str(room.guid_id), room.name, quantity))


def _consumed(enrolment: str, totals: list[LineTotals], purchases: Mapping[str, Item]) -> dict[str, Units]:
    """By purchase, as stated for the newest period."""
    stated = {(t.line_id, t.period_start): t.consumed for t in totals if t.metric.kind.counts_units}
    if not stated:
        return {}
    by_line = {line_id(enrolment, purchase): purchase for purchase in purchases}
    newest = newest_periods(stated)
    return {by_line[line]: Units(stated[line, start], start) for line, start in newest.items() if line in by_line}


def _returned(position: Position, file: int, shelf: Shelf) -> dict[str, int]:
    periods = {purchase: item.period for purchase, item in shelf.purchases.items()}
    after = settle(position, Report(installed=file), periods, shelf.now)
    less = {}
    for purchase in position.purchases():
        period = periods[purchase]
        fewer = position.holds(purchase, period, shelf.now) - after.holds(purchase, period, shelf.now)
        if fewer > 0:
            less[purchase] = fewer
    return less


def _entitlement(shelf: Shelf, items: list[Item], found: _Found) -> Entitlement:
    named, now = items[0], shelf.now
    items = sorted(items, key=lambda item: (item.valid_until, item.id))
    live = [item for item in items if item.valid_from <= now < item.valid_until]
    later = [item for item in items if item.valid_from > now]
    balances = [shelf.balance(item.id) for item in live]
    return Entitlement(
        named.sku,
        named.name,
        Metric(named.metric),
        named.unit,
        sum(item.quantity for item in live),
        sum(sum(balance.held.values()) for balance in balances),
        sum(balance.spent for balance in balances),
        found.used[named.sku],
        sum(balance.available for balance in balances),
        sum(balance.excess for balance in balances),
        len({guid for balance in balances for guid in balance.held}),
        live[-1].valid_until if live else None,
        tuple(_ending(item) for item in live),
        tuple(_ending(item) for item in later),
        tuple(found.returning[named.sku]),
    )


def _ending(item: Item) -> Ending:
    return Ending(item.id, item.quantity, item.valid_from, item.valid_until)
