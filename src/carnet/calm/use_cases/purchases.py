"""What accounts bought: adding, listing with what is held and spent, and lowering (H6)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from carnet.calm.control_rooms.models import LicenseLine
from carnet.calm.control_rooms.positions import read_books
from carnet.calm.customers.models import Account
from carnet.calm.purchases.books import Balance, Touched, lowering
from carnet.calm.purchases.models import Guid, Product, Purchase
from carnet.calm.use_cases.accounts import find_account, find_open_account
from carnet.calm.use_cases.context import (
    Act,
    Calm,
    act,
    check_end,
    check_text,
)
from carnet.entitlements import (
    MAX_QUANTITY,
    Period,
    PeriodUnit,
    Policy,
    PurchaseKind,
)
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import as_utc, is_perpetual
from carnet.times import until as said_until

MAX_OVERAGE, MAX_GRACE = 100, 90  # Q5, as `entitlements.Policy` has them


@dataclass(frozen=True)
class PurchaseShown:
    purchase: str
    account: str
    sku: str
    name: str
    metric: str
    quantity: int
    kind: str
    valid_from: datetime
    valid_until: datetime
    period: Period | None
    policy: Policy
    held: int
    spent: int
    available: int
    excess: int  # H1: more is usable than was bought; listed until it is gone
    perpetual: bool  # Q1


def add_purchase(
    calm: Calm,
    *,
    account: str,
    sku: str,
    quantity: int,
    valid_from: datetime,
    valid_until: datetime,
    now: datetime,
    by: str,
    kind: PurchaseKind = PurchaseKind.PURCHASED,
    period: PeriodUnit | None = None,
    policy: Policy | None = None,
) -> PurchaseShown:
    policy, valid_from, valid_until = policy or Policy(), as_utc(valid_from), check_end(valid_until)
    with act(calm, now=now, by=by) as doing:
        customer, product = find_open_account(account), _find_product(sku)
        _check(product, quantity, valid_from, valid_until, period, policy)
        return put_down(doing, customer, NewPurchase(product, quantity, valid_from, valid_until, kind, period, policy))


@dataclass(frozen=True)
class NewPurchase:
    """A purchase as it shall be stored; checked before."""

    product: Product
    quantity: int
    valid_from: datetime
    valid_until: datetime
    kind: PurchaseKind
    period: PeriodUnit | None
    policy: Policy


@dataclass(frozen=True)
class Ordered:
    """Where a purchase comes from (H8): the reference and line of an order, and the import that brought it."""

    order: str
    line: int
    imported: str


def put_down(doing: Act, customer: Account, wanted: NewPurchase, ordered: Ordered | None = None) -> PurchaseShown:
    """Store one purchase, with its record."""
    purchase = Purchase(
        id=doing.new_id(),
        account=customer,
        product=wanted.product,
        quantity=wanted.quantity,
        valid_from=wanted.valid_from,
        valid_until=wanted.valid_until,
        kind=wanted.kind,
        period_unit=wanted.period or "",
        period_from=wanted.valid_from if wanted.period else None,
        overage_percent=wanted.policy.overage_percent,
        grace_days=wanted.policy.grace_days,
        added_at=doing.now,
        order=ordered.order if ordered else None,
        order_line=ordered.line if ordered else None,
        ordered_quantity=wanted.quantity if ordered else None,
        ordered_until=wanted.valid_until if ordered else None,
        imported=ordered.imported if ordered else "",
    )
    purchase.save(force_insert=True)
    of: dict[str, Any] = {"order": ordered.order, "line": ordered.line, "import": ordered.imported} if ordered else {}
    sku, quantity = wanted.product.sku, wanted.quantity
    doing.record("purchase.added", purchase.id, account=customer.id, sku=sku, quantity=quantity, **of)
    return shown(purchase, Balance(wanted.quantity, {}, 0))


def _find_product(sku: str) -> Product:
    product = Product.objects.filter(sku=sku).first()
    if product is None:
        raise UsageError(f"The catalogue has no product “{sku}”.", run="calm catalogue show")
    return product


def _check(
    product: Product,
    quantity: int,
    valid_from: datetime,
    valid_until: datetime,
    period: PeriodUnit | None,
    policy: Policy,
) -> None:
    if not 1 <= quantity <= MAX_QUANTITY:
        raise UsageError("A purchase is of at least one.")
    if valid_from >= valid_until:
        raise UsageError("The purchase ends before it starts.")
    if period and not product.kind.is_periodic:
        raise UsageError(f"{product.name} is not consumed: it has no period.")
    if not (0 <= policy.overage_percent <= MAX_OVERAGE and 0 <= policy.grace_days <= MAX_GRACE):
        raise UsageError(f"Overage is from 0 to {MAX_OVERAGE} percent, and grace from 0 to {MAX_GRACE} days.")


def find_purchase(name: str) -> Purchase:
    found = Purchase.objects.select_related("product", "account").filter(id=name).first()
    if found is None:
        raise UsageError(f"There is no purchase “{name}”.", run="calm purchase list")
    return found


def list_purchases(
    *, now: datetime, account: str | None = None, start: int = 0, stop: int | None = None
) -> list[PurchaseShown]:
    """By account, product and end; `start` and `stop` cut a page out."""
    rows = Purchase.objects.select_related("product").order_by("account__name", "product__name", "valid_until", "id")
    purchases = list((rows.filter(account=find_account(account)) if account else rows)[start:stop])
    books = read_books(purchases)
    return [shown(purchase, books.balance(purchase.id, now)) for purchase in purchases]


def shown(purchase: Purchase, balance: Balance) -> PurchaseShown:
    return PurchaseShown(
        purchase.id,
        purchase.account_id,
        purchase.product_id,
        purchase.product.name,
        purchase.product.metric,
        purchase.quantity,
        purchase.kind,
        purchase.valid_from,
        purchase.valid_until,
        purchase.period,
        Policy(overage_percent=purchase.overage_percent, grace_days=purchase.grace_days),
        sum(balance.held.values()),
        balance.spent,
        balance.available,
        balance.excess,
        is_perpetual(purchase.valid_until),
    )


def lower_purchase(
    calm: Calm,
    *,
    purchase: str,
    reason: str,
    now: datetime,
    by: str,
    quantity: int | None = None,
    valid_until: datetime | None = None,
) -> PurchaseShown | Refusal:
    """H6: lowered, ended early or refunded (quantity 0) only as far as nothing held or spent is touched."""
    check_text(reason, "reason", 2000)
    with act(calm, now=now, by=by) as doing:
        bought = find_purchase(purchase)
        new_quantity = bought.quantity if quantity is None else quantity
        new_end = check_end(valid_until) if valid_until else bought.valid_until
        if not 0 <= new_quantity <= bought.quantity or not bought.valid_from < new_end <= bought.valid_until:
            raise UsageError("A purchase is lowered to a smaller quantity or an earlier end; more is a new purchase.")
        books = read_books([bought])
        balance = books.balance(bought.id, now)
        refusal = _in_the_way(bought, balance, new_quantity, new_end)
        if refusal:
            return doing.refuse(refusal, "purchase.lower", bought.id)
        doing.record(
            "purchase.lowered",
            bought.id,
            reason,
            quantity=[bought.quantity, new_quantity],
            until=[bought.valid_until, new_end],
        )
        bought.quantity, bought.valid_until = new_quantity, new_end
        bought.save(force_update=True, update_fields=["quantity", "valid_until"])
        return shown(bought, books.balance(bought.id, now))


def _in_the_way(bought: Purchase, balance: Balance, quantity: int, until: datetime) -> Refusal | None:
    reaches: dict[str, tuple[datetime, ...]] = {}
    for guid, end in LicenseLine.objects.filter(purchase=bought, out=True).values_list("guid_id", "valid_until"):
        if balance.held.get(guid):
            reaches[guid] = (*reaches.get(guid, ()), end)
    touched = lowering(balance, quantity, until, reaches)
    # Never below what is out, whichever site has it. A new end does not make an excess worse (H1).
    if not touched and (quantity >= balance.taken or quantity == bought.quantity):
        return None
    labels = dict(Guid.objects.filter(id__in=[site.guid for site in touched]).values_list("id", "label"))
    return Refusal(
        Code.OVER_ENTITLEMENT,
        f"{bought.product.name}: {sum(balance.held.values())} are held and {balance.spent} spent of "
        f"{bought.quantity}; it cannot be lowered to {quantity}, {said_until(until)}.",
        "Let the sites named give back first (a smaller license file, or a release), or lower it less.",
        tuple(_spell(site, labels.get(site.guid, site.guid)) for site in touched),
    )


def _spell(site: Touched, label: str) -> str:
    until = f", its line is {said_until(site.reaches)}" if site.reaches else ""
    return f"{label} holds {site.holds}{until}"
