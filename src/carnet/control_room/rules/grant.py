"""What is granted here at a moment (`entitlements.grants`), what is used of it, and who is covered (Q4)."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from carnet.control_room.state.state import State
from carnet.entitlements import Line, Share, change_moments, changes, granted, nothing_words, shares


@dataclass(frozen=True)
class ProductGrant:
    """What the installed license grants of one product now."""

    line: Line  # one of its lines, for name, metric and unit
    shares: list[Share]
    quantity: int
    why_none: str = ""  # where nothing is granted now: it starts later, or has ended
    starts_later: bool = False  # none of its lines is in force yet


def grant_of(state: State, sku: str, now: datetime) -> ProductGrant | None:
    """The product's grant now; None where the installed license does not name it. Worked out once for each span."""
    installed = state.installed
    if installed is None or state.released:
        return None
    known: ProductGrant | None = installed.grants.known(sku, now)
    if known is not None:
        return known
    lines = installed.lines
    line = products(state).get(sku)
    if line is None:
        return None
    counted, quantity = shares(lines, sku, now), granted(lines, sku, now)
    why_none = "" if quantity else nothing_words(changes(lines, sku), now)
    later = all(each.valid_from > now for each in lines if each.sku == sku)
    grant = ProductGrant(line, counted, quantity, why_none, later)
    return cast("ProductGrant", installed.grants.remember(sku, now, grant, change_moments(lines)))


def lines_of(state: State) -> list[Line]:
    return state.installed.lines if state.installed and not state.released else []


def remaining(state: State, sku: str, now: datetime) -> int:
    """Units left within the quantities, overage aside. What is reserved is not left."""
    grant = grant_of(state, sku, now)
    return sum(max(0, share.quantity - taken(state, share.line, now)) for share in grant.shares) if grant else 0


def used(state: State, line: Line, now: datetime) -> int:
    """Units consumed on a line, in its period."""
    return state.consumed(line.line_id, line.period_start(now))


def taken(state: State, line: Line, now: datetime) -> int:
    """Units consumed on a line or held by a running reservation, in its period."""
    period_start = line.period_start(now)
    return state.consumed(line.line_id, period_start) + state.reservations.held(line.line_id, period_start, now)


def live_leases(state: State, sku: str, now: datetime) -> list[str]:
    """Leases that have not expired, the earliest acquired first. Judged at each decision (G2)."""
    leases = state.leases.get(sku)
    return leases.running(now) if leases else []


def count_leases(state: State, sku: str, now: datetime) -> int:
    leases = state.leases.get(sku)
    return leases.count(now) if leases else 0


def count_in_use(state: State, sku: str, now: datetime) -> int:
    """How many users are assigned, or leases running."""
    return len(state.users.of(sku)) + count_leases(state, sku, now)


def in_use(state: State, sku: str, now: datetime) -> list[str]:
    """Users assigned and leases running, the earliest first: a product has only one of the two."""
    return [*state.users.of(sku), *live_leases(state, sku, now)]


def is_covered(state: State, sku: str, holder: str, now: datetime) -> bool:
    """Q4: whether this user or lease is among the earliest, as many as are granted now."""
    grant = grant_of(state, sku, now)
    quantity = grant.quantity if grant else 0
    assigned, leases = state.users.of(sku).get(holder), state.leases.get(sku)
    lease = leases.find(holder, now) if leases else None
    if count_in_use(state, sku, now) <= quantity:  # nobody is above what is granted: the common case
        return assigned is not None or lease is not None
    if assigned:
        return state.users.roll(sku).rank(assigned.number) < quantity
    return leases is not None and lease is not None and leases.rank(lease, now) < quantity


def products(state: State) -> dict[str, Line]:
    """Each product of the installed OLF, by its sku, with one of its lines (for its name, metric and unit)."""
    return {line.sku: line for line in lines_of(state)}


def uncovered_words(in_use: int, granted: int) -> str:
    """`2 of the 3 in use are not covered: only the earliest one is` (Q4)."""
    if not granted:
        return "the one in use is not covered" if in_use == 1 else f"none of the {in_use:,} in use is covered"
    missing, kept = in_use - granted, "one is" if granted == 1 else f"{granted:,} are"
    verb = "is" if missing == 1 else "are"
    return f"{missing:,} of the {in_use:,} in use {verb} not covered: only the earliest {kept}"
