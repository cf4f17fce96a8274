"""What an operator asks for, turned into lines: by purchase, or by product, where CALM chooses the purchases (Q1)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime

from django.db.models import Q

from carnet.calm.control_rooms.positions import Books, read_books_of
from carnet.calm.purchases.books import (
    Balance,
    Offer,
    choose,
    in_force,
    line_id,
)
from carnet.calm.purchases.models import Product, Purchase, period_of
from carnet.entitlements import (
    Line,
    Metric,
    Period,
    Policy,
    PurchaseKind,
)
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import end_typed, stamp
from carnet.times import until as said_until


@dataclass(frozen=True)
class Selection:
    """`--product SKU=QTY … --until DATE` and `--line PURCHASE=QTY …`. `until` holds for both; without it a line ends
    with its purchase."""

    products: Mapping[str, int] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    until: datetime | None = None


@dataclass(frozen=True)
class Item:
    """A purchase, and the product that was bought."""

    id: str
    quantity: int
    valid_from: datetime
    valid_until: datetime
    kind: str
    period_unit: str
    period_from: datetime | None
    overage_percent: int
    grace_days: int
    sku: str
    name: str
    metric: str
    unit: str

    @property
    def period(self) -> Period | None:
        return period_of(self.period_unit, self.period_from)


@dataclass(frozen=True)
class Shelf:
    """The account's purchases as they stand at one moment."""

    purchases: Mapping[str, Item]
    books: Books
    guid: str
    now: datetime
    installed: Mapping[str, int] = field(default_factory=dict)  # by purchase

    def balance(self, purchase: str) -> Balance:
        return self.books.balance(purchase, self.now)

    def name(self, sku: str) -> str:
        """As the catalogue has it, also of a product of which nothing runs."""
        found = next((item.name for item in self.purchases.values() if item.sku == sku), None)
        return found or Product.objects.filter(sku=sku).values_list("name", flat=True).first() or sku

    def offers(self, sku: str, taken: Mapping[str, int]) -> list[Offer]:
        return [
            Offer(
                p.id, p.valid_from, p.valid_until, self.balance(p.id).most_for(self.guid), self.installed.get(p.id, 0)
            )
            for p in self.purchases.values()
            if p.sku == sku and p.id not in taken
        ]


_PRODUCT = ("sku", "name", "metric", "unit")
_ITEM = [f"product__{each.name}" if each.name in _PRODUCT else each.name for each in fields(Item)]


def read_shelf(account: str, guid: str, now: datetime, also: Iterable[str] | None = None) -> Shelf:
    """All purchases of the account; or, where `also` is given, only those that run and these: what issuing asks."""
    rows = Purchase.objects.filter(account=account)
    if also is not None:
        rows = rows.filter(Q(valid_until__gt=now) | Q(id__in=list(also)))
    purchases = {row[0]: Item(*row) for row in rows.values_list(*_ITEM)}
    return Shelf(purchases, read_books_of(account, purchases.values(), now, also), guid, now)


@dataclass(frozen=True)
class Problem:
    """A rule that refuses what is asked, where it does, and what would fit there instead."""

    refusal: Refusal
    sku: str = ""  # empty: it is of the whole file
    purchase: str = ""  # where it is of one purchase
    fits: int | None = None  # the quantity: of the purchase, or of the product where none is named
    until: datetime | None = None  # the end


@dataclass(frozen=True)
class Ceiling:
    """E1: without an approval, no more and no longer than what is installed: by purchase, its quantity and its end."""

    lines: Mapping[str, tuple[int, datetime]]
    refuse: Callable[[str], Refusal]  # with what would be more

    def under(self, offers: Iterable[Offer], until: datetime | None) -> list[Offer]:
        """What may still be taken of them, where what is installed reaches as far."""
        found = []
        for offer in offers:
            quantity, end = self.lines.get(offer.purchase, (0, offer.valid_from))
            if end >= (until or offer.valid_until):
                found.append(replace(offer, most=min(offer.most, quantity)))
        return found


def make_lines(
    shelf: Shelf, asked: Selection, enrolment: str, ceiling: Ceiling | None = None
) -> tuple[dict[str, Line], list[Problem]]:
    """The lines asked for, by purchase, each within its purchase's dates and quantity (H1); and what is not."""
    chosen = {purchase: quantity for purchase, quantity in asked.lines.items() if quantity}
    for purchase in asked.lines:
        if purchase not in shelf.purchases:
            raise UsageError(f"The account has no purchase “{purchase}”.", run="calm purchase list")
    problems = []
    for sku, quantity in asked.products.items():
        offers, name = shelf.offers(sku, chosen), shelf.name(sku)
        if ceiling:
            found = _keep(ceiling, offers, name, sku, quantity, asked.until, shelf.now)
        else:
            found = _choose(offers, name, sku, quantity, asked.until, shelf.now)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            chosen |= dict(found)
    lines = {}
    for purchase, quantity in chosen.items():
        problem = _outside(shelf, purchase, asked.until) or over_entitlement(shelf, purchase, quantity)
        if problem:
            problems.append(problem)
        else:
            lines[purchase] = _line(shelf.purchases[purchase], quantity, asked.until, enrolment, shelf.now)
    return dict(sorted(lines.items(), key=lambda each: (each[1].sku, each[1].valid_from, each[1].line_id))), problems


