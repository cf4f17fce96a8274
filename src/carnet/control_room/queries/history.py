"""What was used of a product, day by day and hour by hour, for the pages. See `tallies` for how it is counted."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from carnet.control_room.rules.decision import Question, View
from carnet.control_room.state.state import State
from carnet.control_room.state.usage_counters import (
    DAYS_KEPT,
    HOURS_KEPT,
    UsageCounter,
    day_of,
    hour_of,
    start_of_day,
    start_of_hour,
)
from carnet.exchange.verdicts import Code, Refusal


@dataclass(frozen=True)
class Use:
    """Of one day or hour."""

    start: datetime
    peak_in_use: int
    granted: int
    refused: int
    consumed: int


@dataclass(frozen=True)
class UsageHistoryAnswer:
    sku: str
    days: list[Use]  # each one, the earliest first, today included
    hours: list[Use]  # of the last seven days


@dataclass(frozen=True)
class UsageHistory(Question[UsageHistoryAnswer | Refusal]):
    """`days`: how many, today included; at most 400 are kept."""

    sku: str
    days: int = 30
    what: ClassVar[str] = "usage history"
    needs: ClassVar[str] = "read"

    def answer(self, view: View) -> UsageHistoryAnswer | Refusal:
        if self.sku not in view.state.tallies:
            return unknown_product()
        days = days_used(view.state, self.sku, view.now, self.days)
        return UsageHistoryAnswer(self.sku, days, hours_used(view.state, self.sku, view.now))


def unknown_product() -> Refusal:
    return Refusal(
        Code.NOT_FOUND,
        "No license installed here ever named this product.",
        "See what the installed license grants.",
        run="control-room license show",
    )


def days_used(state: State, sku: str, now: datetime, days: int) -> list[Use]:
    """Each of the last days, today included, since the product could be used here."""
    tallies, last = state.tallies[sku], day_of(now)
    first = max(last - max(1, min(days, DAYS_KEPT)) + 1, day_of(tallies.since))
    return _each(tallies.days, first, last, start_of_day)


def hours_used(state: State, sku: str, now: datetime) -> list[Use]:
    tallies, last = state.tallies[sku], hour_of(now)
    return _each(tallies.hours, max(last - HOURS_KEPT + 1, hour_of(tallies.since)), last, start_of_hour)


def _each(tallies: dict[int, UsageCounter], first: int, last: int, start: Callable[[int], datetime]) -> list[Use]:
    """Where nothing was recorded, as many were in use as at the end of the one before."""
    before = max((number for number in tallies if number < first), default=None)
    in_use = 0 if before is None else tallies[before].in_use
    found = []
    for number in range(first, last + 1):
        tally = tallies.get(number) or UsageCounter(peak=in_use, in_use=in_use)
        found.append(Use(start(number), tally.peak, tally.granted, tally.refused, tally.consumed))
        in_use = tally.in_use
    return found


def product_of_order(state: State, order: object) -> str | None:
    """G7: the product that a command or question is about, for the record of its refusal; None where it names none, or
    one that no license here ever named: what callers make up is not kept."""
    sku = getattr(order, "sku", None)
    if sku is None and hasattr(order, "product"):
        sku = order.product(state)
    return sku if sku in state.tallies else None
