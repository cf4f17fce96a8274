"""Step 3: what an OLF changes against the one that is installed, product by product, and what that means."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet import times
from carnet.calm.control_rooms.models import LicenseFile
from carnet.calm.queries.figures import Figures, read_lines
from carnet.entitlements.comparison import Granting, ProductChange, Step, compare, statements


@dataclass(frozen=True)
class Change:
    """A row: a span in which another quantity of a product is granted, or an end: of a product, or of all (no `sku`).
    Ends are given where the row is of an end."""

    sku: str
    name: str
    units: str
    now: int
    new: int
    means: str
    starts: datetime | None = None  # None: at once
    stops: datetime | None = None  # None: it lasts as long as the product
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
        if times.is_perpetual(self.now_until) or times.is_perpetual(self.new_until):
            return None
        return (self.new_until - self.now_until) // timedelta(days=1)


@dataclass(frozen=True)
class Difference:
    rows: tuple[Change, ...]
    unchanged: int  # products of which the quantity stays as it is
    valid_until: datetime | None


def difference(
    installed: Iterable[Granting], new: Iterable[Granting], figures: Iterable[Figures], account: str, now: datetime
) -> Difference:
    known, before, after = {row.sku: row for row in figures}, list(installed), list(new)
    changes = compare(before, after, now)
    rows = [_row(change, step, known.get(change.sku), account) for change in changes for step in change.steps]
    unchanged = sum(not change.steps for change in changes)
    had = max((line.valid_until for line in before), default=None)
    last = max((line.valid_until for line in after), default=None)
    return Difference((*rows, *_ends(changes, had, last)), unchanged, last)


def changes_of(file: LicenseFile) -> tuple[str, ...]:
    """What an OLF changed when it was issued, against the one that its LFR names as installed, in sentences."""
    named = file.lfr.installed if file.lfr else 0  # L6: of one that was taken back, what it answered is forgotten
    lines = read_lines(file.room_id, [named, file.sequence])
    before = [line for line in lines if line.file == named]
    return statements(before, [line for line in lines if line.file == file.sequence], file.issued_at)


def _row(change: ProductChange, step: Step, figures: Figures | None, account: str) -> Change:
    units = change.metric.kind.units(change.unit)
    means = _means(figures, step, account) if figures else ""
    where = f"{units}, {step.span}" if step.span else units
    return Change(change.sku, change.name, where, step.before, step.after, means, step.starts, step.stops)


def _means(row: Figures, step: Step, account: str) -> str:
    had, gets = step.before, step.after
    if step.starts:
        return _means_later(row, step, times.day_or_minute(step.starts))
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


def _means_later(row: Figures, step: Step, since: str) -> str:
    """Q4: those in use now who would not be covered then."""
    if row.metric.kind.holders and row.in_use > step.after:
        return f"{row.in_use:,} in use at the request: {row.in_use - step.after:,} are not covered from {since} on."
    return f"Starts {since}." if step.after > step.before else ""


def _ends(changes: Iterable[ProductChange], had: datetime | None, last: datetime | None) -> list[Change]:
    """One row where all products end on one day, else one for each product whose end changes."""
    granted = [change for change in changes if change.ends]
    ends = {change.ends for change in granted}
    ended = {change.ended for change in granted if change.ended}
    if len(ends) == 1 and len(ended) <= 1:
        return [_end("", "Valid until", "all products", had, last)] if had != last else []
    new = [change for change in granted if change.ended is None and change.ends != had]
    return [
        _end(change.sku, change.name, "valid until", change.ended, change.ends)
        for change in granted
        if change.moves_end or change in new
    ]


def _end(sku: str, name: str, what: str, had: datetime | None, until: datetime | None) -> Change:
    return Change(sku, name, what, 0, 0, "", now_until=had, new_until=until)
