"""L3: the totals that an LFR states: for each line that CALM may still count, what is granted, in use and consumed.

In use is known by product; a product's lines take it in the order in which they end, each up to its quantity, and the
last takes what is above. No user, host or bot is in it.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from carnet.control_room.ledger.events import UnitsSettled
from carnet.control_room.rules.grant import count_in_use, lines_of
from carnet.control_room.state.fold_use import meter
from carnet.control_room.state.reservations import Reservations
from carnet.control_room.state.state import LineMemory, State, period_key
from carnet.entitlements import MAX_QUANTITY, shares
from carnet.exchange.license_file_request import LineTotals, RefusalCount, Totals


def totals(state: State, now: datetime) -> Totals:
    counts = [RefusalCount(code=code, count=count) for code, count in sorted(state.refusals.items())]
    held = state.reservations.held_by_line(now)
    lines = [_stated(state, line_id, held.get(line_id, 0), now) for line_id in sorted(state.lines)]
    return Totals(lines=lines, refusals=counts)


def after_settling(state: State, settled: Sequence[UnitsSettled]) -> State:
    """The state as it will be with these units consumed, for totals that are stated in the same transaction."""
    if not settled:
        return state
    gone = {each.reservation_id for each in settled}
    left = {key: each for key, each in state.reservations.by_id.items() if key not in gone}
    meters = {line_id: dict(periods) for line_id, periods in state.meters.items()}
    later = replace(state, meters=meters, reservations=Reservations(left))
    for draw in (draw for each in settled for draw in each.draws):
        meter(later, draw.line_id, period_key(draw.period_start), draw.units)
    return later


def _stated(state: State, line_id: str, reserved: int, now: datetime) -> LineTotals:
    memory = state.lines[line_id]
    share = next((s for s in shares(lines_of(state), memory.sku, now) if s.line.line_id == line_id), None)
    period_start = stated_period(state, line_id, now)
    consumed = state.consumed(line_id, period_start)
    using, peak = _attributed(state, line_id, memory, now)
    owed = max(0, consumed - memory.quantity) if memory.metric.kind.owes_overage else 0
    return LineTotals(
        line_id=line_id,
        sku=memory.sku,
        metric=memory.metric,
        granted=share.quantity if share else 0,
        in_use=using,
        peak_in_use=max(peak, using),
        consumed=min(consumed, MAX_QUANTITY),
        period_start=period_start,
        owed=min(owed, MAX_QUANTITY),
        reserved=min(reserved, MAX_QUANTITY),
    )


def stated_period(state: State, line_id: str, now: datetime) -> datetime | None:
    """The period that a line's consumption is stated for: the one that `now` is in, or the newest that is known of a
    line of which only an accepted history told (L2)."""
    memory = state.lines[line_id]
    if memory.period:
        return memory.period.containing(now)
    newest = max(state.meters.get(line_id, {}), default="")
    return datetime.fromisoformat(newest) if newest else None


def _attributed(state: State, line_id: str, memory: LineMemory, now: datetime) -> tuple[int, int]:
    """What of the product's use, and of its peak, falls to this line."""
    if memory.metric.kind.holders is None:
        return 0, 0
    counted = shares(lines_of(state), memory.sku, now)
    left, peak = count_in_use(state, memory.sku, now), state.peaks.get(memory.sku, 0)
    for share in counted:
        last = share is counted[-1]
        mine, mine_peak = (left, peak) if last else (min(left, share.quantity), min(peak, share.quantity))
        if share.line.line_id == line_id:
            return mine, mine_peak
        left, peak = left - mine, peak - mine_peak
    return 0, 0
