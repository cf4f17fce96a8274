"""What an OLF would change, product by product, for the preview and the answer of an install."""

from dataclasses import dataclass
from datetime import datetime

from carnet.control_room.authority.grant import count_in_use, granted, lines_of, products
from carnet.control_room.authority.state import State
from carnet.entitlements import Line


@dataclass(frozen=True)
class Change:
    sku: str
    name: str
    was: int
    now: int
    in_use: int
    later: int  # what lines that start later will add
    valid_until: datetime | None  # of the last line; None where the product goes
    note: str


def difference(state: State, lines: list[Line], now: datetime) -> list[Change]:
    old, new = products(state), {line.sku: line for line in lines}
    return [_change(state, lines, sku, (new.get(sku) or old[sku]).name, now) for sku in sorted({*old, *new})]


def _change(state: State, lines: list[Line], sku: str, name: str, now: datetime) -> Change:
    mine = [line for line in lines if line.sku == sku]
    return Change(
        sku,
        name,
        granted(lines_of(state), sku, now),
        granted(lines, sku, now),
        count_in_use(state, sku, now),
        sum(line.quantity for line in mine if line.valid_from > now),
        max((line.valid_until for line in mine), default=None),
        _note(mine),
    )


def _note(mine: list[Line]) -> str:
    """Q1: the rest of a running period is granted in every later period too, until the next OLF says otherwise."""
    if not mine:
        return "left out: no longer granted"
    counted = [line for line in mine if line.period]
    if counted:
        return "; ".join(f"{line.quantity:,} in each {line.period.unit.value}" for line in counted if line.period)
    return ""
