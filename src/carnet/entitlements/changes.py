"""S: when what a product's lines grant becomes more or less, and the state of the product. Pure; for both sides.

Where a sentence or a number of a coming change stands, on pages, in commands, in REST and in mails, it comes from here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from carnet.entitlements.grants import change_moments, granted
from carnet.entitlements.line import Line
from carnet.entitlements.metrics import Metric, MetricKind
from carnet.times import PERPETUAL, at_end, day_or_minute, is_perpetual, span, until

_TOLD = 4  # changes of a product in one line of words


class ProductState(StrEnum):
    """The state of a product (S). `LATER`: none of its lines counts yet, or none does until the next one starts."""

    LATER = "later"
    ACTIVE = "active"
    EXPIRING = "expiring"
    GRACE = "grace"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Change:
    """A moment from which a product's lines grant another quantity (S)."""

    sku: str
    name: str
    metric: Metric
    when: datetime  # the first moment of `after`; days of grace included (Q5)
    ends: datetime  # what the steps of notices count to: the end of the lines that cause it, their grace left out
    before: int  # granted until then; of a feature 1 or 0
    after: int

    @property
    def lowers(self) -> bool:
        """True where less is granted: it shrinks, or ends."""
        return self.after < self.before

    @property
    def is_end(self) -> bool:
        """True where nothing is granted from then on."""
        return self.lowers and not self.after

    @property
    def words(self) -> str:
        """`10 until the end of 2027-11-30 (UTC), then 5`."""
        return chain_words(self.metric.kind, self.before, [self])

    @property
    def sentence(self) -> str:
        """`Bot Creator: 10 until the end of 2027-11-30 (UTC), then 5.`"""
        grace = f" Its lines end {at_end(self.ends)}; grace follows." if self.ends < self.when else ""
        return f"{self.name}: {self.words}.{grace}"

    def is_near(self, within: timedelta, now: datetime) -> bool:
        """True where it lowers, is still to come, and no more than `within` is left to the end of the lines (S)."""
        return self.lowers and not is_perpetual(self.ends) and now < self.when and self.ends - now <= within

    def headline(self, now: datetime) -> str:
        """What comes, and when, in a few words: `Bot Creator shrinks in 3 d 2 h`."""
        if now < self.ends:
            return f"{self.name} {'ends' if self.is_end else 'shrinks'} in {span(self.ends - now)}"
        if now < self.when:
            return f"{self.name} is in grace for {span(self.when - now)}"
        return f"{self.name} {'has ended' if self.is_end else 'has shrunk'}"


def chain_words(kind: MetricKind, quantity: int, changes: Iterable[Change]) -> str:
    """`10 until the end of 2027-11-30 (UTC), then 5`: a quantity and what becomes of it, in order."""
    words = _amount(kind, quantity)
    for change in changes:
        words += f" {until(change.when)}, then {_amount(kind, change.after)}"
    return words


def brief_words(before: int, after: int, when: datetime) -> str:
    """`Shrinks from 2027-12-01 on`, `Ends at the end of 2027-11-30 (UTC)`, for a narrow column."""
    if not after:
        return f"Ends {at_end(when)}"
    return f"{'Rises' if after > before else 'Shrinks'} from {day_or_minute(when)} on"


def coming_words(of: Sequence[Change]) -> str:
    """`10 until the end of 2027-11-30 (UTC), then 5`, of the changes of one product that are told: of the first few
    where there are many; empty where there are none."""
    if not of:
        return ""
    words, more = chain_words(of[0].metric.kind, of[0].before, of[:_TOLD]), len(of) - _TOLD
    return f"{words}, and {more:,} more {'change' if more == 1 else 'changes'}" if more > 0 else words


def nothing_words(of: Sequence[Change], now: datetime) -> str:
    """Why nothing of a product is granted at a moment: it starts later, or has ended; empty where neither is so."""
    starts = next((change for change in of if change.when > now and not change.lowers), None)
    ended = next((change for change in reversed(of) if change.when <= now and change.is_end), None)
    if starts:
        return f"{starts.name} is not granted before {day_or_minute(starts.when)}."
    return f"{ended.name} is not granted any more: it ended {at_end(ended.when)}." if ended else ""


def headline(of: Sequence[Change], now: datetime) -> str:
    """Of changes at one moment, one at least: the first in a few words, and how many more there are."""
    more = len(of) - 1
    also = f", and {more:,} more {'product' if more == 1 else 'products'}" if more else ""
    return f"{of[0].headline(now)}{also}"


def _amount(kind: MetricKind, quantity: int) -> str:
    return kind.amount(quantity) if quantity or not kind.has_quantity else "none"


def changes(lines: Iterable[Line], sku: str) -> list[Change]:
    """All changes of a product over all time, the earliest first: from nothing before its first line to nothing after
    its last one. A line that others replace in full, and a new period, are no changes."""
    mine = [line for line in lines if line.sku == sku]
    found: list[Change] = []
    before = 0
    for moment in sorted(set(change_moments(mine))):
        after = _counted(mine, sku, moment)
        if after != before:
            found.append(Change(sku, mine[0].name, mine[0].metric, moment, _ends(mine, moment), before, after))
        before = after
    return found


def _counted(mine: Sequence[Line], sku: str, moment: datetime) -> int:
    """What is granted; of what is on or off 1 or 0, however many lines have it on."""
    quantity = granted(mine, sku, moment)
    return quantity if mine[0].metric.kind.has_quantity else min(1, quantity)


def _ends(mine: Sequence[Line], moment: datetime) -> datetime:
    """The end of those lines that count no more from a moment on, without their grace; else the moment itself."""
    return min((line.valid_until for line in mine if line.ends == moment), default=moment)


def coming(of: Iterable[Change], now: datetime) -> list[Change]:
    """Of all changes those that are still to come; a perpetual end (Q1) is not one."""
    return [change for change in of if change.when > now and not (change.lowers and is_perpetual(change.ends))]


def announced(of: Iterable[Change], end: datetime) -> list[Change]:
    """S: of all changes those that are announced: what lowers, but for what comes with the license's own `end`."""
    return [change for change in of if change.lowers and change.ends < min(end, PERPETUAL)]


def told(of: Iterable[Change], end: datetime, now: datetime) -> list[Change]:
    """Of the changes of one product those that are shown beside its quantity: all that are to come, but for what comes
    with the license's own `end`, which is shown for itself."""
    return [change for change in coming(of, now) if not change.lowers or change.ends < end]


def license_end(lines: Iterable[Line]) -> datetime:
    """The end of the last line of all, its grace left out (S); of no lines the earliest moment that there is."""
    return max((line.valid_until for line in lines), default=datetime.min.replace(tzinfo=UTC))


def product_state(lines: Iterable[Line], of: Iterable[Change], within: timedelta, now: datetime) -> ProductState:
    """The state of a product (S), by its lines and all their changes. `within`: how long before it lowers it is
    *expiring*."""
    mine = list(lines)
    counted = [line for line in mine if line.valid_from <= now < line.ends]
    if not counted:
        return ProductState.LATER if any(now < line.valid_from for line in mine) else ProductState.EXPIRED
    if all(line.in_grace(now) for line in counted):
        return ProductState.GRACE
    near = any(change.is_near(within, now) for change in of)
    return ProductState.EXPIRING if near else ProductState.ACTIVE
