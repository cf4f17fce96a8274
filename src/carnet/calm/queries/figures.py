"""The numbers of one site, product by product: bought, held elsewhere, granted, in use, and what fits there now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from carnet.calm.control_rooms.counting import (
    Count,
    Where,
    effective,
    stated_in,
)
from carnet.calm.control_rooms.models import AcceptedLfr, ControlRoom, LicenseLine
from carnet.calm.purchases.books import line_id
from carnet.calm.use_cases.selection import Item, Shelf
from carnet.calm.use_cases.validate_lfr import read_acceptances
from carnet.entitlements import Metric, MetricKind
from carnet.exchange.license_file_request import LineTotals

METRICS = tuple(Metric)  # in the order of every page


@dataclass(frozen=True)
class LineShown:
    """A line of an OLF of this Control Room."""

    file: int
    purchase: str
    sku: str
    name: str
    metric: Metric
    unit: str
    quantity: int
    valid_from: datetime
    valid_until: datetime

    @property
    def counted(self) -> str:
        return self.metric.kind.counted(self.quantity, self.unit)

    def in_force(self, now: datetime) -> bool:
        return self.valid_from <= now < self.valid_until


@dataclass(frozen=True)
class PurchaseFigures:
    """One purchase, as it stands for this site. `most`: what an OLF for the site may grant of it (H1)."""

    purchase: str
    bought: int
    valid_from: datetime
    valid_until: datetime
    kind: str
    period: str  # month | year, or empty
    spent: int
    elsewhere: int
    held: int
    installed: int
    most: int
    excess: int


@dataclass(frozen=True)
class Figures:
    """One product. Bought, spent, elsewhere and most are of the purchases in force now."""

    sku: str
    name: str
    metric: Metric
    unit: str
    bought: int
    spent: int
    elsewhere: int
    held: int
    granted: int  # by the OLF that is installed, as CALM knows, now
    in_use: int  # as the newest LFR states it; units: as CALM counts them in this period
    proposed: int  # what is installed, also where it has ended since; none where no purchase is in force
    most: int
    purchases: tuple[PurchaseFigures, ...]  # in force now, the soonest-ending first
    later: tuple[PurchaseFigures, ...]  # that start later

    @property
    def units(self) -> str:
        return self.metric.kind.units(self.unit)

    @property
    def kept(self) -> int:
        """What can be granted without an approval (E1): no more than what is installed."""
        return sum(min(line.most, line.installed) for line in self.purchases)

    def left_after(self, new: int) -> int:
        return self.bought - self.spent - self.elsewhere - new


@dataclass(frozen=True)
class Site:
    """What the figures are taken from."""

    enrolment: str
    shelf: Shelf
    installed: tuple[LineShown, ...]
    totals: tuple[LineTotals, ...]
    counts: Mapping[Where, Count]


def read_lines(room: str, files: Iterable[int]) -> tuple[LineShown, ...]:
    """The lines of some of its OLFs, by their sequence."""
    product = [f"purchase__product__{name}" for name in ("sku", "name", "metric", "unit")]
    rows = LicenseLine.objects.filter(room=room, file_sequence__in=[file for file in files if file])
    columns = rows.order_by("file_sequence", "purchase__product__name", "valid_until", "line_id").values_list(
        "file_sequence", "purchase_id", *product, "quantity", "valid_from", "valid_until"
    )
    return tuple(
        LineShown(file, purchase, sku, name, Metric(metric), *rest)
        for file, purchase, sku, name, metric, *rest in columns
    )


def read_totals(lfr: AcceptedLfr) -> tuple[LineTotals, ...]:
    return tuple(msgspec.json.decode(lfr.totals, type=list[LineTotals]))


def read_site(room: ControlRoom, lfr: AcceptedLfr, shelf: Shelf, installed: tuple[LineShown, ...]) -> Site:
    totals = read_totals(lfr)
    acceptances = read_acceptances(room.id, lfr.history_accepted)
    counts = effective(stated_in(totals, lfr.history_accepted), acceptances)
    return Site(str(room.enrolment_id), shelf, installed, totals, counts)


def figures_of(site: Site) -> tuple[Figures, ...]:
    """Every product that the account bought and that has not ended, or that is installed."""
    now = site.shelf.now
    skus = {item.sku for item in site.shelf.purchases.values() if now < item.valid_until}
    skus |= {line.sku for line in site.installed}
    found = [_figures(site, sku) for sku in skus]
    return tuple(sorted(found, key=lambda row: (METRICS.index(row.metric), row.name, row.sku)))


def _figures(site: Site, sku: str) -> Figures:
    now = site.shelf.now
    items = [item for item in site.shelf.purchases.values() if item.sku == sku]
    lines = [line for line in site.installed if line.sku == sku]
    named: Item | LineShown = items[0] if items else lines[0]  # a line of a purchase that is over can be installed
    metric = Metric(named.metric)
    rows = [_purchase(site, item, lines) for item in sorted(items, key=lambda item: (item.valid_until, item.id))]
    live = [row for row in rows if row.valid_from <= now < row.valid_until]
    return Figures(
        sku,
        named.name,
        metric,
        named.unit,
        sum(row.bought for row in live),
        sum(row.spent for row in live),
        sum(row.elsewhere for row in live),
        sum(row.held for row in live),
        sum(line.quantity for line in lines if line.in_force(now)),
        _in_use(site, sku, metric.kind, items),
        _proposed(lines, now) if live else 0,
        sum(row.most for row in live),
        tuple(live),
        tuple(row for row in rows if row.valid_from > now),
    )


def _purchase(site: Site, item: Item, lines: list[LineShown]) -> PurchaseFigures:
    balance = site.shelf.balance(item.id)
    held = balance.held.get(site.shelf.guid, 0)
    return PurchaseFigures(
        item.id,
        item.quantity,
        item.valid_from,
        item.valid_until,
        item.kind,
        item.period_unit,
        balance.spent,
        sum(balance.held.values()) - held,
        held,
        sum(line.quantity for line in lines if line.purchase == item.id),
        balance.most_for(site.shelf.guid),
        balance.excess,
    )


def _in_use(site: Site, sku: str, kind: MetricKind, items: list[Item]) -> int:
    if kind.holders:
        return sum(total.in_use for total in site.totals if total.sku == sku)
    return sum(consumed(site, item) for item in items) if kind.counts_units else 0


def consumed(site: Site, item: Item) -> int:
    """Units of one purchase, in this period."""
    start = item.period.containing(site.shelf.now) if item.period else None
    found = site.counts.get((line_id(site.enrolment, item.id), start))
    return found.units if found else 0


def _proposed(lines: list[LineShown], now: datetime) -> int:
    """What is installed: what is in force of it, else what ended last."""
    live = [line for line in lines if line.in_force(now)]
    ended = [line for line in lines if line.valid_until <= now]
    if not live and ended:
        last = max(line.valid_until for line in ended)
        live = [line for line in ended if line.valid_until == last]
    return sum(line.quantity for line in live)
