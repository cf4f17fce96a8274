"""H2: totals that rose after they were final. An honest Control Room states none, so there are few."""

from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.models import ControlRoom, Kept, Spent
from carnet.calm.purchases.books import Units
from carnet.entitlements import Metric


@dataclass(frozen=True)
class LateTotal:
    room: ControlRoom
    purchase: str
    words: str  # how much of what


def late_totals(now: datetime) -> list[LateTotal]:
    """Those that count now: in their period (Q2), and until the purchase ends."""
    named = ("purchase__product", "enrolment__room__account")
    rows: list[Kept | Spent] = [
        *Kept.objects.filter(late__gt=0, live=True).select_related(*named).order_by("pk"),
        *Spent.objects.filter(late__gt=0).select_related(*named).order_by("pk"),
    ]
    return [_shown(row) for row in rows if _counts(row, now)]


def _counts(row: Kept | Spent, now: datetime) -> bool:
    purchase = row.purchase
    return now < purchase.valid_until and Units(row.units, row.period_start).counts(purchase.period, now)


def _shown(row: Kept | Spent) -> LateTotal:
    product = row.purchase.product
    units = Metric(product.metric).kind.counted(row.late, product.unit)
    return LateTotal(row.enrolment.room, row.purchase_id, f"{units} of {product.name}")
