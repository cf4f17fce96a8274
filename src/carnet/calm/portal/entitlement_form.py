"""What was typed into step 2, as what issuing is asked: by product, and by purchase for lines that start later."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from carnet import times
from carnet.calm.queries.room import Configure
from carnet.calm.use_cases.selection import Selection
from carnet.entitlements import MAX_QUANTITY

PRODUCT, LINE, UNTIL = "p-", "l-", "until"


@dataclass(frozen=True)
class EntitlementForm:
    """`errors`: by field, what could not be read. `values`: each field as it was typed, for showing it again."""

    asked: Selection
    values: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)


def proposed(configure: Configure) -> EntitlementForm:
    """What the form begins with."""
    values = {PRODUCT + sku: f"{quantity:,}" for sku, quantity in configure.products.items()}
    values |= {LINE + purchase: f"{quantity:,}" for purchase, quantity in configure.lines.items()}
    values[UNTIL] = times.end_typed(configure.until) if configure.until else ""
    return EntitlementForm(Selection(configure.products, _some(configure.lines), configure.until), values)


def read_entitlement_form(post: Mapping[str, str], configure: Configure) -> EntitlementForm:
    """Only fields that the page has: what else is sent is not looked at."""
    switches = {row.sku for row in configure.figures if not row.metric.kind.has_quantity}
    values: dict[str, str] = {}
    errors: dict[str, str] = {}
    products, lines = {}, {}
    for sku in configure.products:
        name = PRODUCT + sku
        values[name] = post.get(name, "0" if sku in switches else "").strip()
        products[sku] = _quantity(name, values[name], errors)
    for purchase in configure.lines:
        name = LINE + purchase
        values[name] = post.get(name, "").strip()
        lines[purchase] = _quantity(name, values[name], errors)
    values[UNTIL] = post.get(UNTIL, "").strip()
    until = _day(values[UNTIL], configure, errors)
    return EntitlementForm(Selection(products, _some(lines), until), values, errors)


def read_selection(post: Mapping[str, str]) -> Selection:
    """What was asked of a page that is out of date: each quantity that can be read, whatever the page has by now."""
    unread: dict[str, str] = {}
    found: dict[str, dict[str, int]] = {PRODUCT: {}, LINE: {}}
    for name, text in post.items():
        for prefix, quantities in found.items():
            if name.startswith(prefix):
                quantities[name.removeprefix(prefix)] = _quantity(name, text.strip(), unread)
    return Selection(found[PRODUCT], _some(found[LINE]))


def _some(lines: Mapping[str, int]) -> dict[str, int]:
    return {purchase: quantity for purchase, quantity in lines.items() if quantity}


def _quantity(name: str, text: str, errors: dict[str, str]) -> int:
    digits = text.replace(",", "").replace(" ", "") or "0"
    if digits.isascii() and digits.isdigit() and len(digits) <= 16 and int(digits) <= MAX_QUANTITY:
        return int(digits)
    errors[name] = "Write a whole number, for example 1,200."
    return 0


def _day(text: str, configure: Configure, errors: dict[str, str]) -> datetime | None:
    """Q1: an end as people type it; the very end that was proposed, where it is of that day."""
    if not text:
        return None
    try:
        day = times.read_end(text)
    except ValueError as error:
        errors[UNTIL] = str(error)
        return None
    for known in (configure.until, configure.latest_until):
        if known and known.date() == day.date():
            return known
    return day
