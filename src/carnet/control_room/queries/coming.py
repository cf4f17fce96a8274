"""S: what becomes less or more of each product here, with what that means for those who use it now (Q4).

The changes themselves, and their words, are of `entitlements.changes`; pages, commands, REST, metrics and notices take
all of it from here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice, pairwise
from operator import attrgetter
from typing import cast

from carnet import entitlements
from carnet.control_room.queries.timeline import Span
from carnet.control_room.rules.changes import SECOND, ChangeView, view_of
from carnet.control_room.rules.grant import count_in_use, lines_of, products
from carnet.control_room.rules.holding import who_holds
from carnet.control_room.state.state import State
from carnet.entitlements import (
    Change,
    Line,
    ProductState,
    announced,
    chain_words,
    change_moments,
    changes,
    coming,
    granted,
    headline,
    license_end,
    product_state,
    told,
)
from carnet.times import earlier


def all_changes(state: State, sku: str) -> list[Change]:
    """Every change of a product in the installed license, over all time; worked out once for each license file."""
    installed = state.installed
    if installed is None or state.released:
        return []
    name, moment = ("changes", sku), installed.installed_at
    known = cast("list[Change] | None", installed.grants.known(name, moment))
    return installed.grants.remember(name, moment, changes(installed.lines, sku), ()) if known is None else known


def _end(state: State) -> datetime:
    """Of the installed license (S); worked out once for each license file."""
    lines, installed = lines_of(state), state.installed
    if installed is None:
        return license_end(lines)
    known = cast("datetime | None", installed.grants.known("end", installed.installed_at))
    return known or cast("datetime", installed.grants.remember("end", installed.installed_at, license_end(lines), ()))


def change_views(state: State, sku: str, now: datetime, held_at: datetime) -> list[ChangeView]:
    """What comes after `now`, the soonest first. `held_at`: when those are counted who hold one."""
    lines, end = lines_of(state), _end(state)
    return [view_of(state, lines, change, end, held_at) for change in coming(all_changes(state, sku), now)]


def coming_words(state: State, sku: str, now: datetime) -> str:
    """`10 until 2027-12-01, then 5`; empty where nothing comes before the license's own end."""
    return entitlements.coming_words(told(all_changes(state, sku), _end(state), now))


def product_state_of(state: State, sku: str, now: datetime) -> ProductState:
    """The product's own state (S); worked out once for each span."""
    installed, within = state.installed, state.windows.expiring
    if installed is None or state.released:
        return ProductState.EXPIRED
    known = cast("ProductState | None", installed.grants.known(("state", sku), now))
    if known is not None:
        return known
    mine, found = [line for line in installed.lines if line.sku == sku], all_changes(state, sku)
    turns = [*change_moments(mine), *(earlier(change.ends, within) for change in found)]
    made = product_state(mine, found, within, now)
    return cast("ProductState", installed.grants.remember(("state", sku), now, made, turns))


def changes_until(state: State, on: datetime, now: datetime) -> list[ChangeView]:
    """What changes of each product until a day, but for what comes with the license's own end."""
    lines, end = lines_of(state), _end(state)
    found = [change for sku in products(state) for change in told(all_changes(state, sku), end, now)]
    until = sorted((change for change in found if change.when <= on), key=attrgetter("when", "name"))
    return [view_of(state, lines, change, end, now) for change in until]


@dataclass(frozen=True)
class ProductTrack:
    """What is granted of one product, in spans, until it is looked no further."""

    sku: str
    name: str
    spans: list[Span]


TRACKS = 6  # products that are drawn


def product_tracks(state: State, now: datetime, until: datetime) -> list[ProductTrack]:
    """Of each product that changes before `until`, but for what comes with the license's own end; the soonest first."""
    end, found = _end(state), {}
    for sku in products(state):
        mine = [change for change in told(all_changes(state, sku), end, now) if change.when < until]
        if mine:
            found[sku] = mine
    ordered = sorted(found.values(), key=lambda mine: (mine[0].when, mine[0].name))
    return [ProductTrack(mine[0].sku, mine[0].name, list(_spans(mine, now, until))) for mine in ordered]


def _spans(mine: list[Change], now: datetime, until: datetime) -> Iterator[Span]:
    since, kind = now, mine[0].metric.kind
    yield Span("product", "active" if mine[0].before else "expired", now, mine[0].when, mine[0].words)
    for change, after in pairwise([*mine, None]):
        assert change is not None
        since, ends = change.when, after.when if after else until
        name = "expired" if not change.after else "expiring" if change.lowers else "active"
        yield Span("product", name, since, ends, after.words if after else chain_words(kind, change.after, []))


@dataclass(frozen=True)
class UncoveredCount:
    """Q4, of those who hold one now: who would not be covered on a day to come."""

    sku: str
    name: str
    count: int
    newest: list[str]  # at most 20, the newest first


NAMED = 20  # of those who would not be covered


def uncovered(state: State, on: datetime, now: datetime) -> list[UncoveredCount]:
    """Users and seats alike, by product."""
    found, lines = [], products(state)
    for sku in sorted({*state.users, *state.leases}):
        count = count_in_use(state, sku, now) - granted(lines_of(state), sku, on)
        if count > 0:
            newest = [each.holder for each in islice(who_holds(state, sku, now), min(count, NAMED))]
            found.append(UncoveredCount(sku, lines[sku].name if sku in lines else sku, count, newest))
    return found


@dataclass(frozen=True)
class Announced:
    """What becomes less at one moment, of one product or of several. The steps of notices count to `ends`."""

    ends: datetime
    headline: str
    words: str
    pressing: bool


def announcements(state: State, now: datetime, late: timedelta = timedelta(0)) -> list[Announced]:
    """S: what is announced now, the soonest first: from the first step before it until it has come, and for `late`
    more. Of a locked site too: what was granted there ends all the same."""
    lines, end = lines_of(state), _end(state)
    found = [change for sku in products(state) for change in announced(all_changes(state, sku), end)]
    due = [each for each in found if each.is_near(state.windows.expiring, min(now, earlier(each.when, SECOND)))]
    mine = sorted((each for each in due if now - late < each.when), key=attrgetter("ends", "name"))
    return [_announced(state, lines, list(group), now) for _, group in groupby(mine, key=attrgetter("ends"))]


_TOLD = 3  # products in one announcement; the product's page has the rest


def _announced(state: State, lines: list[Line], of: list[Change], now: datetime) -> Announced:
    ends, end, more = of[0].ends, _end(state), len(of) - _TOLD
    words = [view_of(state, lines, change, end, now).words for change in of[:_TOLD]]
    words += [f"And {more:,} more."] if more > 0 else []
    pressing = (ends - now).days <= state.windows.banner_stays_days
    return Announced(ends, headline(of, now), " ".join(words), pressing)
