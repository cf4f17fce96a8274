"""A whole order of purchases, from a CSV file: read row by row, each error with its line, its column and the value that
would fit; stored in one act, all or none, or the good rows by choice."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from io import StringIO

from carnet.calm.issuing.accounts import find_account
from carnet.calm.issuing.context import Calm, act
from carnet.calm.issuing.order_rows import COLUMNS, NEEDED, RowError, read_row
from carnet.calm.issuing.purchases import PurchaseShown, Wanted, put_down
from carnet.calm.issuing.spreadsheets import csv_line
from carnet.calm.licenses.models import Product, Purchase
from carnet.entitlements import PurchaseKind
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal

MAX_ORDER = 256 * 1024  # bytes
MAX_ROWS = 2000


@dataclass(frozen=True)
class OrderRow:
    line: int
    wanted: Wanted


@dataclass(frozen=True)
class OrderRead:
    rows: tuple[OrderRow, ...]  # the good ones
    errors: tuple[RowError, ...]

    @property
    def bad_rows(self) -> int:
        return len({error.line for error in self.errors})


@dataclass(frozen=True)
class OrderAdded:
    purchases: tuple[PurchaseShown, ...]
    left_out: tuple[RowError, ...]  # of rows that were not stored


def add_order(
    calm: Calm, *, account: str, raw: bytes, now: datetime, by: str, good_rows_only: bool = False
) -> OrderAdded | Refusal:
    """Nothing is stored where a row is wrong, unless only the good ones are wanted; and no file is stored twice."""
    with act(calm, now=now, by=by) as doing:
        customer, digest = find_account(account), sha256(raw).hexdigest()
        order = read_order(raw)
        if isinstance(order, Refusal):
            return doing.refuse(order, "order.add", customer.id)
        before = Purchase.objects.filter(account=customer, order=digest).values_list("added_at", flat=True).first()
        if before:
            raise UsageError(
                f"This very file was stored at {before:%Y-%m-%d %H:%M:%S} UTC already. Nothing was stored again.",
                "Change the file if more was bought.",
            )
        if not order.rows or (order.errors and not good_rows_only):
            return doing.refuse(_wrong(order), "order.add", customer.id)
        stored = tuple(put_down(doing, customer, row.wanted, digest) for row in order.rows)
        return OrderAdded(stored, order.errors)


def _wrong(order: OrderRead) -> Refusal:
    bad, good = order.bad_rows, len(order.rows)
    if not bad:
        return _no_table("it has no row but the first")
    return Refusal(
        Code.MALFORMED,
        f"{bad} of {bad + good} rows cannot be stored. Nothing was stored.",
        "Correct them and upload the file again; or store the good rows alone." if good else "Correct them first.",
        tuple(f"line {error.line}, {error.column or 'the row'}: {error.sentence}" for error in order.errors[:50]),
    )


def read_order(raw: bytes) -> OrderRead | Refusal:
    """What is in the file; nothing is stored. Refused where it is no such table at all."""
    if len(raw) > MAX_ORDER:
        return Refusal(Code.TOO_LARGE, f"The file is larger than {MAX_ORDER} bytes.", "Split the order into files.")
    try:
        lines = list(_lines(raw.decode("utf-8-sig")))
    except (UnicodeDecodeError, csv.Error) as error:
        return _no_table(f"it cannot be read as CSV in UTF-8: {error}")
    if not lines:
        return _no_table("it is empty")
    names = [cell.strip().lower() for cell in lines[0][1]]
    problem = _head_problem(names)
    if problem:
        return _no_table(problem)
    if len(lines) - 1 > MAX_ROWS:
        return Refusal(Code.TOO_LARGE, f"The file has more than {MAX_ROWS} rows.", "Split the order into files.")
    return _read_rows(names, lines[1:])


def template() -> str:
    """A file to begin with."""
    example = ["bot-creator", "40", "2026-10-01", "2027-10-01", PurchaseKind.PURCHASED.value, "", "0", "0"]
    return csv_line(COLUMNS) + csv_line(example)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with its line, blank ones left out. Both delimiters that spreadsheets write are read."""
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    for row in reader:
        if any(cell.strip() for cell in row):
            yield reader.line_num, row


def _head_problem(names: list[str]) -> str:
    missing = [name for name in NEEDED if name not in names]
    unknown = [name for name in names if name and name not in COLUMNS]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if missing:
        return f"its first row does not name the columns {', '.join(missing)}"
    if unknown:
        return f"its first row names columns that are not known: {', '.join(unknown)[:200]}"
    return f"its first row names {', '.join(twice)} twice" if twice else ""


def _no_table(why: str) -> Refusal:
    return Refusal(
        Code.MALFORMED,
        f"The file is no order: {why}.",
        f"Its first row names the columns: {', '.join(COLUMNS)}. The last four may be missing.",
    )


def _read_rows(names: list[str], lines: list[tuple[int, list[str]]]) -> OrderRead:
    products = list(Product.objects.all())
    known = {product.name.lower(): product for product in products} | {product.sku: product for product in products}
    rows: list[OrderRow] = []
    errors: list[RowError] = []
    for line, cells in lines:
        found = read_row(line, names, cells, known)
        if isinstance(found, Wanted):
            rows.append(OrderRow(line, found))
        else:
            errors += found
    return OrderRead(tuple(rows), tuple(errors))
