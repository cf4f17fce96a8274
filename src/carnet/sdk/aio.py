"""The client for asyncio: the twin of `client`; what both do is in `core`."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import httpx

from carnet.sdk import address, calls, clock
from carnet.sdk.answers import (
    Feature,
    Reservation,
    Seat,
    Status,
    Units,
    Usage,
    User,
)
from carnet.sdk.base import BaseClient, BaseReserved, BaseSeat
from carnet.sdk.calls import TTL, Call
from carnet.sdk.core import Reply, Request, Wait
from carnet.sdk.faults import SdkError, SeatLost
from carnet.sdk.holding import Hold
from carnet.sdk.unreachable import settled_here

T = TypeVar("T")
OnLost = Callable[[SeatLost], object]
Answered = tuple[T, float, str | None]  # the answer, when its call began, and the call's key


class AsyncClient(BaseClient):
    """For one event loop. Its options are those of `BaseClient`."""

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    # --- seats --------------------------------------------------------------------------------------------------

    def seat(
        self,
        sku: str,
        holder: str,
        *,
        ttl: int = TTL,
        renew_every: float | None = None,
        on_lost: OnLost | None = None,
        key: str | None = None,
    ) -> "AsyncHeldSeat":
        """A seat for the length of a `with`: renewed in the background, given back at the end.

        `on_lost` is called, in the event loop, with why it is held no more.
        """
        asked = calls.acquire(sku, holder, ttl, key=key)
        return AsyncHeldSeat(self, Hold(asked, self._core.random, renew_every), on_lost)

    async def acquire(self, sku: str, holder: str, *, ttl: int = TTL, key: str | None = None) -> Seat:
        return await self.ask(calls.acquire(sku, holder, ttl, key=key))

    async def renew(self, lease_id: str, *, key: str | None = None) -> Seat:
        return await self.ask(calls.renew(lease_id, key=key))

    async def release(self, lease_id: str, *, key: str | None = None) -> Seat:
        return await self.ask(calls.release(lease_id, key=key))

    # --- units --------------------------------------------------------------------------------------------------

    async def consume(self, sku: str, units: int, *, key: str | None = None) -> Units:
        return await self.ask(calls.consume(sku, units, key=key))

    def reserve(self, sku: str, units: int, *, ttl: int = TTL, key: str | None = None) -> "AsyncReserved":
        """Units set aside for the length of a `with`: settled within it, or given back at its end."""
        return AsyncReserved(self, calls.reserve(sku, units, ttl, key=key))

    async def settle(self, reservation_id: str, units: int, *, key: str | None = None) -> Units:
        return await self.ask(calls.settle(reservation_id, units, key=key))

    async def cancel(self, reservation_id: str, *, key: str | None = None) -> Reservation:
        return await self.ask(calls.cancel(reservation_id, key=key))

    # --- users and features -------------------------------------------------------------------------------------

    async def assign(self, sku: str, user: str, *, key: str | None = None) -> User:
        return await self.ask(calls.assign(sku, user, key=key))

    async def unassign(self, sku: str, user: str, *, key: str | None = None) -> User:
        return await self.ask(calls.unassign(sku, user, key=key))

    async def check_user(self, sku: str, user: str) -> User:
        """Raises NotGranted where the user is not assigned."""
        return await self.ask(calls.check_user(sku, user))

    async def has_feature(self, sku: str) -> bool:
        """Whether it is granted now. A refusal for another reason than that it is not is raised."""
        try:
            return (await self.ask(calls.check_feature(sku))).granted
        except calls.NOT_HAD:
            return False

    async def check_feature(self, sku: str) -> Feature:
        return await self.ask(calls.check_feature(sku))

    # --- all else -----------------------------------------------------------------------------------------------

    async def batch(self, commands: Sequence[Call[Any]]) -> list[Any]:
        """Up to 100 changes, made with `carnet.sdk.calls`, in one transaction. Refusals are returned, not raised."""
        return await self.ask(calls.batch(commands, self._core.new_key))

    async def status(self) -> Status:
        return await self.ask(calls.status())

    async def usage(self) -> Usage:
        """All holders, asked for page after page."""
        page = await self.ask(calls.usage())
        holders = list(page.holders)
        while page.next:
            page = await self.ask(calls.usage(page.next))
            holders += page.holders
        return replace(page, holders=holders)

    async def ask(self, call: Call[T], *, until: float = float("inf")) -> T:
        """Ask anything of `carnet.sdk.calls`. No try begins after `until`, by this machine's monotonic clock."""
        return (await self.carry(call, until))[0]

    # --- carrying -----------------------------------------------------------------------------------------------

    async def carry(self, call: Call[T], until: float = float("inf")) -> Answered[T]:
        """The answer, with when its call began and its key."""
        attempt = self._core.begin(call, clock.now(), until)
        while True:
            request = attempt.request(clock.now())
            try:
                reply = await self._send(request)
            except httpx.HTTPError as error:
                sentence, sent = address.reason(error)
                step = attempt.failed(sentence, clock.now(), sent=sent)
            else:
                step = attempt.answered(reply, clock.now())
            if not isinstance(step, Wait):
                return step.answer, attempt.begun, attempt.call.key
            await asyncio.sleep(step.seconds)

    async def _send(self, request: Request) -> Reply:
        if os.getpid() != self._pid:  # forked: the parent's connections are the parent's
            self._open()
        answer = await self._http.request(
            request.method,
            request.path,
            content=request.body,
            headers=dict(request.headers),
            timeout=request.timeout,
        )
        return Reply(answer.status_code, answer.headers, answer.content)

    def _open(self) -> None:
        self._http, self._pid = httpx.AsyncClient(**self._options), os.getpid()


