"""An order file: a table of purchases in CSV, read row by row, each error with its line, its column and the value that
would fit. What is done with the rows: `order_imports`.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from hashlib import sha256

from carnet import times
from carnet.calm.purchases.models import Product
from carnet.calm.use_cases.purchases import MAX_GRACE, MAX_OVERAGE, NewPurchase
from carnet.csv_cells import WHY, csv_line, csv_rows
from carnet.entitlements import (
    MAX_QUANTITY,
    PeriodUnit,
    Policy,
    PurchaseKind,
)
from carnet.exchange.file_kinds import wrong_file
from carnet.exchange.verdicts import Code, Refusal
from carnet.printable import is_printable, printable

NEEDED = ("product", "quantity", "from", "until")
OPTIONAL = ("kind", "period", "overage_percent", "grace_days", "order", "line", "account")
COLUMNS = (*NEEDED, *OPTIONAL)
MAX_REFERENCE, MAX_LINE = 64, 999_999

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


@dataclass(frozen=True)
class OrderRow:
    """`line`: of the file. `order`, `number`: of the order (H8). `account`: as it stands there; empty where it does
    not."""

    line: int
    wanted: NewPurchase
    order: str
    number: int
    account: str


def read_row(
    line: int, names: list[str], cells: list[str], products: Mapping[str, Product], file: str
) -> OrderRow | list[RowError]:
    """`products`, by SKU and by name in lower case. `file`: the reference where the row has none of its own."""
    row = _Row(line, dict(zip(names, cells, strict=False)), products)
    if len(cells) > len(names):
        row.wrong("", f"It has {len(cells)} cells, the first row has {len(names)}.")
    for name, cell in zip(names, cells, strict=False):
        if not is_printable(cell):
            row.wrong(name, "It holds a line break, or a character that is not seen.", _visible(cell))
    wanted, (order, number) = row.read(), row.place(file)
    return row.errors or (OrderRow(line, wanted, order, number, row.cells.get("account", "")) if wanted else [])


def _visible(cell: str) -> str:
    """The cell in one line, with only what is seen."""
    return " ".join("".join(letter if is_printable(letter) else " " for letter in cell).split())


class _Row:
    def __init__(self, line: int, cells: Mapping[str, str], products: Mapping[str, Product]) -> None:
        self.line, self.cells, self.products = line, cells, products
        self.errors: list[RowError] = []

    def wrong(self, column: str, sentence: str, fits: str = "") -> None:
        self.errors.append(RowError(self.line, column, printable(self.cells.get(column, ""), 100), sentence, fits))

    def read(self) -> NewPurchase | None:
        product = self._product()
        quantity = self._number("quantity", 1, MAX_QUANTITY)
        start, end = self._day("from"), self._end()
        if start and end and end <= start:
            self.wrong("until", "It ends before it starts: it ends at the start of its last date (UTC).")
        kind = self._choice("kind", _KINDS, PurchaseKind.PURCHASED.value)
        period = self._choice("period", _PERIODS, "")
        if product and period and not product.kind.is_periodic:
            self.wrong("period", f"{product.name} is not consumed: it has no period.")
        overage = self._number("overage_percent", 0, MAX_OVERAGE, "0")
        grace = self._number("grace_days", 0, MAX_GRACE, "0")
        if self.errors or product is None or start is None or end is None:
            return None
        policy = Policy(overage_percent=overage, grace_days=grace)
        unit = PeriodUnit(period) if period else None
        return NewPurchase(product, quantity, start, end, PurchaseKind(kind), unit, policy)

    def place(self, file: str) -> tuple[str, int]:
        """The order and its line: both are named, or neither is."""
        order, number = self.cells.get("order", ""), self.cells.get("line", "")
        if not order and not number:
            return file, self.line
        if not order or len(order) > MAX_REFERENCE:
            self.wrong("order", f"An order's reference has 1 to {MAX_REFERENCE} characters, beside its line.")
        return order, self._number("line", 1, MAX_LINE)

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
            self.wrong(column, "It is not a whole number written in digits.", plain if _is_digits(plain) else "")
            return least
        number = int(text)
        if not least <= number <= most:
            self.wrong(column, f"It is not between {least} and {most}.", str(min(max(number, least), most)))
        return number

    def _day(self, column: str) -> datetime | None:
        text = self.cells.get(column, "")
        found = _as_day(text, "%Y-%m-%d")
        if found is None or times.day(found) != text:
            others = (_as_day(text, form) for form in ("%Y-%m-%d", *_OTHER_DAYS))
            fits = next((times.day(day) for day in others if day), "")
            self.wrong(column, "It is not a day. Write it like 2026-10-01.", fits)
            return None
        return found

    def _end(self) -> datetime | None:
        """Q1: a day, or `perpetual`."""
        text = self.cells.get("until", "")
        if text.lower() == times.PERPETUAL_WORD:
            return times.PERPETUAL
        found = self._day("until")
        try:
            return times.fitting_end(found) if found else None
        except times.EndTooLateError as error:
            self.wrong("until", str(error), times.PERPETUAL_WORD)
            return None

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


MAX_ORDER = 256 * 1024  # bytes
MAX_ROWS = 2000


@dataclass(frozen=True)
class OrderRead:
    """`cells`: of each row, as they stand there, by its line; for a file of those that were refused."""

    rows: tuple[OrderRow, ...]  # the good ones
    errors: tuple[RowError, ...]
    names: tuple[str, ...] = ()
    cells: Mapping[int, list[str]] = field(default_factory=dict)
    names_orders: bool = False  # it says which line of which order each row is

    @property
    def bad_rows(self) -> int:
        return len({error.line for error in self.errors})


def read_order(raw: bytes) -> OrderRead | Refusal:
    """What is in the file; nothing is stored. Refused if it is not such a table."""
    if len(raw) > MAX_ORDER:
        return Refusal(Code.TOO_LARGE, f"The file is larger than {MAX_ORDER} bytes.", "Split the order into files.")
    if raw and (wrong := wrong_file(raw, "an order file (CSV)")):
        return Refusal(Code.MALFORMED, *wrong)
    try:
        lines = list(csv_rows(raw.decode("utf-8-sig")))
    except csv.Error:
        return _no_table("its quotation marks do not fit together, so that it cannot be read as CSV")
    if not lines:
        return _no_table("it is empty")
    names = [cell.strip().lower() for cell in lines[0][1]]
    problem = _head_problem(names)
    if problem:
        return _no_table(problem)
    if len(lines) - 1 > MAX_ROWS:
        return Refusal(Code.TOO_LARGE, f"The file has more than {MAX_ROWS} rows.", "Split the order into files.")
    rows = "".join(csv_line(cells) for _, cells in lines[1:])  # however the file ends its lines
    return _read_rows(names, lines[1:], f"file {sha256(rows.encode()).hexdigest()[:16]}")


def template() -> str:
    """A file to begin with: a row for one product of each kind that the vendor's own catalogue has."""
    first: dict[str, Product] = {}
    for product in Product.objects.order_by("metric", "name"):
        first.setdefault(product.metric, product)
    return csv_line(COLUMNS) + "".join(
        csv_line(_example(product, line)) for line, product in enumerate(first.values(), 1)
    )


