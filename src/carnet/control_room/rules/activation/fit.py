"""E10: would this OLF, at the moment of install, take away what is in use? And what would it change, product by
product? For the preview and the install alike.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from carnet.control_room.rules.changes import ChangeView, view_of
from carnet.control_room.rules.grant import count_in_use, lines_of, products, taken
from carnet.control_room.rules.holding import who_holds
from carnet.control_room.state.state import State
from carnet.entitlements import Line, Metric, changes, coming, coming_words, granted, license_end, told
from carnet.entitlements.comparison import compare
from carnet.exchange.verdicts import Code, Refusal

NAMED = 20  # holders named in a refusal; the product's own list has them all


@dataclass(frozen=True)
class TooFew:
    """A product of which more is in use, and covered, than would be granted."""

    sku: str
    granted: int
    in_use: int

    @property
    def to_free(self) -> int:
        """Those who are not covered (Q4) too: where a covered one goes, the next is covered in its place."""
        return self.in_use - self.granted


@dataclass(frozen=True)
class TooSmall:
    """A line of which more was consumed or is reserved than its new, lower quantity."""

    line: Line
    was: int
    consumed: int


@dataclass(frozen=True)
class StillReserved:
    """A line that is left out, although units of it are reserved: settled later, they would come on top (H2)."""

    sku: str
    name: str
    words: str  # how many units, with their noun
    units: int
    reservations: list[str]


def too_few(state: State, lines: list[Line], now: datetime, held_at: datetime) -> list[TooFew]:
    found = []
    for sku in sorted({*state.users, *state.leases}):
        using, new = count_in_use(state, sku, held_at), granted(lines, sku, now)
        if new < min(using, granted(lines_of(state), sku, now)):  # Q4: those who are covered
            found.append(TooFew(sku, new, using))
    return found


def too_small(state: State, lines: list[Line], now: datetime, held_at: datetime) -> list[TooSmall]:
    """Of the lines that the file has. An unchanged line always fits. What is reserved counts as consumed (G2)."""
    found = []
    for line in lines:
        memory = state.lines.get(line.line_id)
        if not line.metric.kind.counts_units or memory is None or line.quantity >= memory.quantity:
            continue
        period_start = line.period_start(now)
        consumed = state.consumed(line.line_id, period_start)
        consumed += state.reservations.held(line.line_id, period_start, held_at)
        if line.quantity < consumed:
            found.append(TooSmall(line, memory.quantity, consumed))
    return found


def still_reserved(state: State, lines: list[Line], held_at: datetime) -> list[StillReserved]:
    """Of the lines that the file leaves out. What was consumed on them stays counted, and takes nothing back."""
    kept = {line.line_id for line in lines}
    found = []
    for line in lines_of(state):
        held = state.reservations.of_line(line.line_id, held_at) if line.line_id not in kept else {}
        if held:
            units = sum(held.values())
            words = line.metric.kind.counted(units, line.unit)
            found.append(StillReserved(line.sku, line.name, words, units, list(held)))
    return found


def check_fit(state: State, lines: list[Line], now: datetime, held_at: datetime) -> Refusal | None:
    """`now`: the time that the file itself makes it (T1, T3); `held_at`: trusted time before that, by which leases
    run: a vendor's clock that is ahead must not make them look expired."""
    few, small = too_few(state, lines, now, held_at), too_small(state, lines, now, held_at)
    open_ones = still_reserved(state, lines, held_at)
    if not few and not small and not open_ones:
        return None
    what = [f"free {item.to_free} {item.sku} ({item.in_use} in use, {item.granted} would be granted)" for item in few]
    what += [
        f"{item.consumed} {item.line.sku} were consumed or are reserved, "
        f"{item.line.quantity} would be granted (it was {item.was})"
        for item in small
    ]
    what += [f"{item.units} {item.sku} are reserved on a line that is left out" for item in open_ones]
    held_by = [*_holders(state, few, held_at), *_reservations(open_ones)]
    next_step = _next(free=bool(few), settle=bool(open_ones), ask=bool(small))
    return Refusal(Code.DOES_NOT_FIT, f"Does not fit: {'; '.join(what)}.", next_step, tuple(held_by))


def _next(*, free: bool, settle: bool, ask: bool) -> str:
    acts = ["free the seats named"] if free else []
    acts += ["settle or cancel what is reserved"] if settle else []
    steps = [f"{' and '.join(acts).capitalize()}, then install the file again."] if acts else []
    steps += ["Generate a new LFR and ask for at least what was consumed."] if ask else []
    return " ".join(steps)


def _reservations(open_ones: list[StillReserved]) -> list[str]:
    return [f"{item.sku} is reserved by: {_named(item.reservations, len(item.reservations))}" for item in open_ones]


def _named(names: list[str], count: int) -> str:
    tail = f" and {count - NAMED} more" if count > NAMED else ""
    return f"{', '.join(names[:NAMED])}{tail}"


def _holders(state: State, few: list[TooFew], held_at: datetime) -> list[str]:
    lines = []
    for item in few:
        first = islice(who_holds(state, item.sku, held_at, oldest_first=True), NAMED)
        names = [f"{each.holder} (lease {each.lease_id})" if each.lease_id else each.holder for each in first]
        lines.append(f"{item.sku} is held by: {_named(names, item.in_use)}")
    return lines


@dataclass(frozen=True)
class Change:
    sku: str
    name: str
    metric: Metric
    unit: str
    was: int
    now: int
    in_use: int
    used: int  # the same; of units, what is consumed or reserved in the period
    later: list[str]  # what changes on other days, in words
    valid_until: datetime | None  # of the last line; None where the product goes
    note: str
    changes: list[ChangeView]  # what is to come of it under the file, the soonest first
    coming: str  # `10 until 2027-12-01, then 5`; empty where nothing comes before the license's end


def difference(state: State, lines: list[Line], now: datetime, held_at: datetime) -> list[Change]:
    """Product by product. `now`: at which the file is judged. `held_at`: when those are counted who hold one."""
    old, new = products(state), {line.sku: line for line in lines}
    later = {change.sku: list(change.later) for change in compare(lines_of(state), lines, now)}
    return [
        _change(state, lines, new.get(sku) or old[sku], later.get(sku, []), now, held_at)
        for sku in sorted({*old, *new})
    ]


def _change(
    state: State, lines: list[Line], product: Line, later: list[str], now: datetime, held_at: datetime
) -> Change:
    """`product`: any line of it."""
    sku = product.sku
    found, end = changes(lines, sku), license_end(lines)
    mine = [line for line in lines if line.sku == sku]
    return Change(
        sku,
        product.name,
        product.metric,
        product.unit,
        granted(lines_of(state), sku, now),
        granted(lines, sku, now),
        (using := count_in_use(state, sku, held_at)),
        product.metric.kind.used(_units_taken(state, sku, held_at), using),
        later,
        max((line.valid_until for line in mine), default=None),
        _note(mine),
        [view_of(state, lines, change, end, held_at) for change in coming(found, now)],
        coming_words(told(found, end, now)),
    )


def _units_taken(state: State, sku: str, now: datetime) -> int:
    return sum(taken(state, line, now) for line in lines_of(state) if line.sku == sku)


def _note(mine: list[Line]) -> str:
    """Q1: the rest of a running period is granted in every later period too, until the next OLF says otherwise."""
    if not mine:
        return "left out: no longer granted"
    counted = [line for line in mine if line.period]
    if counted:
        return "; ".join(f"{line.quantity:,} in each {line.period.unit.value}" for line in counted if line.period)
    return ""