class AsyncHeldSeat(BaseSeat):
    """It is renewed by a task of the same event loop."""

    def __init__(self, client: AsyncClient, hold: Hold, on_lost: OnLost | None) -> None:
        super().__init__(hold)
        self._client, self._on_lost = client, on_lost
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "AsyncHeldSeat":
        for call in self._hold.begin():
            self._hold.taken(*await self._client.carry(call))
        self._pid = os.getpid()
        self._task = asyncio.create_task(self._keep(), name="carnet-seat")
        return self

    async def __aexit__(self, *_: object) -> None:
        if os.getpid() != self._pid:
            return  # forked: the seat is the parent's
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        now = clock.now()
        returning = self._hold.returning(now)
        if returning:
            with suppress(SdkError):  # its lease ends by itself
                await self._client.ask(returning, until=min(self._hold.ends, now + self._client.timeout))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._hold.pause(clock.now()))
            try:
                answered = await self._client.carry(self._hold.renewal(clock.now()), self._hold.until)
            except Exception as error:  # whatever it was, the seat is not known to be renewed
                if self._hold.failed(error, clock.now()):
                    break
            else:
                self._hold.taken(*answered)
        if self._on_lost:
            asyncio.get_running_loop().call_soon(self._on_lost, self._hold.lost())


class AsyncReserved(BaseReserved):
    """At its end given back, where it was not tried to settle it."""

    def __init__(self, client: AsyncClient, call: Call[Reservation]) -> None:
        super().__init__()
        self._client, self._call = client, call

    async def settle(self, units: int, *, key: str | None = None) -> Units:
        """Consume so many of them; the rest returns. Where that fails or is refused, nothing is given back: what was
        used is not lost. Settle again, with the error's key or with fewer units, while the reservation runs."""
        self._tried = True
        if self.answer.local:
            return settled_here(self.answer, units)
        return await self._client.settle(self.answer.reservation_id, units, key=key)

    async def __aenter__(self) -> "AsyncReserved":
        self._answer = await self._client.ask(self._call)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._tried or self.answer.local:
            return
        with suppress(SdkError):  # it ends by itself
            await self._client.cancel(self.answer.reservation_id)
