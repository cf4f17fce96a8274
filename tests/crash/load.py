"""Callers that ask a server for changes, one after the other on a connection each, and keep what they were answered.

A caller whose request got no answer asks it again, unchanged, once there is a server again. When something must happen
“after so many answers”, it happens in the very step in which that answer is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

USERS, SEATS, PAGES = "bot-creator", "unattended-bot-runner", "document-pages"
QUANTITIES = {USERS: 10_000_000, SEATS: 40, PAGES: 1_000_000_000, "automator-ai": 1}
DAY = 86_400  # seconds: no lease of this test expires


@dataclass
class Asked:
    """One request: each of its changes has an idempotency key of its own."""

    path: str
    body: dict[str, Any]
    keys: list[str]
    tries: int = 0
    status: int = 0
    answer: Any = None

    @property
    def granted(self) -> dict[str, Any]:
        """What was answered, by key, where a change was granted."""
        if self.status != 200:
            return {}
        if self.path != "batch":
            return {self.keys[0]: self.answer}
        parts = zip(self.keys, self.answer["answers"], strict=True)
        return {key: part["granted"] for key, part in parts if "granted" in part}


@dataclass
class Caller:
    number: int
    random: Random
    count: int = 0
    pending: Asked | None = None
    lease: str | None = None
    reservation: tuple[str, int] | None = None
    users: list[str] = field(default_factory=list)
    checkpoint: str = ""  # the last one seen

    def next(self) -> Asked:
        if self.pending is None:
            self.pending = self._new()
        self.pending.tries += 1
        return self.pending

    def _new(self) -> Asked:
        choices = [self._consume, self._consume, self._assign, self._batch]
        choices += [self._renew, self._release] if self.lease else [self._acquire, self._acquire]
        choices += [self._settle, self._settle, self._cancel] if self.reservation else [self._reserve, self._reserve]
        choices += [self._unassign] if self.users else []
        return self.random.choice(choices)()

    def _key(self) -> str:
        self.count += 1
        return f"{self.number}-{self.count}"

    def _one(self, path: str, **body: Any) -> Asked:
        return Asked(path, body, [self._key()])

    def _consume(self) -> Asked:
        return self._one("units/consume", sku=PAGES, units=self.random.randint(1, 9))

    def _acquire(self) -> Asked:
        return self._one("seats/acquire", sku=SEATS, holder=f"bot-{self.number}-{self.count}", ttl_seconds=DAY)

    def _renew(self) -> Asked:
        return self._one("seats/renew", lease_id=self.lease)

    def _release(self) -> Asked:
        return self._one("seats/release", lease_id=self.lease)

    def _reserve(self) -> Asked:
        return self._one("units/reserve", sku=PAGES, units=self.random.randint(1, 9), ttl_seconds=DAY)

    def _settle(self) -> Asked:
        assert self.reservation
        reservation, units = self.reservation
        return self._one("units/settle", reservation_id=reservation, units=self.random.randint(0, units))

    def _cancel(self) -> Asked:
        assert self.reservation
        return self._one("units/cancel", reservation_id=self.reservation[0])

    def _assign(self) -> Asked:
        return self._one("users/assign", sku=USERS, user=f"user-{self.number}-{self.count}")

    def _unassign(self) -> Asked:
        return self._one("users/unassign", sku=USERS, user=self.users[0])

    def _batch(self) -> Asked:
        """Several changes in one request: they are done together, or not at all."""
        parts = [self.random.choice([self._consume, self._assign])() for _ in range(self.random.randint(2, 12))]
        commands = [{"do": part.path, "key": part.keys[0], **part.body} for part in parts]
        return Asked("batch", {"commands": commands}, [part.keys[0] for part in parts])

    def answered(self, status: int, answer: Any) -> Asked:
        asked = self.pending
        assert asked
        self.pending, asked.status, asked.answer = None, status, answer
        if status == 200:
            self._learn(asked)
        return asked

    def _learn(self, asked: Asked) -> None:
        match asked.path:
            case "seats/acquire":
                self.lease = asked.answer["lease_id"]
            case "seats/release":
                self.lease = None
            case "units/reserve":
                self.reservation = asked.answer["reservation_id"], asked.answer["units"]
            case "units/settle" | "units/cancel":
                self.reservation = None
            case "users/assign":
                self.users.append(asked.answer["user"])
            case "users/unassign":
                self.users.remove(asked.answer["user"])


@dataclass
class Load:
    """`tick` hears of each request sent and of each answer read."""

    port: int
    key: str
    tick: Callable[[str], None]
    answered: list[Asked] = field(default_factory=list)
    sent: int = 0
    going: Callable[[Caller], bool] = lambda caller: True  # whether a caller asks once more

    async def run(self, callers: list[Caller]) -> None:
        await asyncio.gather(*(self._call(caller) for caller in callers))

    async def _call(self, caller: Caller) -> None:
        """Until the server is gone."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return
        try:
            while self.going(caller):
                writer.write(self._request(caller, caller.next()))
                self.sent += 1
                self.tick("sent")
                await self._reply(caller, reader)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def _reply(self, caller: Caller, reader: asyncio.StreamReader) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = dict(text.lower().split(": ", 1) for text in head.split("\r\n")[1:] if text)
        body = await reader.readexactly(int(headers["content-length"]))
        caller.checkpoint = headers.get("carnet-checkpoint", caller.checkpoint)
        await self._take(caller, int(head.split(" ", 2)[1]), headers, msgspec.json.decode(body))

    async def _take(self, caller: Caller, status: int, headers: dict[str, str], answer: Any) -> None:
        self.answered.append(caller.answered(status, answer))
        self.tick("answered")

    def _request(self, caller: Caller, asked: Asked) -> bytes:
        body = msgspec.json.encode(asked.body)
        lines = [f"POST /api/v1/{asked.path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.key}"]
        lines += [f"Content-Length: {len(body)}"]
        lines += [f"Idempotency-Key: {asked.keys[0]}"] if asked.path != "batch" else []
        lines += [f"Carnet-Checkpoint: {caller.checkpoint}"] if caller.checkpoint else []
        return "\r\n".join([*lines, "", ""]).encode() + body
