"""Who holds what: users and leases by name (they never leave the site), consumption, and what was refused.

Holders come in pages, in the order of product and user or lease: a hundred thousand of them at once would keep
everybody else waiting, and one who goes meanwhile must not shift the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from itertools import islice

from carnet.control_room.queries.status import (
    LineView,
    ProductView,
    line_views,
    product_views,
)
from carnet.control_room.rules.grant import in_use, lines_of
from carnet.control_room.rules.holding import HolderView
from carnet.control_room.state.state import State
from carnet.entitlements import granted
from carnet.exchange.license_file_request import RefusalCount


@dataclass(frozen=True)
class Usage:
    products: list[ProductView]
    lines: list[LineView]
    holders: list[HolderView]
    refusals: list[RefusalCount]
    next: str | None = None  # ask again `after` this for more holders; None: there are no more


@dataclass(frozen=True)
class Page:
    """`after`: what the page before named as its `next`; empty for the first. `products`: only of these."""

    after: str
    limit: int
    products: Sequence[str] | None

    @property
    def place(self) -> tuple[str, str]:
        """Product, and user or lease, after which it begins; they need not be there (any more)."""
        sku, _, who = self.after.partition("/")
        return sku, who


def usage(state: State, now: datetime, page: Page) -> Usage:
    counts = [RefusalCount(code=code, count=count) for code, count in sorted(state.refusals.items())]
    found = list(islice(_after(state, now, page), page.limit + 1))
    held = [_holder(state, sku, who, covered) for sku, who, covered in found[: page.limit]]
    more = "/".join(found[page.limit - 1][:2]) if len(found) > page.limit else None
    return Usage(product_views(state, now), line_views(state, now), held, counts, more)


def _after(state: State, now: datetime, page: Page) -> Iterator[tuple[str, str, bool]]:
    """Product, user or lease, and whether it is covered (Q4): those that come after the page before."""
    first, last = page.place
    for sku in sorted({*state.users, *state.leases}):
        if sku >= first and (page.products is None or sku in page.products):
            yield from _holders(state, sku, now, last if sku == first else "", page.limit)


def _holders(state: State, sku: str, now: datetime, after: str, limit: int) -> Iterator[tuple[str, str, bool]]:
    using, quantity = in_use(state, sku, now), granted(lines_of(state), sku, now)
    all_covered = len(using) <= quantity
    covered = set() if all_covered else set(using[:quantity])
    for who in nsmallest(limit + 1, (who for who in using if who > after)):
        yield sku, who, all_covered or who in covered


def _holder(state: State, sku: str, who: str, covered: bool) -> HolderView:
    lease = state.leases[sku].by_id.get(who) if sku in state.leases else None
    if lease:
        return HolderView(sku, lease.holder, who, lease.since, lease.expires_at, covered)
    return HolderView(sku, who, None, state.users[sku][who].since, None, covered)
