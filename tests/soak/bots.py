"""Bots that use the SDK as a product does, each in a thread of its own, and keep books of what they were told.

Every change has an idempotency key. One whose outcome is unknown is asked again with the same key, once there is a
server, until it is known.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from carnet.sdk import (
    Busy,
    Client,
    Exhausted,
    Refused,
    ServerFault,
    StorageFailed,
    Unreachable,
    calls,
)
from carnet.sdk.calls import Call

USERS, SEATS, PAGES = "bot-creator", "unattended-bot-runner", "document-pages"
DAY = 86_400  # seconds: nothing expires while the soak runs
MANY = 20  # users, seats or reservations that one bot keeps at the most
UNKNOWN = (Unreachable, ServerFault, Busy, StorageFailed)


@dataclass
class Books:
    """What was acknowledged."""

    consumed: int = 0
    seats: dict[str, str] = field(default_factory=dict)  # lease: holder
    users: set[str] = field(default_factory=set)
    reserved: dict[str, int] = field(default_factory=dict)  # reservation: units
    counts: Counter[str] = field(default_factory=Counter)

    def write(self, call: Call[Any], answer: Any) -> None:
        self.counts[call.name] += 1
        match call.name:
            case "units/consume":
                self.consumed += answer.units
            case "seats/acquire":
                assert answer.lease_id not in self.seats, "one lease twice"
                self.seats[answer.lease_id] = answer.holder
            case "seats/renew":
                assert answer.lease_id in self.seats
            case "seats/release":
                del self.seats[answer.lease_id]
            case "users/assign":
                self.users.add(answer.user)
            case "users/unassign":
                self.users.remove(answer.user)
            case "units/reserve":
                self.reserved[answer.reservation_id] = answer.units
            case "units/settle":
                assert answer.units <= self.reserved.pop(call.fields["reservation_id"])
                self.consumed += answer.units
            case "units/cancel":
                del self.reserved[call.fields["reservation_id"]]

    def add(self, other: Books) -> None:
        assert not self.seats.keys() & other.seats.keys(), "one lease, two bots"
        self.consumed += other.consumed
        self.seats |= other.seats
        self.users |= other.users
        self.reserved |= other.reserved
        self.counts += other.counts


class Bot(threading.Thread):
    """`up`: set while there is a server to ask. `tick`: called at each answer. `ending`: nothing new is begun."""

    def __init__(
        self, number: int, url: str, key: str, seed: str, up: threading.Event, tick: Callable[[], None]
    ) -> None:
        super().__init__(name=f"bot-{number}")
        self._number, self._random, self._up = number, Random(f"{seed}/{number}"), up
        self._tick = tick
        self._client = Client(url, key, timeout=5, retries=1)
        self._count = 0
        self.ending = threading.Event()
        self.books = Books()
        self.failed: BaseException | None = None

    def run(self) -> None:
        try:
            with self._client:
                while not self.ending.is_set():
                    self._carry(self._random.choice(self._choices())())
                    self._tick()
        except BaseException as error:
            self.failed = error

    def _carry(self, commands: list[Call[Any]]) -> None:
        """One change, or several in one request: asked until it is known what became of them."""
        asked = commands[0] if len(commands) == 1 else calls.batch(commands, self._key)
        unknown = 0
        while True:
            try:
                answer = self._client.ask(asked)
            except UNKNOWN:
                unknown += 1
                self.books.counts["no answer"] += 1
                assert self._up.wait(60), "there is no server for a minute"
            except Exhausted:
                self.books.counts["exhausted"] += 1
                return
            else:
                break
        self.books.counts["answered when asked again"] += bool(unknown)
        for command, one in zip(commands, answer if isinstance(answer, list) else [answer], strict=True):
            if isinstance(one, Refused):
                raise one
            self.books.write(command, one)

    def _choices(self) -> list[Callable[[], list[Call[Any]]]]:
        books = self.books
        found = [self._consume, self._consume, self._batch]
        found += [self._acquire, self._acquire] if len(books.seats) < MANY else []
        found += [self._renew, self._release] if books.seats else []
        found += [self._reserve, self._reserve] if len(books.reserved) < MANY else []
        found += [self._settle, self._cancel] if books.reserved else []
        found += [self._assign, self._assign] if len(books.users) < MANY else []
        found += [self._unassign] if books.users else []
        return found

    def _key(self) -> str:
        self._count += 1
        return f"{self._number}-{self._count}"

    def _one(self, kind: Callable[..., Call[Any]], *words: Any) -> list[Call[Any]]:
        return [kind(*words, key=self._key())]

    def _any(self, of: Any) -> Any:
        return self._random.choice(sorted(of))

    def _units(self) -> int:
        return self._random.randint(1, 9)

    def _consume(self) -> list[Call[Any]]:
        return self._one(calls.consume, PAGES, self._units())

    def _batch(self) -> list[Call[Any]]:
        return [each for _ in range(self._random.randint(2, 8)) for each in self._consume()]

    def _acquire(self) -> list[Call[Any]]:
        return self._one(calls.acquire, SEATS, f"bot-{self._number}-{self._count}", DAY)

    def _renew(self) -> list[Call[Any]]:
        return self._one(calls.renew, self._any(self.books.seats))

    def _release(self) -> list[Call[Any]]:
        return self._one(calls.release, self._any(self.books.seats))

    def _reserve(self) -> list[Call[Any]]:
        return self._one(calls.reserve, PAGES, self._units(), DAY)

    def _settle(self) -> list[Call[Any]]:
        reservation = self._any(self.books.reserved)
        return self._one(calls.settle, reservation, self._random.randint(0, self.books.reserved[reservation]))

    def _cancel(self) -> list[Call[Any]]:
        return self._one(calls.cancel, self._any(self.books.reserved))

    def _assign(self) -> list[Call[Any]]:
        return self._one(calls.assign, USERS, f"user-{self._number}-{self._count}")

    def _unassign(self) -> list[Call[Any]]:
        return self._one(calls.unassign, USERS, self._any(self.books.users))
