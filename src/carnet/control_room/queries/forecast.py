"""What will be on a date, if nothing is done until then: the state, what is granted, and what would be refused."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet.control_room.queries.banner import banner, change_banner
from carnet.control_room.queries.coming import UncoveredCount, all_changes, changes_until, uncovered
from carnet.control_room.queries.status import ProductView, banner_words, product_views
from carnet.control_room.rules.changes import ChangeView
from carnet.control_room.rules.grant import lines_of, products
from carnet.control_room.rules.site_state import (
    ACTIVE,
    EXPIRING,
    GRACE,
    state_name,
    unlocked_name,
)
from carnet.control_room.state.state import State
from carnet.entitlements import granted, nothing_words
from carnet.times import later, stamp

GRANTING = (ACTIVE, EXPIRING, GRACE)


NOON = timedelta(hours=12)


def seen_on(day: datetime) -> datetime:
    """The moment at which a day that somebody names is looked at, by its midnight: noon UTC, at every door."""
    return later(day, NOON)


def seen_first(moment: datetime) -> datetime:
    """The first such moment of a day that is not before `moment`."""
    noon = seen_on(moment.replace(hour=0, minute=0, second=0, microsecond=0))
    return noon if moment <= noon else later(noon, 2 * NOON)


@dataclass(frozen=True)
class Forecast:
    on: datetime
    state: str
    state_by_time: str
    banner: str | None
    products: list[ProductView]
    refused: list[str]  # in words, what would be refused
    uncovered: list[UncoveredCount]  # Q4: who would no longer be covered
    changes: list[ChangeView]  # of each product until then, but for what comes with the license's own end


def forecast(state: State, on: datetime, now: datetime) -> Forecast:
    """With nothing done until `on`; those who hold something now still hold it."""
    name = state_name(state, on)
    return Forecast(
        on,
        name,
        unlocked_name(state, on),
        banner_words(banner(state, on), change_banner(state, on)),
        product_views(state, on, now),
        refused_words(state, name, on),
        uncovered(state, on, now),
        changes_until(state, on, now),
    )


def missed_deadline(state: State) -> datetime | None:
    """The moment at which the open cycle is missed; None where none is open."""
    return state.cycle_ends


def refused_words(state: State, name: str, on: datetime) -> list[str]:
    words = []
    if name not in GRANTING:
        words.append(f"Everything new (assign, acquire, consume): the state is {name}.")
    newest = state.newest_lfr
    if state.open_cycle and newest and newest.install_by and on >= newest.install_by:
        words.append(f"The answer to the open request: it had to be installed before {stamp(newest.install_by)}.")
    for sku, line in sorted(products(state).items()):
        if granted(lines_of(state), sku, on) == 0:
            words.append(nothing_words(all_changes(state, sku), on) or f"{line.name}: not licensed that day.")
    return words
