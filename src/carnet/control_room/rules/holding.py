"""Who holds a product now, and who of them is covered (Q4): users, and leases that run."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from carnet.control_room.rules.grant import is_covered
from carnet.control_room.state.acquisition_order import AcquisitionOrder
from carnet.control_room.state.state import State

Holding = tuple[int, str, str]  # number of the granting record, sku, user or lease


@dataclass(frozen=True)
class HolderView:
    sku: str
    holder: str
    lease_id: str | None
    since: datetime | None
    expires_at: datetime | None  # of a lease
    covered: bool  # Q4


def each_holding(state: State, sku: str, after: int | None, sign: int) -> Iterator[Holding]:
    """The users and leases of a product by when they came: the oldest first where `sign` is above 0."""
    leases = state.leases.get(sku)
    for roll in (
        state.users.roll(sku),
        leases.roll if leases else AcquisitionOrder(),
    ):  # a product has only one of the two
        for number, who in roll.oldest(after) if sign > 0 else roll.newest(after):
            yield number, sku, who


def holder_view(state: State, now: datetime, found: Holding, wanted: str) -> HolderView | None:
    """None where the name does not contain `wanted`, or the lease has expired by `now`."""
    _, sku, who = found
    leases = state.leases.get(sku)
    lease = leases.find(who, now) if leases else None
    if wanted not in (lease.holder if lease else who).casefold():
        return None
    assigned = state.users.of(sku).get(who)
    if assigned:
        return HolderView(sku, who, None, assigned.since, None, is_covered(state, sku, who, now))
    if lease is None:
        return None
    return HolderView(sku, lease.holder, who, lease.since, lease.expires_at, is_covered(state, sku, who, now))


def who_holds(state: State, sku: str, now: datetime, *, oldest_first: bool = False) -> Iterator[HolderView]:
    """Users and running leases of the product, one by one."""
    for found in each_holding(state, sku, None, 1 if oldest_first else -1):
        holder = holder_view(state, now, found, "")
        if holder:
            yield holder
