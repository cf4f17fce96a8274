"""How fast a site consumes, from two of its LFRs, and when what is asked for would run out at that pace."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet.calm.control_rooms.models import AcceptedLfr, ControlRoom
from carnet.calm.queries.figures import Figures, read_totals
from carnet.entitlements import Period, PeriodUnit
from carnet.times import later

SPAN = timedelta(days=90)  # what lies longer back says little of today
LEAST = timedelta(days=7)  # less says little of any day
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Dry:
    a_day: int
    at: datetime


def rates_of(room: ControlRoom, newest: AcceptedLfr) -> dict[str, float]:
    """Units a day, by product, between the newest LFR and the first of the last 90 days."""
    rows = AcceptedLfr.objects.filter(room=room, enrolment=room.enrolment_id, believed=True)
    rows = rows.filter(generated_at__gte=newest.generated_at - SPAN, generated_at__lt=newest.generated_at)
    first = rows.defer("raw", "refusals").order_by("generated_at").first()
    if first is None or newest.generated_at - first.generated_at < LEAST:
        return {}
    before = {(total.line_id, total.period_start): total.consumed for total in read_totals(first)}
    found: dict[str, float] = defaultdict(float)
    for total in read_totals(newest):
        if total.metric.kind.counts_units:
            since = max(first.generated_at, total.period_start or first.generated_at)
            units = total.consumed - before.get((total.line_id, total.period_start), 0)
            if newest.generated_at - since >= LEAST:
                found[total.sku] += max(0, units) / ((newest.generated_at - since) / DAY)
    return dict(found)


def runs_dry(row: Figures, asked: int, rate: float, now: datetime) -> Dry | None:
    """None where it lasts until the purchases, or the period they are counted by, end."""
    if rate < 1 or asked <= row.in_use or not row.purchases:
        return None
    days = (asked - row.in_use) / rate
    ends = min(_end(line.valid_until, line.period, line.valid_from, now) for line in row.purchases)
    if days > (ends - now) / DAY:
        return None
    return Dry(round(rate), later(now, timedelta(days=days)))


def _end(until: datetime, period: str, start: datetime, now: datetime) -> datetime:
    if not period:
        return until
    return min(until, Period(unit=PeriodUnit(period), start=start).following(now))
