"""What lines grant at a moment: the sum of those in force (Q1), policy and grace (Q5). Pure arithmetic over lines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from carnet.entitlements.line import Line


@dataclass(frozen=True)
class Share:
    """What a line counts for at a moment: its quantity, and with the overage that its policy allows."""

    line: Line
    quantity: int
    with_overage: int


def change_moments(lines: Iterable[Line]) -> Iterator[datetime]:
    """The moments at which what lines grant may change, in no order."""
    return (moment for line in lines for moment in (line.valid_from, line.valid_until, line.ends))


def shares(lines: Iterable[Line], sku: str, now: datetime) -> list[Share]:
    """The lines of a product that count now, in the order in which they are drawn from: soonest-ending first (Q2)."""
    mine = sorted((line for line in lines if line.sku == sku), key=lambda line: (line.valid_until, line.line_id))
    replaced = _replaced(mine, now)
    counted = []
    for line in mine:
        if line.in_force(now) or line.in_grace(now):
            less = replaced.get(line.line_id, 0)
            counted.append(Share(line, max(0, line.quantity - less), max(0, line.with_overage - less)))
    return counted


def _replaced(lines: list[Line], now: datetime) -> dict[str, int]:
    """Q5: how much of each line in grace is replaced by lines of the product that started since its end."""
    in_force = [line for line in lines if line.in_force(now)]
    spare = {line.line_id: line.with_overage for line in in_force}
    replaced: dict[str, int] = {}
    for ended in (line for line in lines if line.in_grace(now)):
        for started in in_force:
            if started.valid_from >= ended.valid_until:
                taken = min(spare[started.line_id], ended.with_overage - replaced.get(ended.line_id, 0))
                spare[started.line_id] -= taken
                replaced[ended.line_id] = replaced.get(ended.line_id, 0) + taken
    return replaced


def granted(lines: Iterable[Line], sku: str, now: datetime) -> int:
    """How many users or seats are granted now; a feature: 0 for no; units: the quantity of the lines that count."""
    return total(shares(lines, sku, now))


def total(counted: list[Share]) -> int:
    """What shares of one product grant together."""
    owed = bool(counted) and counted[0].line.metric.kind.owes_overage
    return sum(share.quantity if owed else share.with_overage for share in counted)
