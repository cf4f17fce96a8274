"""H1: purchases of which more is held and spent than was bought. Only a write-off and an accepted history lead there,
so that only what those touched is counted."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.models import Acceptance, Kept, LicenseLine, Spent
from carnet.calm.control_rooms.positions import read_books
from carnet.calm.licenses.models import Purchase


@dataclass(frozen=True)
class Excess:
    purchase: str
    account: str
    account_name: str
    sku: str
    name: str
    metric: str
    unit: str
    excess: int
    since: datetime  # the last act that may have led to it


def excesses(now: datetime) -> list[Excess]:
    rows = _candidates()
    if not rows:
        return []
    books = read_books(rows)
    over = [(row, books.balance(row.id, now).excess) for row in rows]
    since = _since([row.id for row, excess in over if excess])
    return [_shown(row, excess, since.get(row.id, row.added_at)) for row, excess in over if excess]


def _candidates() -> list[Purchase]:
    """Found from the few sites that were written off or accepted, and not from the many purchases; and of these, only
    what could be over: its whole books are read after that."""
    written_off = Spent.objects.filter(why="written_off").values_list("purchase", flat=True)
    accepted = LicenseLine.objects.filter(room__in=Acceptance.objects.values("room"), out=True)
    touched = {*written_off, *accepted.values_list("purchase", flat=True)}
    if not touched:
        return []
    most = _at_most(touched)
    bought = Purchase.objects.filter(id__in=touched).values_list("id", "quantity")
    over = [purchase for purchase, quantity in bought if most[purchase] > quantity]
    return list(Purchase.objects.filter(id__in=over).select_related("product", "account")) if over else []


def _at_most(purchases: set[str]) -> Counter[str]:
    """By purchase: held and spent, whatever has ended meanwhile. Never less than the books say."""
    lines = LicenseLine.objects.filter(purchase__in=purchases, out=True).values_list("purchase", "guid", "quantity")
    kept = Kept.objects.filter(purchase__in=purchases, live=True).values_list("purchase", "guid", "units")
    held: dict[tuple[str, str], int] = {}
    for purchase, guid, units in (*lines, *kept):
        held[purchase, guid] = max(units, held.get((purchase, guid), 0))
    found: Counter[str] = Counter()
    for (purchase, _), units in held.items():
        found[purchase] += units
    for purchase, units in Spent.objects.filter(purchase__in=purchases).values_list("purchase", "units"):
        found[purchase] += units
    return found


def _since(purchases: list[str]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    ended = Spent.objects.filter(purchase__in=purchases, why="written_off", enrolment__ended_at__isnull=False)
    times = list(ended.values_list("purchase_id", "enrolment__ended_at"))
    taken = LicenseLine.objects.filter(purchase__in=purchases, out=True, room__acceptance__isnull=False)
    times += list(taken.values_list("purchase_id", "room__acceptance__at"))
    for purchase, at in times:
        if at:
            found[purchase] = max(at, found.get(purchase, at))
    return found


def _shown(row: Purchase, excess: int, since: datetime) -> Excess:
    product = row.product
    return Excess(
        row.id, row.account_id, row.account.name, product.sku, product.name, product.metric, product.unit, excess, since
    )
