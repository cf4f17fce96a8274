"""E9: what one set of lines changes against another, product by product, stated at each moment where it differs.

Not the lists of lines are compared but what they grant at each moment: a line that another one replaces, with the same
quantity, changes nothing. Quantities are those of the lines; overage and grace (Q5) are no part of them. Every page,
command, certificate and record that says what a license file changes says it with the sentences made here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from carnet.entitlements.metrics import Metric
from carnet.times import day_or_minute, until


class Granting(Protocol):
    """A line, or what is stored of one."""

    @property
    def sku(self) -> str:
        """Which product."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def metric(self) -> Metric:
        """How it is counted."""
        ...

    @property
    def unit(self) -> str:
        """Its unit, in the singular."""
        ...

    @property
    def quantity(self) -> int:
        """What is granted, without overage."""
        ...

    @property
    def valid_from(self) -> datetime:
        """The first moment."""
        ...

    @property
    def valid_until(self) -> datetime:
        """The first moment that is too late."""
        ...


@dataclass(frozen=True)
class Step:
    """A span in which another quantity is granted than before. `starts` and `stops` are None where the span begins at
    once, and where it lasts as long as the product."""

    before: int
    after: int
    starts: datetime | None = None
    stops: datetime | None = None

    def words(self, metric: Metric) -> str:
        """`30 → 5 from 2027-12-01 (−25)`; of a feature `on → off`."""
        kind, more = metric.kind, self.after - self.before
        span = [self.span] if self.span else []
        signed = [f"({'+' if more > 0 else '−'}{abs(more):,})"] if kind.has_quantity else []
        return " ".join([f"{kind.amount(self.before)} → {kind.amount(self.after)}", *span, *signed])

    @property
    def span(self) -> str:
        """`from 2027-12-01 until the end of 2027-12-04 (UTC)`; empty where it begins at once and lasts."""
        words = [f"from {day_or_minute(self.starts)}"] if self.starts else []
        words += [until(self.stops)] if self.stops else []
        return " ".join(words)


@dataclass(frozen=True)
class ProductChange:
    """What changes of one product. `ended` and `ends`: when it ends before, and after; None where it is not granted."""

    sku: str
    name: str
    metric: Metric
    unit: str
    steps: tuple[Step, ...]
    ended: datetime | None
    ends: datetime | None

    @property
    def moves_end(self) -> bool:
        """True where the product goes on and ends on another day."""
        return bool(self.ended and self.ends and self.ended != self.ends)

    @property
    def is_change(self) -> bool:
        """False where every moment grants what it granted before, to the same end."""
        return bool(self.steps) or self.moves_end

    @property
    def statements(self) -> tuple[str, ...]:
        """Each difference in words, without the product's name."""
        words = [step.words(self.metric) for step in self.steps]
        return (*words, self.end) if self.end else tuple(words)

    @property
    def later(self) -> tuple[str, ...]:
        """The differences beside that of the first moment, which stands in columns of its own."""
        words = [step.words(self.metric) for step in self.steps if step.span]
        return (*words, self.end) if self.moves_end else tuple(words)

    @property
    def end(self) -> str:
        """`until the end of 2028-11-30 (UTC) instead of perpetual`; empty where it ends as before, or is granted no
        more."""
        if self.ends is None or self.ended == self.ends:
            return ""
        instead = f" instead of {until(self.ended)}" if self.ended else ""
        return f"{until(self.ends)}{instead}"

    @property
    def sentence(self) -> str:
        """`Bot Creator: 30 → 5 from 2027-12-01 (−25); until the end of 2028-11-30 (UTC) instead of perpetual`"""
        return f"{self.name}: {'; '.join(self.statements)}"


def quantity_at(lines: Iterable[Granting], moment: datetime) -> int:
    """Q1: the sum of the lines in force at a moment."""
    return sum(line.quantity for line in lines if line.valid_from <= moment < line.valid_until)


def compare(before: Iterable[Granting], after: Iterable[Granting], now: datetime) -> tuple[ProductChange, ...]:
    """Every product that one of the two grants from `now` on, also where nothing changes.

    Where a line of `before` ends, what it granted is compared with what follows: 30 until a day, and 5 from that day
    on, is a change of −25. The order is that of every page: by kind, then by name.
    """
    old, new = _from_now(before, now), _from_now(after, now)
    found = [_product(old.get(sku, []), new.get(sku, []), now) for sku in old.keys() | new.keys()]
    order = list(Metric)
    return tuple(sorted(found, key=lambda change: (order.index(change.metric), change.name, change.sku)))


def statements(before: Iterable[Granting], after: Iterable[Granting], now: datetime) -> tuple[str, ...]:
    """Each product that changes, in one sentence."""
    return tuple(change.sentence for change in compare(before, after, now) if change.is_change)


def _from_now(lines: Iterable[Granting], now: datetime) -> dict[str, list[Granting]]:
    found: dict[str, list[Granting]] = {}
    for line in lines:
        if line.quantity and now < line.valid_until:
            found.setdefault(line.sku, []).append(line)
    return found


def _product(old: Sequence[Granting], new: Sequence[Granting], now: datetime) -> ProductChange:
    named = [*new, *old][0]
    ended = max((line.valid_until for line in old), default=None)
    ends = max((line.valid_until for line in new), default=None)
    return ProductChange(named.sku, named.name, named.metric, named.unit, tuple(_steps(old, new, now)), ended, ends)


def _steps(old: Sequence[Granting], new: Sequence[Granting], now: datetime) -> list[Step]:
    """One for each span of one difference. It reaches to the new end: what is beyond is said of the end."""
    if not new:
        quantity = quantity_at(old, now)
        return [Step(quantity, 0)] if quantity else []
    ends = max(line.valid_until for line in new)
    found: list[Step] = []
    last: tuple[int, int] | None = None
    for moment, pair in _pairs(old, new, now):
        if moment >= ends or pair == last:
            continue
        if found and found[-1].stops is None and last is not None and last[0] != last[1]:
            found[-1] = replace(found[-1], stops=moment)
        if pair[0] != pair[1]:
            found.append(Step(*pair, moment if moment > now else None))
        last = pair
    return found


def _pairs(
    old: Sequence[Granting], new: Sequence[Granting], now: datetime
) -> Iterator[tuple[datetime, tuple[int, int]]]:
    """At each moment where one of the two may change: what is compared, and what `new` grants.

    Compared is what `old` grants then. A line of it that ended, and that no other one of it follows, still counts as
    what a renewal is compared with, until `new` too lets it end."""
    ended = max((line.valid_until for line in old), default=now)
    open_ended = [line for line in old if not any(each.valid_from >= line.valid_until for each in old)]
    moments = {now} | {at for line in (*old, *new) for at in (line.valid_from, line.valid_until) if now < at}
    for moment in sorted(moments):
        before, after = quantity_at(old, moment), quantity_at(new, moment)
        past = [line for line in open_ended if line.valid_until <= moment]
        if moment < ended and after <= before:
            open_ended = [line for line in open_ended if line not in past]
            past = []
        yield moment, (before + sum(line.quantity for line in past), after)
