"""What time alone changes, written down before the next decision: facts that a pure function of the state and of two
readings of time can tell. Nothing depends on it being written early: each decision judges by `now` itself.
"""

from datetime import datetime

from carnet.control_room.ledger.events import (
    ClockCaughtUp,
    ClockSetBack,
    CycleMissed,
    Event,
    LeasesExtended,
    ReservationExpired,
    SeatExpired,
    StateChanged,
)
from carnet.control_room.rules.site_state import locks, state_name
from carnet.control_room.state.state import State
from carnet.control_room.state.trusted_time import (
    TOLERANCE,
    Anchor,
    Reading,
    lag,
    unexplained,
)
from carnet.exchange.windows import is_missed

SWEEP = 1000  # expired leases recorded at once


def time_events(state: State, anchor: Anchor | None, reading: Reading, now: datetime) -> list[Event]:
    events = _clock(state, reading, now)
    extended = _leases(state, anchor, reading, now)
    events += extended
    events += _missed(state, now)
    name = state_name(state, now)
    if name != state.state_name:
        events.append(StateChanged(was=state.state_name, now=name))
    return events if extended else events + _expired(state, now) + _lapsed(state, now)


def _clock(state: State, reading: Reading, now: datetime) -> list[Event]:
    """T2: a clock set back is recorded once, and once more when it caught up. A lag because the vendor's time
    was ahead (T1) is not counted as a set-back."""
    behind = int(lag(now, reading).total_seconds())
    if behind - state.lead > TOLERANCE.total_seconds() and not state.behind:
        return [ClockSetBack(by_seconds=behind - state.lead)]
    return [ClockCaughtUp()] if (state.behind or state.lead) and not behind else []


def _leases(state: State, anchor: Anchor | None, reading: Reading, now: datetime) -> list[Event]:
    """G6: after a restart, or where time moved by more than the uptime explains."""
    reason = unexplained(now, anchor, reading)
    if anchor is None or reason is None:
        return []
    return [LeasesExtended(since=anchor.trusted, reason=reason)] if _any_runs(state, anchor.trusted) else []


def after_restart(state: State, anchor: Anchor | None) -> list[Event]:
    """G6: nothing was renewed while no server ran; what ran when it wrote last gets one time to live."""
    if anchor is None or not _any_runs(state, anchor.trusted):
        return []
    return [LeasesExtended(since=anchor.trusted, reason="the server was restarted")]


def _any_runs(state: State, at: datetime) -> bool:
    return any(leases.count(at) for leases in state.leases.values()) or bool(state.reservations.running(at))


def _missed(state: State, now: datetime) -> list[Event]:
    """E8: only a licensed site is locked by it, where its windows say so; elsewhere the cycle lapses."""
    cycle = state.open_cycle
    if cycle is None or not is_missed(cycle.opened_at, state.windows, now):
        return []
    return [CycleMissed(cycle_id=cycle.id, locks=locks(state))]


def _expired(state: State, now: datetime) -> list[Event]:
    """G2: a sweep only writes down what each decision judged for itself."""
    gone = [
        SeatExpired(sku=sku, lease_id=lease_id)
        for sku, leases in state.leases.items()
        for lease_id in leases.expired(now)
    ]
    return list(gone[:SWEEP])


def _lapsed(state: State, now: datetime) -> list[Event]:
    reservations = state.reservations
    return [
        ReservationExpired(sku=reservations.by_id[key].sku, reservation_id=key)
        for key in reservations.expired(now, SWEEP)
    ]
