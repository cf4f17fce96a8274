"""What is done with an order file (H8): shown before anything is stored, stored in one act, taken back within a day.

A row is the line of an order, and stands once in an account: the corrected file stores what is new, and says of the
rest that it stands already. Rows of several accounts may be in one file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches

from django.db.models import Count, Min

from carnet import times
from carnet.calm.control_rooms.models import Kept, LicenseLine, Spent
from carnet.calm.customers.models import Account
from carnet.calm.customers.names import fold
from carnet.calm.purchases.models import Purchase
from carnet.calm.use_cases.accounts import find_open_account
from carnet.calm.use_cases.context import Calm, act
from carnet.calm.use_cases.orders import OrderRead, OrderRow, RowError, read_order
from carnet.calm.use_cases.purchases import Ordered, PurchaseShown, find_purchase, put_down
from carnet.csv_cells import WHY, csv_line
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal

TO_TAKE_BACK = timedelta(days=1)  # after an import


@dataclass(frozen=True)
class Placed:
    """A row with the account that it is of. `purchase`: that which stands already, if one does."""

    row: OrderRow
    account: Account
    purchase: str = ""


@dataclass(frozen=True)
class OrderChecked:
    """What storing the file would do. `names_orders`: a corrected file is known again by its orders and lines."""

    new: tuple[Placed, ...]
    standing: tuple[Placed, ...]
    errors: tuple[RowError, ...]
    names_orders: bool
    read: OrderRead

    @property
    def bad_rows(self) -> int:
        return len({error.line for error in self.errors})


@dataclass(frozen=True)
class OrderAdded:
    """`imported`: names the import, to take it back."""

    imported: str
    purchases: tuple[PurchaseShown, ...]
    standing: tuple[str, ...]  # purchases that stood already
    left_out: tuple[RowError, ...]  # of rows that were not stored


def check_order(raw: bytes, account: str | None = None) -> OrderChecked | Refusal:
    """Nothing is stored. `account`: of all rows; without it each row names its own.

    Raises UsageError where the account is none."""
    customer = find_open_account(account) if account else None
    read = read_order(raw)
    if isinstance(read, Refusal):
        return read
    errors, new, standing = list(read.errors), [], []
    accounts, seen = _Accounts(customer), dict[tuple[str, str, int], int]()
    for row in read.rows:
        placed = _place(row, accounts, seen)
        if isinstance(placed, RowError):
            errors.append(placed)
        elif placed.purchase:
            standing.append(placed)
        else:
            new.append(placed)
    errors.sort(key=lambda error: error.line)
    return OrderChecked(tuple(new), tuple(standing), tuple(errors), read.names_orders, read)


class _Accounts:
    """The accounts that rows name, each looked up once."""

    def __init__(self, all_of: Account | None) -> None:
        self._all_of = all_of
        self._open = {} if all_of else {row.folded: row for row in Account.objects.filter(archived_at=None)}

    def of(self, row: OrderRow) -> Account | RowError:
        text = row.account
        if self._all_of is not None:
            if text and text != self._all_of.id and fold(text) != self._all_of.folded:
                return RowError(row.line, "account", text, f"This file is stored for {self._all_of.name}.", "")
            return self._all_of
        if found := self._open.get(fold(text)) or next((a for a in self._open.values() if a.id == text), None):
            return found
        close = get_close_matches(fold(text), self._open, 1) if text else []
        fits = self._open[close[0]].name if close else ""
        return RowError(row.line, "account", text, "No such account." if text else "No account is named.", fits)


def _place(row: OrderRow, accounts: _Accounts, seen: dict[tuple[str, str, int], int]) -> Placed | RowError:
    account = accounts.of(row)
    if isinstance(account, RowError):
        return account
    key = (account.id, row.order, row.number)
    if key in seen:
        return RowError(row.line, "line", str(row.number), f"Line {seen[key]} of the file is the same order and line.")
    seen[key] = row.line
    stands = Purchase.objects.filter(account=account, order=row.order, order_line=row.number).first()
    if stands is None:
        return Placed(row, account)
    wanted = row.wanted
    was = (stands.product_id, stands.ordered_quantity, stands.valid_from, stands.ordered_until)
    if was != (wanted.product.pk, wanted.quantity, wanted.valid_from, wanted.valid_until):
        until = times.until(stands.ordered_until or stands.valid_until)
        said = f"{stands.ordered_quantity:,} {stands.product.name}, {until}"
        return RowError(
            row.line,
            "line",
            str(row.number),
            f"This order line stands already: {said}. More is a new line; less is said with Lower.",
        )
    return Placed(row, account, stands.id)


def add_order(
    calm: Calm, *, account: str | None, raw: bytes, now: datetime, by: str, good_rows_only: bool = False
) -> OrderAdded | Refusal:
    """Nothing is stored where a row is wrong, unless only the good ones are wanted."""
    with act(calm, now=now, by=by) as doing:
        order = check_order(raw, account)
        about = find_open_account(account).id if account else "orders"
        if isinstance(order, Refusal):
            return doing.refuse(order, "order.add", about)
        stand = tuple(placed.purchase for placed in order.standing)
        if not (order.new or stand) or (order.errors and not good_rows_only):
            return doing.refuse(_wrong(order), "order.add", about)
        if not order.new:
            return OrderAdded("", (), stand, order.errors)
        imported = doing.new_id()
        stored = tuple(
            put_down(doing, each.account, each.row.wanted, Ordered(each.row.order, each.row.number, imported))
            for each in order.new
        )
        return OrderAdded(imported, stored, stand, order.errors)


def _wrong(order: OrderChecked) -> Refusal:
    bad, good = order.bad_rows, len(order.new)
    if not bad:
        return Refusal(
            Code.MALFORMED,
            "The file is not an order: it has no row but the first.",
            "Write a row for each purchase, and upload it again.",
        )
    return Refusal(
        Code.MALFORMED,
        f"{bad} of {bad + good + len(order.standing)} rows cannot be stored. Nothing was stored.",
        "Correct them and upload the file again; or store the good rows alone." if good else "Correct them first.",
        tuple(f"line {error.line}, {error.column or 'the row'}: {error.sentence}" for error in order.errors[:50]),
    )


def refused_rows(read: OrderRead, errors: Iterable[RowError]) -> str:
    """The rows that were refused as an order file of their own, each as it stood, and why in columns at the end."""
    why: dict[int, list[RowError]] = {}
    for error in errors:
        why.setdefault(error.line, []).append(error)
    wide = max((len(read.cells[line]) for line in why), default=0)
    names = [*read.names, *([""] * (wide - len(read.names)))]
    lines = [csv_line([*names, WHY])]
    for line, found in why.items():
        cells = [*read.cells[line], *([""] * (len(names) - len(read.cells[line])))]
        said = " ".join(
            f"{one.column or 'row'}: {one.sentence}" + (f" Fits: {one.fits}." if one.fits else "") for one in found
        )
        lines.append(csv_line([*cells, said]))
    return "".join(lines)


@dataclass(frozen=True)
class Import:
    """One that can be taken back still, if nothing was issued from it."""

    imported: str
    purchases: int
    accounts: int
    at: datetime


def recent_imports(now: datetime, account: str | None = None) -> tuple[Import, ...]:
    """The newest first; of one account, those with something for it."""
    rows = Purchase.objects.filter(added_at__gt=now - TO_TAKE_BACK).exclude(imported="")
    if account:
        rows = rows.filter(imported__in=rows.filter(account=account).values("imported"))
    found = rows.values("imported").annotate(
        count=Count("id"), accounts=Count("account", distinct=True), at=Min("added_at")
    )
    return tuple(Import(row["imported"], row["count"], row["accounts"], row["at"]) for row in found.order_by("-at"))


@dataclass(frozen=True)
class TakenBack:
    imported: str
    purchases: tuple[str, ...]


def take_back_import(calm: Calm, *, imported: str, now: datetime, by: str) -> TakenBack | Refusal:
    """Within a day, and where nothing was issued from any of its purchases: as if it had never been stored; the log
    keeps both.

    Raises UsageError where there is no such import, or it is too late."""
    with act(calm, now=now, by=by) as doing:
        rows = list(Purchase.objects.filter(imported=imported).order_by("id")) if imported else []
        if not rows:
            raise UsageError(f"There is no import “{imported}”.", "It was never made, or was taken back already.")
        if now >= min(row.added_at for row in rows) + TO_TAKE_BACK:
            raise UsageError("The import was stored more than a day ago.", "Lower its purchases, one by one.")
        if used := [row for row in rows if _is_used(row)]:
            return doing.refuse(_used(used), "order.take_back", imported)
        gone = tuple(row.id for row in rows)
        doing.record("order.taken_back", imported, purchases=list(gone))
        Purchase.objects.filter(id__in=gone).delete()
        return TakenBack(imported, gone)


def _is_used(row: Purchase) -> bool:
    return any(of.objects.filter(purchase=row).exists() for of in (LicenseLine, Kept, Spent))


def _used(rows: list[Purchase]) -> Refusal:
    names = sorted({find_purchase(row.id).product.name for row in rows})
    return Refusal(
        Code.OVER_ENTITLEMENT,
        f"License files were issued from this import already: {', '.join(names)}. Nothing was taken back.",
        "Lower what is too much, purchase by purchase.",
    )
