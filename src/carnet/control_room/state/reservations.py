"""Open reservations: units set aside for work whose size is known at its end (G2).

A reservation holds its draws until it is settled, cancelled or over. How much is held of a line is asked at each
decision on units, so it must not cost a look at each reservation: the sums of those that run are kept, together with
the moment for which they are right, and moved on from there. Both are derived, and no part of a snapshot.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from carnet.control_room.ledger.events import Draw
from carnet.times import later

_AFTER_ANY_ID = "~"  # ids are hexadecimal


class Reservation(msgspec.Struct):
    sku: str
    units: int
    draws: list[Draw]  # in the order in which they are settled; a line stands twice where its overage is touched too
    ttl_seconds: int
    expires_at: datetime


class Reservations(msgspec.Struct, dict=True):
    by_id: dict[str, Reservation] = {}

    def __post_init__(self) -> None:
        self._derive()

    def _derive(self) -> None:
        self._ends = sorted((each.expires_at, key) for key, each in self.by_id.items())
        self._over = 0  # so many of `_ends` are not in the sums: they are over
        self._held: dict[tuple[str, datetime | None], int] = {}
        self._open: dict[str, int] = {}  # how many run, by product
        self._count(self.by_id.values(), 1)

    def add(self, reservation_id: str, reservation: Reservation) -> None:
        self.by_id[reservation_id] = reservation
        end = (reservation.expires_at, reservation_id)
        if bisect_left(self._ends, end) < self._over:
            self._over += 1
        else:
            self._count([reservation], 1)
        insort(self._ends, end)

    def remove(self, reservation_id: str) -> Reservation | None:
        reservation = self.by_id.pop(reservation_id, None)
        if reservation is None:
            return None
        place = bisect_left(self._ends, (reservation.expires_at, reservation_id))
        del self._ends[place]
        if place < self._over:
            self._over -= 1
        else:
            self._count([reservation], -1)
        return reservation

    def extend(self, since: datetime, now: datetime) -> None:
        """G6: each that ran at `since` gets one time to live from `now` on."""
        for reservation_id in self.running(since):
            reservation = self.by_id[reservation_id]
            reservation.expires_at = later(now, timedelta(seconds=reservation.ttl_seconds))
        self._derive()

    def find(self, reservation_id: str, now: datetime) -> Reservation | None:
        """The reservation of this id, if it runs. An end is the first moment that is too late."""
        reservation = self.by_id.get(reservation_id)
        return reservation if reservation and now < reservation.expires_at else None

    def held(self, line_id: str, period_start: datetime | None, now: datetime) -> int:
        """Units of the line, in this period, that running reservations hold."""
        self._move_to(now)
        return self._held.get((line_id, period_start), 0)

    def count(self, sku: str, now: datetime) -> int:
        """How many of the product run."""
        self._move_to(now)
        return self._open.get(sku, 0)

    def running(self, now: datetime) -> list[str]:
        """Those that run, the first to end first."""
        return [key for _, key in self._ends[bisect_right(self._ends, (now, _AFTER_ANY_ID)) :]]

    def held_by_line(self, now: datetime) -> dict[str, int]:
        """Units that running reservations hold, by line, in whichever period."""
        self._move_to(now)
        found: dict[str, int] = {}
        for (line_id, _), units in self._held.items():
            found[line_id] = found.get(line_id, 0) + units
        return found

    def of_line(self, line_id: str, now: datetime) -> dict[str, int]:
        """Units of the line, in whichever period, by running reservation. It looks at each: not for a decision on
        units."""
        held = {key: [draw for draw in self.by_id[key].draws if draw.line_id == line_id] for key in self.running(now)}
        return {key: sum(draw.units for draw in draws) for key, draws in held.items() if draws}

    def expired(self, now: datetime, most: int | None = None) -> list[str]:
        """Those that are over and not yet recorded so, the first to end first."""
        return [key for _, key in self._ends[: bisect_right(self._ends, (now, _AFTER_ANY_ID))][:most]]

    def _move_to(self, now: datetime) -> None:
        """Usually nothing ended since, and this is one comparison. Time may also go back (a forecast, T3)."""
        ends, over = self._ends, self._over
        while over < len(ends) and ends[over][0] <= now:
            self._count([self.by_id[ends[over][1]]], -1)
            over += 1
        while over and ends[over - 1][0] > now:
            over -= 1
            self._count([self.by_id[ends[over][1]]], 1)
        self._over = over

    def _count(self, reservations: Iterable[Reservation], sign: int) -> None:
        for reservation in reservations:
            self._open[reservation.sku] = self._open.get(reservation.sku, 0) + sign
            for draw in reservation.draws:
                key = (draw.line_id, draw.period_start)
                left = self._held.get(key, 0) + sign * draw.units
                if left:
                    self._held[key] = left
                else:
                    self._held.pop(key, None)


def merged(draws: Sequence[Draw]) -> list[Draw]:
    """One draw for each line and period, in the order of the first."""
    if len(draws) == 1:
        return list(draws)
    units: dict[tuple[str, datetime | None], int] = {}
    for draw in draws:
        key = (draw.line_id, draw.period_start)
        units[key] = units.get(key, 0) + draw.units
    return [Draw(line_id=line_id, period_start=start, units=count) for (line_id, start), count in units.items()]
