"""Products and the catalogue. The catalogue is data that the vendor edits (TOML), never code."""

import tomllib

import msgspec

from carnet.entitlements.metrics import Metric
from carnet.entitlements.values import Fields, Sku, Text

MAX_CATALOGUE = 256 * 1024  # bytes


class Product(Fields, frozen=True):
    """One product of the catalogue. `unit` is its noun in the singular, e.g. `page`."""

    sku: Sku
    name: Text
    metric: Metric
    unit: Text


class Catalogue(Fields, frozen=True):
    """A catalogue file (docs/formats/catalogue.md). Without a product it is empty."""

    product: list[Product] = msgspec.field(default_factory=list)


def read_catalogue(text: bytes) -> tuple[Product, ...]:
    """The products of a catalogue file (TOML), in its order; of an empty file none (docs/formats/catalogue.md).

    Raises:
        ValueError: It is larger than 256 KiB, cannot be read, or names a product twice.
    """
    if len(text) > MAX_CATALOGUE:
        raise ValueError(f"the catalogue is larger than {MAX_CATALOGUE} bytes")
    try:
        products = msgspec.convert(tomllib.loads(text.decode()), Catalogue).product
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, msgspec.ValidationError) as error:
        raise ValueError(f"the catalogue cannot be read: {error}") from error
    seen: set[str] = set()
    for product in products:
        if product.sku in seen:
            raise ValueError(f"the catalogue names {product.sku} twice")
        seen.add(product.sku)
    return tuple(products)
