"""Setting CALM up, and its catalogue."""

from dataclasses import dataclass
from datetime import datetime

from carnet.calm.purchases.models import Product as ProductRow
from carnet.calm.purchases.models import Purchase
from carnet.calm.use_cases.context import Act, Calm, act
from carnet.calm.use_cases.key_sets import KeysMade, make_first
from carnet.calm.use_cases.models import IssuedKeySet
from carnet.entitlements import Metric, Product, read_catalogue
from carnet.errors import NotSetUpError, UsageError


@dataclass(frozen=True)
class SetUp:
    key_set: KeysMade
    products: int


@dataclass(frozen=True)
class CatalogueLoaded:
    added: tuple[str, ...]
    changed: tuple[str, ...]
    kept: tuple[str, ...]  # in CALM, no longer in the file: purchases may still name them


def set_up(calm: Calm, *, catalogue: bytes, now: datetime, by: str) -> SetUp:
    """`init`: the keys, key set 1 and the catalogue. Once."""
    with act(calm, now=now, by=by) as doing:
        if IssuedKeySet.objects.exists():
            raise NotSetUpError("CALM is set up here already.", "Name another folder.", run="calm init --data DIR")
        made = make_first(doing)
        doing.record("calm.set_up", str(made.version), roots=made.roots, issuers=made.issuers)
        loaded = _load(doing, catalogue)
        return SetUp(made, len(loaded.added))


def load_catalogue(calm: Calm, *, catalogue: bytes, now: datetime, by: str) -> CatalogueLoaded:
    with act(calm, now=now, by=by) as doing:
        return _load(doing, catalogue)


def _load(doing: Act, catalogue: bytes) -> CatalogueLoaded:
    products = _read(catalogue)
    known = {row.sku: row for row in ProductRow.objects.all()}
    added = [product for product in products if product.sku not in known]
    changed = [product for product in products if product.sku in known and product != _value(known[product.sku])]
    _check_metrics(changed, known)
    rows = [ProductRow(sku=p.sku, name=p.name, metric=p.metric, unit=p.unit) for p in (*added, *changed)]
    ProductRow.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["sku"], update_fields=["name", "metric", "unit"]
    )
    answer = CatalogueLoaded(
        tuple(product.sku for product in added),
        tuple(product.sku for product in changed),
        tuple(sorted(known.keys() - {product.sku for product in products})),
    )
    doing.record("catalogue.loaded", "catalogue", added=answer.added, changed=answer.changed)
    return answer


def _read(catalogue: bytes) -> tuple[Product, ...]:
    try:
        return read_catalogue(catalogue)
    except ValueError as error:
        raise UsageError(f"The file is not a catalogue: {error}.") from error


def _check_metrics(changed: list[Product], known: dict[str, ProductRow]) -> None:
    """What was sold by one metric is not counted by another."""
    for product in changed:
        if product.metric != known[product.sku].metric and Purchase.objects.filter(product=product.sku).exists():
            raise UsageError(f"{product.sku} was sold by {known[product.sku].metric}; its metric cannot change.")


def _value(row: ProductRow) -> Product:
    return Product(sku=row.sku, name=row.name, metric=Metric(row.metric), unit=row.unit)


def show_catalogue() -> list[Product]:
    return [_value(row) for row in ProductRow.objects.order_by("metric", "name")]
