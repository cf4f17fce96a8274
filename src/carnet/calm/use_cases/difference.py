"""Pure: what an OLF changes against what is installed and in use (E1, E10), before it is issued."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.counting import Count, Where
from carnet.calm.use_cases.selection import Problem
from carnet.entitlements import Line, Metric
from carnet.exchange.license_file_request import LineTotals
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import until


@dataclass(frozen=True)
class Had:
    """A line as an OLF granted it."""

    line_id: str
    purchase: str
    sku: str
    name: str
    metric: Metric
    unit: str
    quantity: int
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True)
class More:
    """E1: a line that is more, or longer, than what is installed."""

    words: str
    fits: int
    until: datetime | None = None


def grants_more(line: Line, installed: Mapping[str, Had]) -> More | None:
    had = installed.get(line.line_id)
    if had is None:
        return More(f"{line.name}: {line.quantity} that are not installed", 0)
    if line.quantity > had.quantity:
        return More(f"{line.name}: {line.quantity} instead of {had.quantity}", had.quantity)
    if line.valid_until > had.valid_until:
        words = f"{line.name}: {until(line.valid_until)} instead of {until(had.valid_until)}"
        return More(words, line.quantity, had.valid_until)
    return None


def users_above(lines: Iterable[Line], totals: Iterable[LineTotals], now: datetime) -> list[Problem]:
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
        if total.metric.kind.holders:
            used[total.sku] += total.in_use
            covers[total.sku] += total.granted
    covered = {sku: min(in_use, covers[sku]) for sku, in_use in used.items()}
    return [
        Problem(_above(names.get(sku, sku), count, granted[sku]), sku, fits=count)
        for sku, count in covered.items()
        if count > granted[sku]
    ]


def _above(name: str, in_use: int, granted: int) -> Refusal:
    return Refusal(
        Code.BELOW_USE,
        f"{in_use} {name} are in use at the site, {granted} would be granted: the site will refuse the file.",
        f"Grant at least {in_use}, or have {in_use - granted} freed there before it is installed.",
    )


def reserved_above(lines: Iterable[Line], totals: Iterable[LineTotals]) -> list[Problem]:
    """E10, units that were reserved at the site when it made the LFR: what it will say of a file that leaves their line
    out, or grants less of it than was consumed and is reserved. A warning, for they are settled or cancelled soon."""
    quantities = {line.line_id: line.quantity for line in lines}
    names = {line.sku: line.name for line in lines}
    return [
        Problem(_reserved(names.get(total.sku, total.sku), total), total.sku, fits=total.consumed + total.reserved)
        for total in totals
        if total.reserved and quantities.get(total.line_id, 0) < min(total.granted, total.consumed + total.reserved)
    ]


def _reserved(name: str, total: LineTotals) -> Refusal:
    return Refusal(
        Code.BELOW_USE,
        f"{total.reserved} of {name} are reserved at the site, on a line that would be left out or smaller than was "
        f"consumed and is reserved ({total.consumed + total.reserved}): the site will refuse the file while they are.",
        "Have them settled or cancelled there before it is installed, or grant as much as before.",
    )


def units_below(purchase: str, line: Line, last: Mapping[str, int], consumed: int) -> Problem | None:
    """E10, units, per line: below what it had last *and* below what was consumed on it in the period can never fit."""
    if line.quantity >= consumed or line.quantity >= last.get(line.line_id, 0):
        return None
    least = min(consumed, last[line.line_id])
    refusal = Refusal(
        Code.BELOW_USE,
        f"{line.name}: {consumed} {line.unit}s were consumed on the line in its period; {line.quantity} would "
        "be granted. Consumed units do not come back, so the site would refuse the file for good.",
        f"Grant at least {least}, or leave the line out.",
    )
    return Problem(refusal, line.sku, purchase, least)


def consumed_on(line: Line, counted: Mapping[Where, Count], now: datetime) -> int:
    found = counted.get((line.line_id, line.period_start(now)))
    return found.units if found else 0
