"""The words both sides share: products, lines, periods, policies."""

from carnet.entitlements.line import Line, Policy, PurchaseKind
from carnet.entitlements.period import Period, PeriodUnit
from carnet.entitlements.product import Metric, Product, read_catalogue
from carnet.entitlements.values import (
    MAX_QUANTITY,
    Count,
    Fields,
    Quantity,
    Sha256,
    Sku,
    Text,
    Time,
    UnwritableError,
    Uuid,
    is_composed,
    new_id,
)

__all__ = [
    "MAX_QUANTITY",
    "Count",
    "Fields",
    "Line",
    "Metric",
    "Period",
    "PeriodUnit",
    "Policy",
    "Product",
    "PurchaseKind",
    "Quantity",
    "Sha256",
    "Sku",
    "Text",
    "Time",
    "UnwritableError",
    "Uuid",
    "is_composed",
    "new_id",
    "read_catalogue",
]
