"""The client for asyncio: the twin of `client`; what both do is in `core`."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import httpx

from carnet.sdk import _address, _clock, calls
from carnet.sdk._answers import (
    Feature,
    Reservation,
    Seat,
    Status,
    Units,
    Usage,
    User,
)
from carnet.sdk._base import BaseClient, BaseReserved, BaseSeat
from carnet.sdk._core import Reply, Request, Wait
from carnet.sdk._faults import SdkError, SeatLost
from carnet.sdk._holding import Hold
from carnet.sdk._refusals import NOT_HAD
from carnet.sdk._unreachable import settled_here
from carnet.sdk.calls import TTL, Call

T = TypeVar("T")
OnLost = Callable[[SeatLost], object]
Answered = tuple[T, float, str | None]  # the answer, when its call began, and the call's key
Carry = Callable[[Call[Seat], float], Awaitable[Answered[Seat]]]


class AsyncClient(BaseClient):
    """The client for asyncio: one object serves any number of tasks of one event loop.

    Use it as a context, or await `close`. The options are those of `BaseClient`.

    Each call that changes something carries an idempotency key: a new one, or yours (`key`, 1 to 64 printable ASCII
    characters). The key is the same at each try, so that nothing is done twice (rule G5).

    Besides what it names itself, each call raises:

    Raises:
        Unreachable: No answer came, after all tries.
        ServerFault: The server failed, or it is not a Control Room.
        Unauthenticated, NotPermitted: The API key is not in force, or it does not permit this call or this product.
        RolledBack: The ledger is not the one that answered before.
        Busy, ClockFarAhead, StorageFailed: The server could not do it, also after all tries.
        Malformed: A value is out of its bounds, e.g. an empty `holder`.
        IdempotencyConflict: The `key` was used with another request.
        ValueError: The `key` has the wrong form.

    Example:
        ```python
        async with AsyncClient("https://control-room:8650", api_key, retries=5) as client:
            if await client.has_feature("automator-ai"):
                await client.consume("document-pages", 12)
        ```
    """

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the connections. Leaving the `with` does the same."""
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
        resume: bool = True,
        key: str | None = None,
    ) -> "AsyncHeldSeat":
        """A seat for the length of a `with`: it is renewed in the background and given back at the end.

        Nothing is asked before the `with` begins. Once in it, call `AsyncHeldSeat.check` before each piece of work.

        Args:
            sku: The product.
            holder: Who works with the seat, 1 to 200 printable characters. It stands in the ledger.
            ttl: How long the lease lives without a renewal: 5 to 86,400 seconds.
            renew_every: Seconds between two renewals; a third of `ttl` by default.
            on_lost: Called once with the `SeatLost`, when the seat is no longer held. It is called in the event
                loop.
            resume: A holder that has a seat already gets that one back, and no second one: a program that crashed
                and starts again under its name. False: a seat for each call, also of one holder.
            key: The idempotency key of taking it.

        Raises:
            Exhausted: All seats are in use.
            NotGranted: The license grants no seats of this product now.
            Locked, Expired, Released, NotLicensed: The site does not grant anything new now.
            RuntimeError: The same object is used for a second `with`.

        Example:
            ```python
            async with client.seat("unattended-bot-runner", holder="bot-17", ttl=120) as seat:
                for page in pages:
                    seat.check()
                    work_on(page)
            ```
        """
        asked = calls.acquire(sku, holder, ttl, resume=resume, key=key)
        return AsyncHeldSeat(self._carry, self.timeout, Hold(asked, self._core.random, renew_every), on_lost)

    async def acquire(
        self, sku: str, holder: str, *, ttl: int = TTL, resume: bool = True, key: str | None = None
    ) -> Seat:
        """Take a seat by hand: a lease of `ttl` seconds (5 to 86,400). Renew it in time, then release it. A holder that
        has one gets it back, unless `resume` is False.

        Raises:
            Exhausted: All seats are in use.
            NotGranted: The license grants no seats of this product now.
            Locked, Expired, Released, NotLicensed: The site does not grant anything new now.
        """
        return await self.ask(calls.acquire(sku, holder, ttl, resume=resume, key=key))

    async def renew(self, lease_id: str, *, key: str | None = None) -> Seat:
        """Give a lease its whole time to live again, from now on. A locked site renews too (rule E8).

        Raises:
            UnknownLease: The lease was given back, or it has expired.
            NotCovered: Fewer seats are licensed than before, and others took theirs earlier (rule Q4).
            NotGranted, Locked, Expired, Released, NotLicensed: Nothing of this product is granted any more.
        """
        return await self.ask(calls.renew(lease_id, key=key))

    async def release(self, lease_id: str, *, key: str | None = None) -> Seat:
        """Give a seat back. Every site takes it back, also a locked one; `expires_at` of the answer is None.

        Raises:
            UnknownLease: The lease was given back, or it has expired.
        """
        return await self.ask(calls.release(lease_id, key=key))

    # --- units --------------------------------------------------------------------------------------------------

    async def consume(self, sku: str, units: int, *, key: str | None = None) -> Units:
        """Consume `units` of a product (1 or more): all of them or none (rule G2).

        Raises:
            Exhausted: Fewer are left; the message says how many.
            NotGranted: The license grants no units of this product now.
            Locked, Expired, Released, NotLicensed: The site does not grant anything new now.
        """
        return await self.ask(calls.consume(sku, units, key=key))

    def reserve(self, sku: str, units: int, *, ttl: int = TTL, key: str | None = None) -> "AsyncReserved":
        """Set `units` aside for the length of a `with`: settle within it, else all are given back at its end.

        It is for work whose size is known at its end (rule G2). The reservation ends by itself after `ttl` seconds (5
        to 86,400).

        Raises:
            Exhausted: Fewer are left.
            NotGranted: The license grants no units of this product now.
            Locked, Expired, Released, NotLicensed: The site does not grant anything new now.

        Example:
            ```python
            async with client.reserve("document-pages", 20) as work:
                used = scan()
                await work.settle(used)
            ```
        """
        return AsyncReserved(self, calls.reserve(sku, units, ttl, key=key))

    async def settle(self, reservation_id: str, units: int, *, key: str | None = None) -> Units:
        """Consume `units` of a reservation (0 up to what is reserved); the rest returns. `AsyncReserved.settle` does it
        for you.

        Raises:
            UnknownReservation: It was settled or cancelled, or it has expired.
            Exhausted: More than is reserved. Settle what is reserved, and consume the rest by itself.
            Released: The site was released; that settled all reservations in full.
        """
        return await self.ask(calls.settle(reservation_id, units, key=key))

    async def cancel(self, reservation_id: str, *, key: str | None = None) -> Reservation:
        """Give a whole reservation back.

        Raises:
            UnknownReservation: It was settled or cancelled, or it has expired.
        """
        return await self.ask(calls.cancel(reservation_id, key=key))

    # --- users and features -------------------------------------------------------------------------------------

    async def assign(self, sku: str, user: str, *, even_so: bool = False, key: str | None = None) -> User:
        """Assign a license of a product to a named user (1 to 200 printable characters). Twice is the same as once.

        Raises:
            Exhausted: All licenses are assigned.
            LikelyTwin: Somebody who is assigned already is likely the same person, under another name (rule G2).
            NotGranted: The license grants no users of this product now.
            Locked, Expired, Released, NotLicensed: The site does not grant anything new now.
        """
        return await self.ask(calls.assign(sku, user, even_so=even_so, key=key))

    async def unassign(self, sku: str, user: str, *, key: str | None = None) -> User:
        """Take the license of a user back: it is free at once. Every site takes it back. To do it twice is not an
        error.
        """
        return await self.ask(calls.unassign(sku, user, key=key))

    async def check_user(self, sku: str, user: str) -> User:
        """Check that a user may work now. A locked site checks too (rule E8).

        Raises:
            NotGranted: The user is not assigned, or the license grants nothing of the product now.
            NotCovered: Fewer users are licensed than before, and others were assigned earlier (rule Q4).
            Released, NotLicensed: The site has no license.
        """
        return await self.ask(calls.check_user(sku, user))

    async def has_feature(self, sku: str) -> bool:
        """True when the feature is granted now; False when the license has ended or does not grant it.

        It never raises NotGranted, NotLicensed, Expired or Released: these are False. All else is raised, as for each
        call.
        """
        try:
            return (await self.ask(calls.check_feature(sku))).granted
        except NOT_HAD:
            return False

    async def check_feature(self, sku: str) -> Feature:
        """Check that a feature is granted now, and until when.

        Raises:
            NotGranted: The license does not grant it now.
            Released, NotLicensed: The site has no license.
        """
        return await self.ask(calls.check_feature(sku))

    # --- all else -----------------------------------------------------------------------------------------------

    async def batch(self, commands: Sequence[Call[Any]]) -> list[Any]:
        """Make 1 to 100 changes, made with `carnet.sdk.calls`, in one transaction.

        The answers are in the order of `commands`. The refusal of one command is returned in its place as a `Refused`,
        and does not undo the others.

        Raises:
            ValueError: There are no commands or too many, or one of them only asks (checks, status, usage).

        Example:
            ```python
            seat, units = await client.batch([
                calls.acquire("unattended-bot-runner", "bot-17"),
                calls.consume("document-pages", 12),
            ])
            if isinstance(units, Refused):
                print(units)
            ```
        """
        return await self.ask(calls.batch(commands, self._core.new_key))

    async def status(self) -> Status:
        """The state of the site, its banner, and what is licensed and used. The API key needs the permission `read`."""
        return await self.ask(calls.status())

    async def usage(self) -> Usage:
        """Who holds what, and what was consumed. The API key needs the permission `read`.

        It asks for one page of 1,000 holders after the other, and gives all of them in one answer.
        """
        page = await self.ask(calls.usage())
        holders = list(page.holders)
        while page.next:
            page = await self.ask(calls.usage(page.next))
            holders += page.holders
        return replace(page, holders=holders)

    async def ask(self, call: Call[T]) -> T:
        """Ask one thing, made with `carnet.sdk.calls`. The other methods are short forms of this one.

        Example:
            ```python
            call = calls.consume("document-pages", 12, key=order.id)
            units = await client.ask(call)
            ```
        """
        return (await self._carry(call))[0]

    # --- carrying -----------------------------------------------------------------------------------------------

    async def _carry(self, call: Call[T], until: float = float("inf")) -> Answered[T]:
        """The answer, with when its call began and its key."""
        attempt = self._core.begin(call, _clock.now(), until)
        while True:
            request = attempt.request(_clock.now())
            try:
                reply = await self._send(request)
            except httpx.HTTPError as error:
                sentence, sent = _address.reason(error)
                step = attempt.failed(sentence, _clock.now(), sent=sent)
            else:
                step = attempt.answered(reply, _clock.now())
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
    """A seat that is held for the length of a `with`. `AsyncClient.seat` makes it.

    A task of the same event loop renews it. After a fork the seat stays with the parent.
    """

    def __init__(self, carry: Carry, patience: float, hold: Hold, on_lost: OnLost | None) -> None:
        super().__init__(hold)
        self._carry, self._patience, self._on_lost = carry, patience, on_lost
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "AsyncHeldSeat":
        for call in self._hold.begin():
            self._hold.taken(*await self._carry(call, float("inf")))
        self._pid = os.getpid()
        self._task = asyncio.create_task(self._keep(), name="carnet-seat")
        return self

    async def __aexit__(self, *_: object) -> None:
        if os.getpid() != self._pid:
            return  # forked: the seat is the parent's
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task])
        now = _clock.now()
        returning = self._hold.returning(now)
        if returning:
            with suppress(SdkError):  # its lease ends by itself
                await self._carry(returning, min(self._hold.ends, now + self._patience))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._hold.pause(_clock.now()))
            try:
                answered = await self._carry(self._hold.renewal(_clock.now()), self._hold.until)
            except Exception as error:  # whatever it was, the seat is not known to be renewed
                if self._hold.failed(error, _clock.now()):
                    break
            else:
                self._hold.taken(*answered)
        if self._on_lost:
            asyncio.get_running_loop().call_soon(self._on_lost, self._hold.lost())


class AsyncReserved(BaseReserved):
    """Units that are reserved for the length of a `with`. `AsyncClient.reserve` makes it.

    At its end they are given back, unless it was tried to settle them.
    """

    def __init__(self, client: AsyncClient, call: Call[Reservation]) -> None:
        super().__init__()
        self._client, self._call = client, call

    async def settle(self, units: int, *, key: str | None = None) -> Units:
        """Consume `units` of them (0 up to what is reserved); the rest returns.

        When this fails or is refused, nothing is given back: the work was done. Settle again while the reservation
        runs, with the error's `key` or with fewer units.

        Raises:
            UnknownReservation: It was settled or cancelled, or it has expired.
            Exhausted: More than is reserved. Settle what is reserved, and consume the rest by itself.
            ValueError: More than was reserved here, while the server could not be reached (`Reservation.local`).
        """
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
