"""Who holds what: users and leases by name (they never leave the site), consumption, and what was refused."""

from dataclasses import dataclass
from datetime import datetime

from carnet.control_room.authority.grant import granted, in_use, lines_of
from carnet.control_room.authority.state import State
from carnet.control_room.authority.views import LineView, ProductView, line_views, product_views
from carnet.exchange.license_file_request import RefusalCount


@dataclass(frozen=True)
class HolderView:
    sku: str
    holder: str
    lease_id: str | None
    since: datetime | None  # of a user
    expires_at: datetime | None  # of a lease
    covered: bool  # Q4


@dataclass(frozen=True)
class Usage:
    products: list[ProductView]
    lines: list[LineView]
    holders: list[HolderView]
    refusals: list[RefusalCount]


def usage(state: State, now: datetime) -> Usage:
    counts = [RefusalCount(code=code, count=count) for code, count in sorted(state.refusals.items())]
    held = [holder for sku in sorted({*state.users, *state.leases}) for holder in _holders(state, sku, now)]
    return Usage(product_views(state, now), line_views(state, now), held, counts)


def _holders(state: State, sku: str, now: datetime) -> list[HolderView]:
    covered = granted(lines_of(state), sku, now)
    return [_holder(state, sku, who, place < covered) for place, who in enumerate(in_use(state, sku, now))]


def _holder(state: State, sku: str, who: str, covered: bool) -> HolderView:
    lease = state.leases[sku].by_id.get(who) if sku in state.leases else None
    if lease:
        return HolderView(sku, lease.holder, who, None, lease.expires_at, covered)
    return HolderView(sku, who, None, state.users[sku][who], None, covered)
