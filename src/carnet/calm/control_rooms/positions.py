"""From rows to books: what is out at each site, and what is spent, read in three queries however many purchases."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

from django.db.models import Q

from carnet.calm.control_rooms.models import Kept, LicenseLine, Spent
from carnet.calm.purchases import books
from carnet.calm.purchases.books import (
    Balance,
    OutLine,
    Position,
    Units,
)
from carnet.calm.purchases.models import Purchase, period_of
from carnet.entitlements import Period

_OUT_LINE = ("purchase_id", "file_sequence", "lfr_sequence", "quantity", "ends", "units")  # as in OutLine
_KEPT = ("purchase_id", "units", "period_start", "most", "late")  # as in books.Kept
_PERIOD = ("id", "period_unit", "period_from")
_SPENT = ("enrolment__guid_id", "purchase_id", "units", "period_start")


def read_position(room: str, enrolment: str, stated: Collection[str] | None = None) -> Position:
    """What is out at one Control Room; or, of its units, only what a report can change that states the lines `stated`:
    those of many years are settled (Q3)."""
    rows = LicenseLine.objects.filter(room=room, out=True).values_list(*_OUT_LINE)
    lines = tuple(OutLine(*row) for row in rows)
    kept = Kept.objects.filter(enrolment=enrolment)
    if stated is not None:
        of = LicenseLine.objects.filter(room=room, line_id__in=stated).values("purchase")
        kept = kept.filter(Q(purchase__in={line.purchase for line in lines}) | Q(purchase__in=of))
    return Position(lines, {purchase: books.Kept(*units) for purchase, *units in kept.values_list(*_KEPT)})


class Bought(Protocol):
    """What the books ask of a purchase."""

    @property
    def id(self) -> str: ...

    @property
    def quantity(self) -> int: ...

    @property
    def period(self) -> Period | None: ...


@dataclass(frozen=True)
class Books:
    """Everything that stands against some purchases."""

    purchases: Mapping[str, Bought]
    positions: Mapping[str, Position]  # by GUID
    spent: Mapping[str, tuple[tuple[str, Units], ...]]  # by purchase: the GUID, and its units

    def balance(self, purchase: str, now: datetime) -> Balance:
        bought = self.purchases[purchase]
        period = bought.period
        at = self._at.get(purchase, ())
        held = {guid: self.positions[guid].holds(purchase, period, now) for guid in at}
        spent = sum(units.units for _, units in self.spent.get(purchase, ()) if units.counts(period, now))
        return Balance(bought.quantity, {guid: units for guid, units in held.items() if units}, spent)

    @cached_property
    def _at(self) -> Mapping[str, list[str]]:
        """By purchase: the GUIDs that may hold of it, so that a balance does not ask all of many accounts."""
        found: dict[str, list[str]] = defaultdict(list)
        for guid, position in self.positions.items():
            for purchase in position.purchases():
                found[purchase].append(guid)
        return found

    def spent_by(self, guid: str, purchase: str, now: datetime) -> int:
        period = self.purchases[purchase].period
        return sum(
            units.units for at, units in self.spent.get(purchase, ()) if at == guid and units.counts(period, now)
        )


def read_books_of(account: str, purchases: Iterable[Bought], now: datetime, also: Iterable[str] | None = None) -> Books:
    """The books of one account's purchases: what issuing decides on. `also`: as `read_shelf` takes it."""
    of = Q(purchase__account=account)
    if also is not None:
        of &= Q(purchase__valid_until__gt=now) | Q(purchase__in=list(also))
    return _books(
        purchases,
        LicenseLine.objects.filter(of, out=True).values_list("guid_id", *_OUT_LINE),
        Kept.objects.filter(of, live=True).values_list("guid_id", *_KEPT),
        Spent.objects.filter(of).values_list(*_SPENT),
    )


def read_books(purchases: Iterable[Purchase]) -> Books:
    by_id = {purchase.id: purchase for purchase in purchases}
    ids = list(by_id)
    return _books(
        by_id.values(),
        LicenseLine.objects.filter(purchase__in=ids, out=True).values_list("guid_id", *_OUT_LINE),
        Kept.objects.filter(purchase__in=ids, live=True).values_list("guid_id", *_KEPT),
        Spent.objects.filter(purchase__in=ids).values_list(*_SPENT),
    )


Rows = Iterable[tuple[Any, ...]]


def _books(purchases: Iterable[Bought], out: Rows, keepings: Rows, spendings: Rows) -> Books:
    """Each row: the GUID, and then what stands there."""
    lines: dict[str, list[OutLine]] = defaultdict(list)
    for guid, *line in out:
        lines[guid].append(OutLine(*line))
    kept: dict[str, dict[str, books.Kept]] = defaultdict(dict)
    for guid, purchase, *units in keepings:
        kept[guid][purchase] = books.Kept(*units)
    spent: dict[str, list[tuple[str, Units]]] = defaultdict(list)
    for guid, purchase, *units in spendings:
        spent[purchase].append((guid, Units(*units)))
    positions = {guid: Position(tuple(lines[guid]), kept[guid]) for guid in lines.keys() | kept.keys()}
    by_id = {purchase.id: purchase for purchase in purchases}
    return Books(by_id, positions, {purchase: tuple(found) for purchase, found in spent.items()})


def write_position(room: str, enrolment: str, guid: str, before: Position, after: Position) -> None:
    """Store what a report changed: lines that are out no more, and units proven."""
    gone = set(before.lines) - set(after.lines)
    if gone:
        rows = LicenseLine.objects.filter(room=room, out=True, file_sequence__in={line.file for line in gone})
        keys = {(line.file, line.purchase) for line in gone}
        ended = [row.pk for row in rows if (row.file_sequence, row.purchase_id) in keys]
        LicenseLine.objects.filter(pk__in=ended).update(out=False)
    changed = [
        Kept(
            enrolment_id=enrolment,
            guid_id=guid,
            purchase_id=purchase,
            units=units.units,
            period_start=units.period_start,
            most=units.most,
            late=units.late,
        )
        for purchase, units in after.kept.items()
        if before.kept.get(purchase) != units
    ]
    if changed:
        Kept.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["enrolment", "purchase"],
            update_fields=["units", "period_start", "most", "late"],
        )


def periods_of(purchases: Collection[str]) -> dict[str, Period | None]:
    """Of those that have one: the books of a site name purchases of many years."""
    rows = Purchase.objects.filter(id__in=list(purchases)).exclude(period_unit="")
    return {purchase: period_of(unit, start) for purchase, unit, start in rows.values_list(*_PERIOD)}
