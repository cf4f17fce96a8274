"""L2: what an acceptance carries over, in numbers: the one place that says them, and judges what two people enter."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import msgspec

from carnet.calm.control_rooms.counting import Carried
from carnet.calm.control_rooms.models import Acceptance
from carnet.calm.purchases.models import Product
from carnet.errors import UsageError
from carnet.times import day, stamp


@dataclass(frozen=True)
class CarriedLine:
    """One line and period, for a form: `key` names it, `name` with its unit and period is for people."""

    key: str
    name: str
    least: int
    most: int
    units: int


def key_of(one: Carried) -> str:
    """How a line and period are named where a lower number is entered."""
    return f"{one.line_id}@{stamp(one.period_start)}" if one.period_start else one.line_id


def lower(carried: Sequence[Carried], entered: Mapping[str, int]) -> tuple[Carried, ...]:
    """With the numbers that people entered, by `key_of`, or by product where it has one line here.

    Raises UsageError where a key names nothing that is added, or a number is not between what both histories prove and
    what was computed.
    """
    by_key = {_find(carried, key): units for key, units in entered.items()}
    return tuple(_lowered(one, by_key.get(key_of(one), one.units)) for one in carried)


def _find(carried: Sequence[Carried], key: str) -> str:
    found = [key_of(one) for one in carried if key in (key_of(one), one.sku)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(key_of(one) for one in carried) or "none"
    what = "names several lines" if found else "names no line to which units are added"
    raise UsageError(f"“{key}” {what}.", f"These are: {known}.")


def _lowered(one: Carried, units: int) -> Carried:
    if not one.least <= units <= one.most:
        raise UsageError(
            f"{units:,} units cannot be added to {one.sku}: at least {one.least:,}, so that what both histories prove "
            f"is counted, and at most {one.most:,}, as computed.",
            "Enter a number between these.",
        )
    return msgspec.structs.replace(one, units=units)


def said(carried: Iterable[Carried]) -> tuple[str, ...]:
    """A sentence for each product and period: what is added, where the site stands, and what may be counted twice."""
    ordered = sorted(carried, key=_product_and_period)
    products = Product.objects.in_bulk({one.sku for one in ordered})
    return tuple(_sentence(list(group), products) for _, group in groupby(ordered, key=_product_and_period))


def _product_and_period(one: Carried) -> tuple[str, str]:
    return one.sku, stamp(one.period_start) if one.period_start else ""


def _sentence(lines: Sequence[Carried], products: Mapping[str, Product]) -> str:
    units, stands_at = sum(one.units for one in lines), sum(one.stands_at for one in lines)
    twice, missing = sum(one.twice for one in lines), sum(one.missing for one in lines)
    product = products.get(lines[0].sku)
    counted = product.kind.counted(stands_at, product.unit) if product else f"{stands_at:,} units"
    added = f"{_name(lines[0], products)}: {units:,} are added"
    if missing:
        added += f" instead of {units + missing:,}, as two people decided"
    risk = f"between 0 and {twice:,} of these may be counted twice" if twice else "none of these is counted twice"
    less = f", and between 0 and {missing:,} that were used may not be counted" if missing else ""
    return f"{added}; after this the site stands at {counted}; {risk}{less}"


def _name(one: Carried, products: Mapping[str, Product]) -> str:
    product = products.get(one.sku)
    name = product.name if product else one.sku
    return f"{name}, in the period from {day(one.period_start)}" if one.period_start else name


def lines_of(carried: Sequence[Carried]) -> tuple[CarriedLine, ...]:
    """Those to which fewer units can be added."""
    products = Product.objects.in_bulk({one.sku for one in carried})
    names = [_name(one, products) for one in carried]
    return tuple(
        CarriedLine(
            key_of(one),
            name if names.count(name) == 1 else f"{name} (line {one.line_id[:8]})",
            one.least,
            one.most,
            one.units,
        )
        for one, name in zip(carried, names, strict=True)
        if one.least < one.most
    )


def accepted_numbers(acceptances: Iterable[Acceptance]) -> Iterator[tuple[Acceptance, tuple[str, ...]]]:
    """Each acceptance with its sentences, as it was decided."""
    for row in acceptances:
        yield row, said(msgspec.json.decode(row.carried, type=list[Carried]))
