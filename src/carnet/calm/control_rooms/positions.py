"""From rows to books: what is out at each site, and what is spent, read in three queries however many purchases."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.models import Kept, LicenseLine, Spent
from carnet.calm.licenses.books import Balance, OutLine, Position, Units
from carnet.calm.licenses.models import Purchase
from carnet.calm.prepared import Prepared, slot
from carnet.entitlements import Period

_LINES_OF_ROOM = Prepared(lambda: LicenseLine.objects.filter(room=slot(0), out=True))
_KEPT_OF_ENROLMENT = Prepared(lambda: Kept.objects.filter(enrolment=slot(0)))


def read_position(room: str, enrolment: str) -> Position:
    """What is out at one Control Room."""
    lines = tuple(_out_line(row) for row in _LINES_OF_ROOM(room))
    kept = {row.purchase_id: Units(row.units, row.period_start) for row in _KEPT_OF_ENROLMENT(enrolment)}
    return Position(lines, kept)


def _out_line(row: LicenseLine) -> OutLine:
    return OutLine(row.purchase_id, row.file_sequence, row.request_sequence, row.quantity, row.ends, row.units)


@dataclass(frozen=True)
class Books:
    """Everything that stands against some purchases."""

    purchases: Mapping[str, Purchase]
    positions: Mapping[str, Position]  # by GUID
    spent: Mapping[str, tuple[tuple[str, Units], ...]]  # by purchase: the GUID, and its units

    def balance(self, purchase: str, now: datetime) -> Balance:
        bought = self.purchases[purchase]
        period = bought.period
        held = {guid: position.holds(purchase, period, now) for guid, position in self.positions.items()}
        spent = sum(units.units for _, units in self.spent.get(purchase, ()) if units.counts(period, now))
        return Balance(bought.quantity, {guid: units for guid, units in held.items() if units}, spent)

    def spent_by(self, guid: str, purchase: str, now: datetime) -> int:
        period = self.purchases[purchase].period
        return sum(
            units.units for at, units in self.spent.get(purchase, ()) if at == guid and units.counts(period, now)
        )


_LINES_OF_ACCOUNT = Prepared(lambda: LicenseLine.objects.filter(purchase__account=slot(0), out=True))
_KEPT_OF_ACCOUNT = Prepared(lambda: Kept.objects.filter(purchase__account=slot(0), live=True))
_SPENT_OF_ACCOUNT = Prepared(lambda: Spent.objects.filter(purchase__account=slot(0)).select_related("enrolment"))


def read_books_of(account: str, purchases: Iterable[Purchase]) -> Books:
    """The books of one account's purchases: what issuing decides on."""
    return _books(purchases, _LINES_OF_ACCOUNT(account), _KEPT_OF_ACCOUNT(account), _SPENT_OF_ACCOUNT(account))


def read_books(purchases: Iterable[Purchase]) -> Books:
    by_id = {purchase.id: purchase for purchase in purchases}
    ids = list(by_id)
    return _books(
        by_id.values(),
        LicenseLine.objects.filter(purchase__in=ids, out=True),
        Kept.objects.filter(purchase__in=ids, live=True),
        Spent.objects.filter(purchase__in=ids).select_related("enrolment"),
    )


def _books(
    purchases: Iterable[Purchase], out: Iterable[LicenseLine], keepings: Iterable[Kept], spendings: Iterable[Spent]
) -> Books:
    lines: dict[str, list[OutLine]] = defaultdict(list)
    for row in out:
        lines[row.guid_id].append(_out_line(row))
    kept: dict[str, dict[str, Units]] = defaultdict(dict)
    for keeping in keepings:
        kept[keeping.guid_id][keeping.purchase_id] = Units(keeping.units, keeping.period_start)
    spent: dict[str, list[tuple[str, Units]]] = defaultdict(list)
    for one in spendings:
        spent[one.purchase_id].append((one.enrolment.guid_id, Units(one.units, one.period_start)))
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
        )
        for purchase, units in after.kept.items()
        if before.kept.get(purchase) != units
    ]
    if changed:
        Kept.objects.bulk_create(
            changed,
            update_conflicts=True,
            unique_fields=["enrolment", "purchase"],
            update_fields=["units", "period_start"],
        )


def periods_of(purchases: Collection[str]) -> dict[str, Period | None]:
    return {purchase.id: purchase.period for purchase in Purchase.objects.filter(id__in=list(purchases))}
