"""E10: would this OLF, at the moment of install, take away what is in use? For the preview and the install alike."""

from dataclasses import dataclass
from datetime import datetime

from carnet.control_room.authority.grant import granted, in_use, lines_of
from carnet.control_room.authority.state import State
from carnet.entitlements import Line, Metric
from carnet.exchange.verdicts import Code, Refusal

NAMED = 20  # holders named in a refusal; the product's own list has them all


@dataclass(frozen=True)
class TooFew:
    """A product of which more is in use, and covered, than would be granted."""

    sku: str
    granted: int
    covered: tuple[str, ...]

    @property
    def to_free(self) -> int:
        return len(self.covered) - self.granted


@dataclass(frozen=True)
class TooSmall:
    """A line of which more was consumed or is reserved than its new, lower quantity."""

    line: Line
    was: int
    consumed: int


def too_few(state: State, lines: list[Line], now: datetime, held_at: datetime) -> list[TooFew]:
    found = []
    for sku in sorted({*state.users, *state.leases}):
        using = in_use(state, sku, held_at)
        covered = [_holder(state, sku, each) for each in using[: granted(lines_of(state), sku, now)]]  # Q4
        new = granted(lines, sku, now)
        if new < len(covered):
            found.append(TooFew(sku, new, tuple(covered)))
    return found


def too_small(state: State, lines: list[Line], now: datetime, held_at: datetime) -> list[TooSmall]:
    """A line that is left out takes nothing back: what was consumed stays counted. An unchanged line always fits.
    What is reserved counts as consumed (G2)."""
    found = []
    for line in lines:
        memory = state.lines.get(line.line_id)
        if line.metric is not Metric.CONSUMABLE or memory is None or line.quantity >= memory.quantity:
            continue
        period_start = line.period_start(now)
        consumed = state.consumed(line.line_id, period_start)
        consumed += state.reservations.held(line.line_id, period_start, held_at)
        if line.quantity < consumed:
            found.append(TooSmall(line, memory.quantity, consumed))
    return found


def check_fit(state: State, lines: list[Line], now: datetime, held_at: datetime) -> Refusal | None:
    """`now`: the time that the file itself makes it (T1, T3); `held_at`: trusted time before that, by which leases
    run: a vendor's clock that is ahead must not make them look expired."""
    few, small = too_few(state, lines, now, held_at), too_small(state, lines, now, held_at)
    if not few and not small:
        return None
    what = [
        f"free {item.to_free} {item.sku} ({len(item.covered)} in use, {item.granted} would be granted)" for item in few
    ]
    what += [
        f"{item.consumed} {item.line.sku} were consumed or are reserved, "
        f"{item.line.quantity} would be granted (it was {item.was})"
        for item in small
    ]
    next_step = "Free the seats named, then install the file again." if few else ""
    if small:
        again = "Generate a new LFR and ask for at least what was consumed."
        next_step = f"{next_step} {again}".strip()
    return Refusal(Code.DOES_NOT_FIT, f"Does not fit: {'; '.join(what)}.", next_step, tuple(_holders(few)))


def _holder(state: State, sku: str, user_or_lease: str) -> str:
    lease = state.leases[sku].by_id.get(user_or_lease) if sku in state.leases else None
    return f"{lease.holder} (lease {user_or_lease})" if lease else user_or_lease


def _holders(few: list[TooFew]) -> list[str]:
    lines = []
    for item in few:
        more = len(item.covered) - NAMED
        tail = f" and {more} more" if more > 0 else ""
        lines.append(f"{item.sku} is held by: {', '.join(item.covered[:NAMED])}{tail}")
    return lines
