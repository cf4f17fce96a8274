"""Holding a seat, without input or output: when to renew it, and whether it is still held.

A lease is known to run until its time to live after its request was *first sent*: whatever the server's clock says,
it cannot have begun earlier. Until then the seat is held, also while the server cannot be reached.
"""

from collections.abc import Callable, Iterator

from carnet.sdk import calls
from carnet.sdk._answers import Seat
from carnet.sdk._faults import SeatLost
from carnet.sdk._refusals import MAY_PASS
from carnet.sdk.calls import Call


class Hold:
    """The state of one held seat. `every`: seconds between renewals, a third of the time to live by default."""

    def __init__(self, asked: Call[Seat], random: Callable[[], float], every: float | None = None) -> None:
        self.asked = asked
        self.ttl = float(asked.fields["ttl_seconds"])
        self.every = self.ttl / 3 if every is None else every
        self._random = random
        self._first: tuple[str | None, float] = (None, 0.0)  # the key with which it was asked for, and when
        self.seat: Seat | None = None
        self.ends = 0.0
        self.cause: Exception | None = None  # why it was lost
        self.ended = False

    @property
    def answer(self) -> Seat:
        """The newest answer about the seat."""
        assert self.seat, "it is a context: with client.seat(...) as seat"
        return self.seat

    def begin(self) -> Iterator[Call[Seat]]:
        """The calls that take the seat. With a key of the caller's own the lease may be an old one: it is renewed at
        once.

        Raises:
            RuntimeError: The seat was taken before.
        """
        if self.seat:
            raise RuntimeError("A seat is taken once: call client.seat again.")
        yield self.asked
        if self.asked.key and not self.answer.local:
            yield calls.renew(self.answer.lease_id)

    def returning(self, now: float) -> Call[Seat] | None:
        """The call that gives the seat back; None where nothing is held of the server."""
        gone = self.seat is None or self.seat.local or self.is_lost(now)
        return None if gone else calls.release(self.answer.lease_id)

    def taken(self, seat: Seat, begun: float, key: str | None) -> None:
        """Note an answer: the seat was acquired or renewed by a call that began at `begun`, with this key."""
        if self.seat is None or self.seat.local:
            first_key, first_begun = self._first
            if key != first_key:
                self._first = (key, begun)
            elif not seat.local:
                begun = first_begun  # the server may have granted it when it was asked for first
        self.seat, self.ends = seat, begun + self.ttl

    def renewal(self, now: float) -> Call[Seat]:
        """The call that goes on holding the seat. A seat that the server did not grant is acquired again.

        That is done with its first key while the lease of it may still run: if the server did grant it, the answer is
        that lease.
        """
        if not self.answer.local:
            return calls.renew(self.answer.lease_id)
        key, begun = self._first
        again = key if now < begun + self.ttl else None
        asked = self.asked.fields
        return calls.acquire(asked["sku"], asked["holder"], int(self.ttl), resume=asked["resume"], key=again)

    @property
    def until(self) -> float:
        """After this moment there is no sense in trying to renew."""
        return float("inf") if self.answer.local else self.ends

    def pause(self, now: float) -> float:
        """Seconds until the next renewal: different for each bot, and never beyond the end of the lease."""
        wished = self.every * (0.9 + 0.2 * self._random())
        return max(0.0, min(wished, self.ends - now))

    def failed(self, error: Exception, now: float) -> bool:
        """Note a renewal that failed. Returns True when the seat is lost."""
        passing = isinstance(error, MAY_PASS) and not self.answer.local
        if not passing or now >= self.ends:
            self.cause, self.ended = error, True
        return self.ended

    def is_lost(self, now: float) -> bool:
        """True when a renewal was refused, or the lease has ended."""
        return self.ended or now >= self.ends

    def lost(self) -> SeatLost:
        """The error that says why the seat is no longer held."""
        why = f": {self.cause}" if self.cause else ": it was not renewed in time."
        error = SeatLost(
            f"The seat of {self.answer.holder} is no longer held{why}", "Stop the work, or take a new seat."
        )
        error.__cause__ = self.cause
        return error
