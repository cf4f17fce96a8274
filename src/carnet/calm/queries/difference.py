"""Step 3: what an OLF changes against the one that is installed, product by product, and what that means."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet import times
from carnet.calm.queries.figures import Figures


@dataclass(frozen=True)
class Granted:
    """A quantity of a product, until when. Of a line of an OLF that is installed, or asked for."""

    sku: str
    quantity: int
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True)
class Change:
    """A row: a product (`sku`), or the end of all (empty). Ends are given where the row is of the end."""

    sku: str
    name: str
    units: str
    now: int
    new: int
    means: str
    starts: datetime | None = None  # a line that starts later
    now_until: datetime | None = None
    new_until: datetime | None = None

    @property
    def change(self) -> int:
        return self.new - self.now

    @property
    def days(self) -> int | None:
        """How much longer, in days; shorter is below zero."""
        if self.now_until is None or self.new_until is None:
            return None
        return (self.new_until - self.now_until) // timedelta(days=1)


@dataclass(frozen=True)
class Difference:
    rows: tuple[Change, ...]
    unchanged: int  # products that stay as they are
    valid_until: datetime | None


def difference(
    installed: Iterable[Granted], new: Iterable[Granted], figures: Iterable[Figures], account: str, now: datetime
) -> Difference:
    rows, before, after = {row.sku: row for row in figures}, list(installed), list(new)
    quantities = {sku: (_sum(before, sku, now), _sum(after, sku, now)) for sku in rows}
    changed = [
        Change(sku, rows[sku].name, rows[sku].units, had, gets, _means(rows[sku], had, gets, account))
        for sku, (had, gets) in quantities.items()
        if had != gets
    ]
    touched = {sku for sku, pair in quantities.items() if pair != (0, 0)}
    later = [_later(rows[line.sku], line) for line in after if line.valid_from > now and line.sku in rows]
    ends = _ends(before, after)
    unchanged = len(touched) - len(changed)
    return Difference((*changed, *later, *ends), unchanged, max((line.valid_until for line in after), default=None))


def _sum(lines: Iterable[Granted], sku: str, now: datetime) -> int:
    return sum(line.quantity for line in lines if line.sku == sku and line.valid_from <= now < line.valid_until)


def _means(row: Figures, had: int, gets: int, account: str) -> str:
    words, kind = [], row.metric.kind
    if kind.counts_units and row.in_use:
        words.append(f"{row.in_use:,} used stay counted.")
    elif kind.holders and gets < had:
        words.append(f"{row.in_use:,} in use at the request.")
    if gets < had:
        words.append(f"The {had - gets:,} stay held until the site confirms.")
    elif row.left_after(gets) == 0:
        words.append(f"The last {gets - had:,} of {account}.")
    return " ".join(words)


def _later(row: Figures, line: Granted) -> Change:
    means = f"Starts {times.day(line.valid_from)}."
    return Change(row.sku, row.name, row.units, 0, line.quantity, means, line.valid_from)


def _ends(before: list[Granted], after: list[Granted]) -> list[Change]:
    """The row of the last end; where ends differ, the first one is named."""
    if not after:
        return []
    first, last = min(line.valid_until for line in after), max(line.valid_until for line in after)
    had = max((line.valid_until for line in before), default=None)
    if had == last:
        return []
    means = f"The first product ends {times.day(first)}." if first != last else ""
    return [Change("", "Valid until", "all products", 0, 0, means, now_until=had, new_until=last)]