def _keep(
    ceiling: Ceiling, offers: list[Offer], name: str, sku: str, quantity: int, until: datetime | None, now: datetime
) -> list[tuple[str, int]] | Problem:
    found = choose(ceiling.under(offers, until), quantity, now, until)
    most = _sum(found)
    if most == quantity:
        return found
    ends = sorted((end for _, end in ceiling.lines.values() if end > now), reverse=True)
    fitting = (end for end in ends if _sum(choose(ceiling.under(offers, end), quantity, now, end)) == quantity)
    return Problem(ceiling.refuse(f"{name}: {quantity} instead of {most}"), sku, fits=most, until=next(fitting, None))


def _sum(found: Iterable[tuple[str, int]]) -> int:
    return sum(units for _, units in found)


def _choose(
    offers: list[Offer], name: str, sku: str, quantity: int, until: datetime | None, now: datetime
) -> list[tuple[str, int]] | Problem:
    found = choose(offers, quantity, now, until)
    most = _sum(found)
    if most == quantity:
        return found
    live = in_force(offers, now, None)
    evidence = tuple(f"{offer.most} {said_until(offer.valid_until)} (purchase {offer.purchase})" for offer in live)
    if until and live and not in_force(offers, now, until):
        refusal = Refusal(
            Code.OUTSIDE_PURCHASE,
            f"No purchase of {name} reaches so far ({said_until(until)}); the longest: "
            f"{said_until(live[-1].valid_until)}.",
            "Ask for an earlier end, or name purchases that follow one another, each with its quantity.",
            evidence,
        )
        return Problem(refusal, sku, fits=most, until=live[-1].valid_until)
    span = f" {said_until(until)}" if until else ""
    refusal = Refusal(
        Code.OVER_ENTITLEMENT,
        f"{quantity} {name} are asked for{span}; {most} could be granted.",
        "Ask for what fits, have another site give back first, or add a purchase.",
        evidence or (f"no purchase of {name} is in force",),
    )
    return Problem(refusal, sku, fits=most)


def _outside(shelf: Shelf, purchase: str, until: datetime | None) -> Problem | None:
    bought = shelf.purchases[purchase]
    end = until or bought.valid_until
    if end > bought.valid_until:
        refusal = Refusal(
            Code.OUTSIDE_PURCHASE,
            f"{bought.name}: a line {said_until(end)} reaches beyond its purchase.",
            f"Choose {end_typed(bought.valid_until)} at most, where purchase {purchase} ends.",
        )
        return Problem(refusal, bought.sku, purchase, 0, bought.valid_until)
    if end <= max(bought.valid_from, shelf.now):
        refusal = Refusal(
            Code.OUTSIDE_PURCHASE,
            f"{bought.name}: a line {said_until(end)} ends before it starts.",
            f"Purchase {purchase} runs from {stamp(bought.valid_from)}, {said_until(bought.valid_until)}.",
        )
        return Problem(refusal, bought.sku, purchase, 0, bought.valid_until if bought.valid_until > shelf.now else None)
    return None


def over_entitlement(shelf: Shelf, purchase: str, quantity: int) -> Problem | None:
    """H1: what the GUIDs hold, and what is spent, is never more than was bought."""
    balance, bought = shelf.balance(purchase), shelf.purchases[purchase]
    most = balance.most_for(shelf.guid)
    if quantity <= most:
        return None
    mine = balance.held.get(shelf.guid, 0)
    others = sum(balance.held.values()) - mine
    excess = f" The purchase is in excess by {balance.excess}: only what raises nothing fits." if balance.excess else ""
    refusal = Refusal(
        Code.OVER_ENTITLEMENT,
        f"{quantity} {bought.name} are asked for; {most} fit: {bought.quantity} are bought, {others} held by "
        f"other sites, {balance.spent} spent.{excess}",
        f"Ask for {most}, have another site give back first, or add a purchase.",
    )
    return Problem(refusal, bought.sku, purchase, most)


def _line(bought: Item, quantity: int, until: datetime | None, enrolment: str, now: datetime) -> Line:
    return Line(
        line_id=line_id(enrolment, bought.id),
        sku=bought.sku,
        name=bought.name,
        metric=Metric(bought.metric),
        unit=bought.unit,
        quantity=quantity,
        kind=PurchaseKind(bought.kind),
        valid_from=max(bought.valid_from, now),
        valid_until=until or bought.valid_until,
        period=bought.period,
        policy=Policy(overage_percent=bought.overage_percent, grace_days=bought.grace_days),
    )
