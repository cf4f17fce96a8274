"""A random life of a licensed Control Room, and beside it the plainest account of it that there can be: lists of what
was granted, looked through whole at each question. What the engine keeps by counting must say the same.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

import hypothesis.strategies as st

from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.entitlements import Line
from carnet.exchange.verdicts import Refusal
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor

USER, SEAT, PAGES, FEATURE = "bot-creator", "unattended-bot-runner", "document-pages", "automator-ai"
TTL = 86_400
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["assign", "unassign", "acquire", "renew", "release", "consume", "wait", "reopen"]),
        st.integers(0, 8),
    ),
    max_size=50,
)


class Held(NamedTuple):
    sku: str
    holder: str
    lease_id: str | None
    since: datetime
    expires_at: datetime | None


class Walk:
    def __init__(self, lines: list[Line]) -> None:
        vendor = Vendor()
        self.room = Room(vendor.trust)
        self.room.enable(vendor.token(MONDAY))
        self.room.install(vendor.olf(self.room.request(), lines, MONDAY))
        self.held: list[Held] = []  # the earliest first
        self.refused: Counter[str] = Counter()
        self.consumed: Counter[int] = Counter()  # by day
        self.peaks: dict[tuple[str, int], int] = {}  # seen, by product and day

    def take(self, acts: list[tuple[str, int]]) -> Walk:
        for act, number in acts:
            getattr(self, act)(number)
            self._note()
        return self

    def holders(self, sku: str) -> list[Held]:
        """The earliest first."""
        return [each for each in self.held if each.sku == sku and not self._is_over(each)]

    def _is_over(self, each: Held) -> bool:
        return each.expires_at is not None and each.expires_at <= self.room.now

    def assign(self, number: int) -> None:
        name, now = f"User {number}", self.room.now
        if self._do(AssignUser(USER, name)) and name not in [each.holder for each in self.holders(USER)]:
            self.held.append(Held(USER, name, None, now, None))

    def unassign(self, number: int) -> None:
        self._do(UnassignUser(USER, f"User {number}"))
        self.held = [each for each in self.held if (each.sku, each.holder) != (USER, f"User {number}")]

    def acquire(self, number: int) -> None:
        now, answer = self.room.now, self._do(AcquireSeat(SEAT, f"bot-{number}", TTL))
        if answer:
            self.held.append(Held(SEAT, f"bot-{number}", answer.lease_id, now, answer.expires_at))

    def renew(self, number: int) -> None:
        running = self.holders(SEAT)
        if running:
            one = running[number % len(running)]
            answer = self._do(RenewSeat(str(one.lease_id)))
            if answer:
                self.held[self.held.index(one)] = one._replace(expires_at=answer.expires_at)

    def release(self, number: int) -> None:
        running = self.holders(SEAT)
        if running:
            one = running[number % len(running)]
            self._do(ReleaseSeat(str(one.lease_id)))
            self.held.remove(one)

    def consume(self, number: int) -> None:
        answer = self._do(ConsumeUnits(PAGES, 5 * number + 1))
        self.consumed[self.room.now.toordinal()] += answer.units if answer else 0

    def wait(self, number: int) -> None:
        for _ in range(number):  # each step is written down, as a sweep does
            self.room.wait(hours=5)
            self.room.engine.execute_all([], self.room.reading)
            self._note()

    def reopen(self, number: int) -> None:
        """With a snapshot at times, so that what is not in it is made again."""
        if number % 2:
            self.room.engine.keep_snapshot(every=1)
        self.room.reopen()

    def _do(self, command: Any) -> Any:
        answer = self.room.do(command)
        if isinstance(answer, Refusal):
            self.refused[getattr(command, "sku", SEAT)] += 1
            return None
        return answer

    def _note(self) -> None:
        for sku in (USER, SEAT):
            key = sku, self.room.now.toordinal()
            self.peaks[key] = max(self.peaks.get(key, 0), len(self.holders(sku)))

    def days(self, count: int) -> range:
        today = self.room.now.toordinal()
        return range(today - count + 1, today + 1)
