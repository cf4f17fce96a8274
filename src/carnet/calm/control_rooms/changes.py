"""S: what becomes less of each product at a site, as the OLF that is confirmed says; kept as rows."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from carnet.calm.control_rooms.models import ComingChange, LicenseFile, LicenseLine
from carnet.calm.customers.windows import read_windows
from carnet.entitlements import Change, Line, Metric, Policy, PurchaseKind, announced, changes, license_end
from carnet.times import earlier


def write_changes(room: str, file: LicenseFile | None) -> None:
    """In place of those that were known of the room. `file`: the OLF that is confirmed; None where it has none."""
    ComingChange.objects.filter(room=room).delete()
    if file is None:
        return
    lines, within = _lines(file), read_windows(file.windows).expiring
    end = license_end(lines)
    found = [one for sku in {line.sku: None for line in lines} for one in announced(changes(lines, sku), end)]
    ComingChange.objects.bulk_create(
        ComingChange(
            room_id=room,
            sku=one.sku,
            name=one.name,
            metric=one.metric.value,
            at=one.when,
            ends=one.ends,
            before=one.before,
            after=one.after,
            expiring_from=earlier(one.ends, within),
        )
        for one in found
    )


def _lines(file: LicenseFile) -> list[Line]:
    rows = LicenseLine.objects.filter(license_file=file).select_related("purchase__product")
    return [_line(row) for row in rows.order_by("id")]


def _line(row: LicenseLine) -> Line:
    """As it was issued; its policy is the purchase's, which nothing changes."""
    bought, grace = row.purchase, (row.ends - row.valid_until).days
    return Line(
        line_id=row.line_id,
        sku=bought.product.sku,
        name=bought.product.name,
        metric=Metric(bought.product.metric),
        unit=bought.product.unit,
        quantity=row.quantity,
        kind=PurchaseKind(bought.kind),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        period=bought.period,
        policy=Policy(overage_percent=bought.overage_percent, grace_days=grace),
    )


def read_changes(rows: Iterable[ComingChange] | QuerySet[ComingChange]) -> dict[str, tuple[Change, ...]]:
    """By the room's id, the soonest first."""
    found: dict[str, list[Change]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.ends, row.name)):
        metric = Metric(row.metric)
        found[row.room_id].append(Change(row.sku, row.name, metric, row.at, row.ends, row.before, row.after))
    return {room: tuple(of) for room, of in found.items()}


def announced_changes(now: datetime, **rooms: str) -> dict[str, tuple[Change, ...]]:
    """What becomes less and is announced now (S), of rooms with these fields; by the room's id, the soonest first."""
    return read_changes(ComingChange.objects.filter(at__gt=now, expiring_from__lte=now, **rooms))
