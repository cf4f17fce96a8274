"""The words both sides share: products, lines, periods, policies."""

from carnet.entitlements.line import Line, Policy, PurchaseKind
from carnet.entitlements.metrics import COUNTED_IN_UNITS, HypotheticalUse, Metric, MetricKind, Taking, kind_of
from carnet.entitlements.period import Period, PeriodUnit
from carnet.entitlements.product import Product, read_catalogue
from carnet.entitlements.values import (
    MAX_QUANTITY,
    MAX_TEXT,
    Count,
    Fields,
    Quantity,
    Sha256,
    Sku,
    Text,
    Time,
    UnwritableError,
    Uuid,
    Word,
    is_composed,
    new_id,
)

__all__ = [
    "COUNTED_IN_UNITS",
    "MAX_QUANTITY",
    "MAX_TEXT",
    "Count",
    "Fields",
    "HypotheticalUse",
    "Line",
    "Metric",
    "MetricKind",
    "Period",
    "PeriodUnit",
    "Policy",
    "Product",
    "PurchaseKind",
    "Quantity",
    "Sha256",
    "Sku",
    "Taking",
    "Text",
    "Time",
    "UnwritableError",
    "Uuid",
    "Word",
    "is_composed",
    "kind_of",
    "new_id",
    "read_catalogue",
]
