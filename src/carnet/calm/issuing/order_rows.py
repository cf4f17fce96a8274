"""One row of an order file: a purchase, or all that is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches

from carnet.calm.issuing.purchases import MAX_GRACE, MAX_OVERAGE, Wanted
from carnet.calm.licenses.models import Product
from carnet.entitlements import MAX_QUANTITY, Metric, PeriodUnit, Policy, PurchaseKind

NEEDED = ("product", "quantity", "from", "until")
COLUMNS = (*NEEDED, "kind", "period", "overage_percent", "grace_days")

_KINDS = [kind.value for kind in PurchaseKind]
_PERIODS = [unit.value for unit in PeriodUnit]
_OTHER_DAYS = ("%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%Y%m%d", "%d %B %Y", "%Y-%m-%dT%H:%M:%SZ")
_DIGITS = 20


@dataclass(frozen=True)
class RowError:
    """`line`: of the file, from 1. `fits`: a value that would fit there; empty where none can be told."""

    line: int
    column: str  # empty: of the row as a whole
    value: str
    sentence: str
    fits: str = ""


def read_row(line: int, names: list[str], cells: list[str], products: Mapping[str, Product]) -> Wanted | list[RowError]:
    """`products`, by SKU and by name in lower case."""
    row = _Row(line, dict(zip(names, (cell.strip() for cell in cells), strict=False)), products)
    if len(cells) > len(names):
        row.wrong("", f"It has {len(cells)} cells, the first row has {len(names)}.")
    wanted = row.read()
    return row.errors or wanted or []


class _Row:
    def __init__(self, line: int, cells: Mapping[str, str], products: Mapping[str, Product]) -> None:
        self.line, self.cells, self.products = line, cells, products
        self.errors: list[RowError] = []

    def wrong(self, column: str, sentence: str, fits: str = "") -> None:
        self.errors.append(RowError(self.line, column, self.cells.get(column, "")[:100], sentence, fits))

    def read(self) -> Wanted | None:
        product = self._product()
        quantity = self._number("quantity", 1, MAX_QUANTITY)
        start, end = self._day("from"), self._day("until")
        if start and end and end <= start:
            self.wrong("until", "It ends before it starts. The end is the first day that is too late.")
        kind = self._choice("kind", _KINDS, PurchaseKind.PURCHASED.value)
        period = self._choice("period", _PERIODS, "")
        if product and period and product.metric != Metric.CONSUMABLE:
            self.wrong("period", f"{product.name} is not consumed: it has no period.")
        overage = self._number("overage_percent", 0, MAX_OVERAGE, "0")
        grace = self._number("grace_days", 0, MAX_GRACE, "0")
        if self.errors or product is None or start is None or end is None:
            return None
        policy = Policy(overage_percent=overage, grace_days=grace)
        unit = PeriodUnit(period) if period else None
        return Wanted(product, quantity, start, end, PurchaseKind(kind), unit, policy)

    def _product(self) -> Product | None:
        text = self.cells.get("product", "")
        found = self.products.get(text.lower())
        if found is None:
            close = get_close_matches(text.lower(), self.products, 1)
            fits = self.products[close[0]].sku if close else ""
            self.wrong("product", "The catalogue has no such product." if text else "No product is named.", fits)
        return found

    def _number(self, column: str, least: int, most: int, default: str = "") -> int:
        text = self.cells.get(column, "") or default
        if not _is_digits(text):
            plain = "".join(letter for letter in text if letter not in ",' \u00a0\u202f")
            self.wrong(column, "It is no whole number, in digits alone.", plain if _is_digits(plain) else "")
            return least
        number = int(text)
        if not least <= number <= most:
            self.wrong(column, f"It is not between {least} and {most}.", str(min(max(number, least), most)))
        return number

    def _day(self, column: str) -> datetime | None:
        text = self.cells.get(column, "")
        found = _as_day(text, "%Y-%m-%d")
        if found is None or found.strftime("%Y-%m-%d") != text:
            others = (_as_day(text, form) for form in ("%Y-%m-%d", *_OTHER_DAYS))
            fits = next((day.strftime("%Y-%m-%d") for day in others if day), "")
            self.wrong(column, "It is no day, written like 2026-10-01.", fits)
            return None
        return found

    def _choice(self, column: str, choices: list[str], default: str) -> str:
        text = self.cells.get(column, "").lower() or default
        if text and text not in choices:
            close = get_close_matches(text, choices, 1)
            self.wrong(column, f"It is one of {', '.join(choices)}, or empty.", close[0] if close else default)
            return default
        return text


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


def _as_day(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None
