"""H1: purchases of which more is held and spent than was bought. Only a write-off and an accepted history lead there,
so that only what those touched is counted."""

from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.models import Acceptance, LicenseLine, Spent
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
    """Found from the few sites that were written off or accepted, and not from the many purchases."""
    written_off = Spent.objects.filter(why="written_off").values_list("purchase", flat=True)
    accepted = LicenseLine.objects.filter(room__in=Acceptance.objects.values("room"), out=True)
    touched = {*written_off, *accepted.values_list("purchase", flat=True)}
    return list(Purchase.objects.filter(id__in=touched).select_related("product", "account")) if touched else []


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
