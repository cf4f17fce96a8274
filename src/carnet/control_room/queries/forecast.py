"""What will be on a date, if nothing is done until then: the state, what is granted, and what would be refused."""

from dataclasses import dataclass
from datetime import datetime

from carnet.control_room.queries.banner import banner
from carnet.control_room.queries.status import ProductView, banner_words, product_views
from carnet.control_room.rules.grant import granted, lines_of, products
from carnet.control_room.rules.site_state import (
    ACTIVE,
    EXPIRING,
    GRACE,
    state_name,
    unlocked_name,
)
from carnet.control_room.state.state import State
from carnet.times import stamp

GRANTING = (ACTIVE, EXPIRING, GRACE)


@dataclass(frozen=True)
class Uncovered:
    sku: str
    holders: list[str]


@dataclass(frozen=True)
class Forecast:
    on: datetime
    state: str
    state_by_time: str
    banner: str | None
    products: list[ProductView]
    refused: list[str]  # in words, what would be refused
    uncovered: list[Uncovered]  # Q4: who would no longer be covered


def forecast(state: State, on: datetime) -> Forecast:
    name = state_name(state, on)
    views, words = product_views(state, on), refused_words(state, name, on)
    return Forecast(
        on, name, unlocked_name(state, on), banner_words(banner(state, on)), views, words, _uncovered(state, on)
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
            words.append(f"{line.name}: no line grants it then.")
    return words


def _uncovered(state: State, on: datetime) -> list[Uncovered]:
    found = []
    for sku in sorted({*state.users, *state.leases}):
        rest = [*state.users.of(sku)][granted(lines_of(state), sku, on) :]
        if rest:
            found.append(Uncovered(sku, rest))
    return found
