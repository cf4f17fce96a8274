"""G2: reserve → settle or cancel, for work whose size is known at its end.

Reserving is granted as consuming is. Settling and cancelling are granted while the reservation runs, whatever became of
the site: it was granted while it held. So also on a locked site (E8), after the license ended, and in the period in
which it was reserved (Q2). Where an LFR states the final total of its line (H2), it is settled in full by that.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from carnet.control_room.ledger.events import (
    Draw,
    ReservationCancelled,
    UnitsReserved,
    UnitsSettled,
)
from carnet.control_room.rules.decision import Command, Decision, Moment
from carnet.control_room.rules.grant import lines_of, taken
from carnet.control_room.rules.granting.preconditions import (
    DEFAULT_TTL,
    MAX_TTL,
    MIN_TTL,
    malformed,
    released,
)
from carnet.control_room.rules.granting.units import UnitsAnswer, draw_units
from carnet.control_room.state.reservations import Reservation, merged
from carnet.control_room.state.state import State
from carnet.entitlements import new_id, shares
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import later


class ReservationAnswer(msgspec.Struct, frozen=True):
    sku: str
    reservation_id: str
    units: int
    expires_at: datetime | None  # None once given back
    remaining: int


@dataclass(frozen=True)
class ReserveUnits(Command[ReservationAnswer]):
    sku: str
    units: int
    ttl_seconds: int = DEFAULT_TTL
    what: ClassVar[str] = "reserve"
    needs: ClassVar[str] = "take"

    def decide(self, state: State, moment: Moment) -> Decision[ReservationAnswer] | Refusal:
        drawn = draw_units(state, self.sku, self.units, moment.now)
        if isinstance(drawn, Refusal):
            return drawn
        if not MIN_TTL <= self.ttl_seconds <= MAX_TTL:
            return malformed(f"A reservation lives {MIN_TTL} to {MAX_TTL} seconds.")
        event = UnitsReserved(
            sku=self.sku,
            reservation_id=new_id(moment.now, moment.random),
            units=self.units,
            draws=drawn.draws,
            ttl_seconds=self.ttl_seconds,
            expires_at=later(moment.now, timedelta(seconds=self.ttl_seconds)),
        )
        left = max(0, drawn.left - self.units)
        return Decision([event], ReservationAnswer(self.sku, event.reservation_id, self.units, event.expires_at, left))


@dataclass(frozen=True)
class SettleUnits(Command[UnitsAnswer]):
    """Consume so many of the reserved units, and free the rest. Settling 0 is cancelling."""

    reservation_id: str
    units: int
    what: ClassVar[str] = "settle"
    needs: ClassVar[str] = "take"

    def decide(self, state: State, moment: Moment) -> Decision[UnitsAnswer] | Refusal:
        reservation = state.reservations.find(self.reservation_id, moment.now)
        if reservation is None or state.released:
            return self.unknown(state)
        if self.units < 0:
            return malformed("Units are counted from 0.")
        if self.units > reservation.units:
            return _more_than_reserved(reservation, self.units)
        draws = _first(reservation.draws, self.units)
        answer = UnitsAnswer(
            reservation.sku,
            self.units,
            _left_after(state, reservation, draws, moment.now),
            sum(_owed(state, draw) for draw in draws),
        )
        return Decision([self._event(reservation, draws)], answer)

    def _event(self, reservation: Reservation, draws: list[Draw]) -> UnitsSettled | ReservationCancelled:
        if not draws:
            return ReservationCancelled(sku=reservation.sku, reservation_id=self.reservation_id)
        return UnitsSettled(sku=reservation.sku, reservation_id=self.reservation_id, units=self.units, draws=draws)

    def product(self, state: State) -> str | None:
        return _product(state, self.reservation_id)

    def unknown(self, state: State) -> Refusal:
        return released() if state.released else _unknown(self.reservation_id)


@dataclass(frozen=True)
class CancelUnits(Command[ReservationAnswer]):
    """Giving back is always granted, in every state."""

    reservation_id: str
    what: ClassVar[str] = "cancel"
    needs: ClassVar[str] = "take"

    def decide(self, state: State, moment: Moment) -> Decision[ReservationAnswer] | Refusal:
        reservation = state.reservations.find(self.reservation_id, moment.now)
        if reservation is None:
            return self.unknown(state)
        left = _left_after(state, reservation, [], moment.now)
        answer = ReservationAnswer(reservation.sku, self.reservation_id, reservation.units, None, left)
        return Decision([ReservationCancelled(sku=reservation.sku, reservation_id=self.reservation_id)], answer)

    def product(self, state: State) -> str | None:
        return _product(state, self.reservation_id)

    def unknown(self, _: State) -> Refusal:
        return _unknown(self.reservation_id)


def _first(draws: list[Draw], units: int) -> list[Draw]:
    """So many of the reserved units, in the order in which they were drawn."""
    taken_now = []
    for draw in draws:
        part = min(units, draw.units)
        if part:
            taken_now.append(Draw(line_id=draw.line_id, period_start=draw.period_start, units=part))
            units -= part
    return merged(taken_now)


def _left_after(state: State, reservation: Reservation, consumed: list[Draw], now: datetime) -> int:
    """Units left within the quantities, once the reservation is closed and so much of it consumed."""
    freed: dict[tuple[str, datetime | None], int] = {}
    for draws, sign in ((reservation.draws, 1), (consumed, -1)):
        for draw in draws:
            key = (draw.line_id, draw.period_start)
            freed[key] = freed.get(key, 0) + sign * draw.units
    left = 0
    for share in shares(lines_of(state), reservation.sku, now):
        line = share.line
        free = freed.get((line.line_id, line.period_start(now)), 0)
        left += max(0, share.quantity - taken(state, line, now) + free)
    return left


def _owed(state: State, draw: Draw) -> int:
    """Of these units, what goes above the quantity that the line had last: as an LFR states it (Q5)."""
    memory = state.lines.get(draw.line_id)
    above = state.consumed(draw.line_id, draw.period_start) + draw.units - (memory.quantity if memory else 0)
    return max(0, min(draw.units, above))


def _product(state: State, reservation_id: str) -> str | None:
    reservation = state.reservations.by_id.get(reservation_id)
    return reservation.sku if reservation else None


def _more_than_reserved(reservation: Reservation, units: int) -> Refusal:
    return Refusal(
        Code.EXHAUSTED,
        f"{units:,} to be settled, {reservation.units:,} are reserved. Nothing was consumed.",
        "Settle what is reserved, and consume the rest as units of their own.",
    )


def _unknown(reservation_id: str) -> Refusal:
    return Refusal(
        Code.UNKNOWN_RESERVATION,
        f"No reservation {reservation_id} is open here: it was settled, cancelled or has expired, or an LFR counted it "
        "in full because the license of its units had ended.",
        "Reserve again.",
    )
