"""Pure: what an OLF changes against what is installed and in use (E1, E10), before it is issued."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.counting import Count, Where
from carnet.entitlements import Line, Metric
from carnet.exchange.license_file_request import LineTotals
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import stamp


@dataclass(frozen=True)
class Had:
    """A line as an OLF granted it."""

    line_id: str
    quantity: int
    valid_until: datetime


def grants_more(lines: Iterable[Line], installed: Mapping[str, Had]) -> str:
    """E1: the first thing that is more, or longer, than what is installed. Empty: nothing is."""
    for line in lines:
        had = installed.get(line.line_id)
        if had is None:
            return f"{line.name}: {line.quantity} that are not installed"
        if line.quantity > had.quantity:
            return f"{line.name}: {line.quantity} instead of {had.quantity}"
        if line.valid_until > had.valid_until:
            return f"{line.name}: until {stamp(line.valid_until)} instead of {stamp(had.valid_until)}"
    return ""


def users_above(lines: Iterable[Line], totals: Iterable[LineTotals], now: datetime) -> list[Refusal]:
    """E10, users and leases, per product: what the site will say of a file that takes away what is in use. A warning,
    for the site can free it; what is in use there but no longer covered (Q4) takes nothing away."""
    granted: dict[str, int] = defaultdict(int)
    for line in lines:
        if line.valid_from <= now:
            granted[line.sku] += line.with_overage
    names = {line.sku: line.name for line in lines}
    used: dict[str, int] = defaultdict(int)
    covers: dict[str, int] = defaultdict(int)
    for total in totals:
        if total.metric in (Metric.NAMED_USER, Metric.CONCURRENT):
            used[total.sku] += total.in_use
            covers[total.sku] += total.granted
    covered = {sku: min(in_use, covers[sku]) for sku, in_use in used.items()}
    return [_above(names.get(sku, sku), count, granted[sku]) for sku, count in covered.items() if count > granted[sku]]


def _above(name: str, in_use: int, granted: int) -> Refusal:
    return Refusal(
        Code.BELOW_USE,
        f"{in_use} {name} are in use at the site, {granted} would be granted: the site will refuse the file.",
        f"Grant at least {in_use}, or have {in_use - granted} freed there before it is installed.",
    )


def units_below(
    lines: Iterable[Line], last: Mapping[str, int], counted: Mapping[Where, Count], now: datetime
) -> Refusal | None:
    """E10, units, per line: below what it had last *and* below what was consumed on it in the period can never fit."""
    for line in lines:
        if line.metric is not Metric.CONSUMABLE:
            continue
        consumed = consumed_on(line, counted, now)
        if line.quantity < consumed and line.quantity < last.get(line.line_id, 0):
            return Refusal(
                Code.BELOW_USE,
                f"{line.name}: {consumed} {line.unit}s were consumed on the line in its period; {line.quantity} would "
                "be granted. Consumed units do not come back, so the site would refuse the file for good.",
                f"Grant at least {min(consumed, last[line.line_id])}, or leave the line out.",
            )
    return None


def consumed_on(line: Line, counted: Mapping[Where, Count], now: datetime) -> int:
    found = counted.get((line.line_id, line.period_start(now)))
    return found.units if found else 0


def changes(lines: Sequence[Line], installed: Mapping[str, Had], names: Mapping[str, str]) -> list[str]:
    """What is different from what is installed, in words."""
    words = []
    for line in lines:
        had = installed.get(line.line_id)
        if had is None:
            words.append(f"{line.name}: {line.quantity}, new, until {stamp(line.valid_until)}")
        elif (had.quantity, had.valid_until) != (line.quantity, line.valid_until):
            words.append(
                f"{line.name}: {had.quantity} → {line.quantity}, "
                f"until {stamp(had.valid_until)} → {stamp(line.valid_until)}"
            )
    left = installed.keys() - {line.line_id for line in lines}
    words.extend(f"{names.get(line_id, line_id)}: {installed[line_id].quantity} → none" for line_id in sorted(left))
    return words
