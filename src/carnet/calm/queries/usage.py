"""What a Control Room used over time, as its LFRs stated it: one point for each, by product."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.models import AcceptedLfr, AccountChange, ControlRoom, LicenseLine
from carnet.calm.purchases.models import Product
from carnet.calm.queries.figures import read_totals
from carnet.entitlements import Metric

MOST = 60  # requests


@dataclass(frozen=True)
class Point:
    lfr: int  # its number
    at: datetime
    used: int  # in use, or units consumed in the period
    granted: int
    peak: int


@dataclass(frozen=True)
class ProductUsage:
    sku: str
    name: str
    metric: Metric
    unit: str
    points: tuple[Point, ...]  # the oldest first

    @property
    def units(self) -> str:
        return self.metric.kind.units(self.unit)


def _of_another_account(room: ControlRoom) -> set[str]:
    """E11: the lines that it had there, which it states until its first license file here."""
    if not AccountChange.objects.filter(room=room).exists():
        return set()
    rows = LicenseLine.objects.filter(room=room).exclude(guid__account=room.account_id)
    return set(rows.values_list("line_id", flat=True))


def usage(room: ControlRoom) -> tuple[ProductUsage, ...]:
    """Of the newest 60 LFRs of the history that CALM believes. Of what is on or off there is nothing to draw."""
    lfrs = AcceptedLfr.objects.filter(room=room, believed=True, enrolment__guid__account=room.account_id)
    rows = lfrs.defer("raw").order_by("-sequence")[:MOST]
    foreign = _of_another_account(room)
    points: dict[str, list[Point]] = defaultdict(list)
    for row in reversed(list(rows)):
        totals = [line for line in read_totals(row) if line.line_id not in foreign]
        for sku in dict.fromkeys(line.sku for line in totals if line.metric.kind.has_quantity):
            own = [line for line in totals if line.sku == sku]
            used = sum(line.metric.kind.used(line.consumed, line.in_use) for line in own)
            granted, peak = sum(line.granted for line in own), sum(line.peak_in_use for line in own)
            points[sku].append(Point(row.sequence, row.generated_at, used, granted, peak))
    products = Product.objects.filter(sku__in=points).order_by("metric", "name")
    return tuple(ProductUsage(p.sku, p.name, Metric(p.metric), p.unit, tuple(points[p.sku])) for p in products)
