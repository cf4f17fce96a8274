"""How records of use change the state: the counters of each product and the peaks, refusals (G7), units that are
consumed or reserved (Q2, G2).
"""

from datetime import datetime

from carnet.control_room.ledger import events as e
from carnet.control_room.ledger.record import Record
from carnet.control_room.state.handlers import on
from carnet.control_room.state.reservations import Reservation
from carnet.control_room.state.state import SeenRefusal, State, period_key
from carnet.control_room.state.usage_counters import UsageCounters
from carnet.entitlements import Line

REFUSALS_KEPT = 20  # of each product, the newest


@on(e.Refused)
def _refused(state: State, record: Record, event: e.Refused) -> None:
    _count_refusals(state, record.at, event.code, event.sku, 1)
    if event.sku in state.tallies:
        kept = state.newest_refusals.setdefault(event.sku, [])
        kept.append(SeenRefusal(record.at, record.actor, event.what, event.code, event.message))
        del kept[:-REFUSALS_KEPT]


@on(e.RefusalsCounted)
def _refusals(state: State, record: Record, event: e.RefusalsCounted) -> None:
    for each in event.counts:
        _count_refusals(state, record.at, each.code, each.sku, each.count)


def _count_refusals(state: State, at: datetime, code: str, sku: str | None, count: int) -> None:
    for refusals in (state.refusals, state.refusals_since):
        refusals[code] = refusals.get(code, 0) + count
    if sku in state.tallies:
        state.tallies[sku].note(at, refused=count)


def begin(state: State, at: datetime, lines: list[Line]) -> None:
    """A license names its products: from here on, or from when their first line starts, they can be used."""
    for line in lines:
        tallies = state.tallies.get(line.sku)
        if tallies is None:
            tallies = state.tallies[line.sku] = UsageCounters(max(at, line.valid_from))
        tallies.since = min(tallies.since, max(at, line.valid_from))


def stated(state: State, at: datetime) -> None:
    """An LFR states what was until now. What comes after it belongs to the next one, if an OLF answers this one."""
    state.peaks_since = {sku: len(users) for sku, users in state.users.items()}
    state.peaks_since |= {sku: leases.count(at) for sku, leases in state.leases.items()}
    state.refusals_since = {}


def answered(state: State) -> None:
    """An OLF is installed: CALM has what its LFR stated (E7), and the next one goes on from there."""
    state.peaks, state.peaks_since = state.peaks_since, {}
    state.refusals, state.refusals_since = state.refusals_since, {}


def go_back(state: State, to: datetime) -> None:
    """T3: time is lowered. What is in use is what was, but for the leases that had expired."""
    for sku, tallies in state.tallies.items():
        leases = state.leases.get(sku)
        tallies.go_back(to)
        count = len(state.users.of(sku)) + (len(leases.by_id) if leases else 0)
        tallies.using(to, count, count)


def in_use(state: State, sku: str, at: datetime, count: int, before: int, granted: int = 0) -> None:
    """So many users or seats are in use from now on, and were just before; `granted`: how many were taken with it."""
    for peaks in (state.peaks, state.peaks_since):
        if count > peaks.get(sku, 0):
            peaks[sku] = count
    tallies = state.tallies.get(sku)
    if tallies:
        tallies.using(at, count, before, granted)


def units(state: State, sku: str, at: datetime, granted: int, consumed: int) -> None:
    tallies = state.tallies.get(sku)
    if tallies:
        tallies.note(at, granted=granted, consumed=consumed)


PERIODS_KEPT = 24  # of each line's meter; a clock lowered by less than that finds its old period again (Q3)


@on(e.UnitsConsumed)
def _consumed(state: State, record: Record, event: e.UnitsConsumed) -> None:
    for draw in event.draws:
        meter(state, draw.line_id, period_key(draw.period_start), draw.units)
    units(state, event.sku, record.at, granted=1, consumed=event.units)


@on(e.UnitsReserved)
def _reserved(state: State, record: Record, event: e.UnitsReserved) -> None:
    reservation = Reservation(event.sku, event.units, list(event.draws), event.ttl_seconds, event.expires_at)
    state.reservations.add(event.reservation_id, reservation)
    units(state, event.sku, record.at, granted=1, consumed=0)


@on(e.UnitsSettled)
def _settled(state: State, record: Record, event: e.UnitsSettled) -> None:
    state.reservations.remove(event.reservation_id)
    for draw in event.draws:
        meter(state, draw.line_id, period_key(draw.period_start), draw.units)
    units(state, event.sku, record.at, granted=0, consumed=event.units)


@on(e.ReservationCancelled)
@on(e.ReservationExpired)
def _reservation_gone(state: State, _: Record, event: e.ReservationCancelled | e.ReservationExpired) -> None:
    state.reservations.remove(event.reservation_id)


def meter(state: State, line_id: str, period: str, count: int) -> None:
    """Q2: count units on a line, in its period."""
    line = state.meters.setdefault(line_id, {})
    line[period] = line.get(period, 0) + count
    while len(line) > PERIODS_KEPT:
        del line[min(line)]