def _example(product: Product, line: int) -> list[str]:
    period = PeriodUnit.MONTH.value if product.kind.is_periodic else ""
    quantity = "40" if product.kind.has_quantity else "1"
    bought = [product.sku, quantity, "2026-10-01", "2027-10-01", PurchaseKind.PURCHASED.value, period, "0", "0"]
    return [*bought, "PO-2026-118", str(line), ""]


def _head_problem(names: list[str]) -> str:
    missing = [name for name in NEEDED if name not in names]
    unknown = [name for name in names if name and name not in (*COLUMNS, WHY)]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if missing:
        return f"its first row does not name the columns {', '.join(missing)}"
    if unknown:
        return f"its first row names columns that are not known: {', '.join(unknown)[:200]}"
    return f"its first row names {', '.join(twice)} twice" if twice else ""


def _no_table(why: str) -> Refusal:
    return Refusal(
        Code.MALFORMED,
        f"The file is not an order: {why}.",
        f"Its first row names the columns: {', '.join(COLUMNS)}. The first four must be there.",
    )


def _read_rows(names: list[str], lines: list[tuple[int, list[str]]], file: str) -> OrderRead:
    products = list(Product.objects.all())
    known = {product.name.lower(): product for product in products} | {product.sku: product for product in products}
    rows: list[OrderRow] = []
    errors: list[RowError] = []
    for line, cells in lines:
        found = read_row(line, names, cells, known, file)
        if isinstance(found, OrderRow):
            rows.append(found)
        else:
            errors += found
    return OrderRead(tuple(rows), tuple(errors), tuple(names), dict(lines), "order" in names)
