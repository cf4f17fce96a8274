"""How units are consumed and reserved (Q2, G2)."""

from carnet.control_room.authority.evolve_use import units
from carnet.control_room.authority.handlers import on
from carnet.control_room.authority.reservations import Reservation
from carnet.control_room.authority.state import State, period_key
from carnet.control_room.ledger import events as e
from carnet.control_room.ledger.record import Record

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
