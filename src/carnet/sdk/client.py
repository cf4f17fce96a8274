"""The client for threads. `aio` is its twin for asyncio; what both do is in `core`."""

import os
import threading
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


class Client(BaseClient):
    """For any number of threads. Its options are those of `BaseClient`."""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

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
    ) -> "HeldSeat":
        """A seat for the length of a `with`: renewed in the background, given back at the end.

        `on_lost` is called, in that background thread, with why it is held no more.
        """
        asked = calls.acquire(sku, holder, ttl, key=key)
        return HeldSeat(self, Hold(asked, self._core.random, renew_every), on_lost)

    def acquire(self, sku: str, holder: str, *, ttl: int = TTL, key: str | None = None) -> Seat:
        return self.ask(calls.acquire(sku, holder, ttl, key=key))

    def renew(self, lease_id: str, *, key: str | None = None) -> Seat:
        return self.ask(calls.renew(lease_id, key=key))

    def release(self, lease_id: str, *, key: str | None = None) -> Seat:
        return self.ask(calls.release(lease_id, key=key))

    # --- units --------------------------------------------------------------------------------------------------

    def consume(self, sku: str, units: int, *, key: str | None = None) -> Units:
        return self.ask(calls.consume(sku, units, key=key))

    def reserve(self, sku: str, units: int, *, ttl: int = TTL, key: str | None = None) -> "Reserved":
        """Units set aside for the length of a `with`: settled within it, or given back at its end."""
        return Reserved(self, calls.reserve(sku, units, ttl, key=key))

    def settle(self, reservation_id: str, units: int, *, key: str | None = None) -> Units:
        return self.ask(calls.settle(reservation_id, units, key=key))

    def cancel(self, reservation_id: str, *, key: str | None = None) -> Reservation:
        return self.ask(calls.cancel(reservation_id, key=key))

    # --- users and features -------------------------------------------------------------------------------------

    def assign(self, sku: str, user: str, *, key: str | None = None) -> User:
        return self.ask(calls.assign(sku, user, key=key))

    def unassign(self, sku: str, user: str, *, key: str | None = None) -> User:
        return self.ask(calls.unassign(sku, user, key=key))

    def check_user(self, sku: str, user: str) -> User:
        """Raises NotGranted where the user is not assigned."""
        return self.ask(calls.check_user(sku, user))

    def has_feature(self, sku: str) -> bool:
        """Whether it is granted now. A refusal for another reason than that it is not is raised."""
        try:
            return self.ask(calls.check_feature(sku)).granted
        except calls.NOT_HAD:
            return False

    def check_feature(self, sku: str) -> Feature:
        return self.ask(calls.check_feature(sku))

    # --- all else -----------------------------------------------------------------------------------------------

    def batch(self, commands: Sequence[Call[Any]]) -> list[Any]:
        """Up to 100 changes, made with `carnet.sdk.calls`, in one transaction. Refusals are returned, not raised."""
        return self.ask(calls.batch(commands, self._core.new_key))

    def status(self) -> Status:
        return self.ask(calls.status())

    def usage(self) -> Usage:
        """All holders, asked for page after page."""
        page = self.ask(calls.usage())
        holders = list(page.holders)
        while page.next:
            page = self.ask(calls.usage(page.next))
            holders += page.holders
        return replace(page, holders=holders)

    def ask(self, call: Call[T], *, until: float = float("inf")) -> T:
        """Ask anything of `carnet.sdk.calls`. No try begins after `until`, by this machine's monotonic clock."""
        return self.carry(call, until)[0]

    # --- carrying -----------------------------------------------------------------------------------------------

    def carry(self, call: Call[T], until: float = float("inf"), ended: threading.Event | None = None) -> Answered[T]:
        """The answer, with when its call began and its key. `ended` cuts its waiting short."""
        attempt = self._core.begin(call, clock.now(), until)
        while True:
            request = attempt.request(clock.now())
            try:
                reply = self._send(request)
            except httpx.HTTPError as error:
                sentence, sent = address.reason(error)
                step = attempt.failed(sentence, clock.now(), sent=sent)
            else:
                step = attempt.answered(reply, clock.now())
            if not isinstance(step, Wait):
                return step.answer, attempt.begun, attempt.call.key
            if (ended or threading.Event()).wait(step.seconds):
                raise SeatLost("It was given back.")

    def _send(self, request: Request) -> Reply:
        if os.getpid() != self._pid:  # forked: the parent's connections are the parent's
            self._open()
        answer = self._http.request(
            request.method,
            request.path,
            content=request.body,
            headers=dict(request.headers),
            timeout=request.timeout,
        )
        return Reply(answer.status_code, answer.headers, answer.content)

    def _open(self) -> None:
        self._http, self._pid = httpx.Client(**self._options), os.getpid()


class HeldSeat(BaseSeat):
    """Its thread is a daemon: it keeps no interpreter from ending."""

    def __init__(self, client: Client, hold: Hold, on_lost: OnLost | None) -> None:
        super().__init__(hold)
        self._client, self._on_lost, self._ended = client, on_lost, threading.Event()

    def __enter__(self) -> "HeldSeat":
        for call in self._hold.begin():
            self._hold.taken(*self._client.carry(call))
        self._pid = os.getpid()
        threading.Thread(target=self._keep, name="carnet-seat", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if os.getpid() != self._pid:
            return  # forked: the seat is the parent's
        self._ended.set()
        now = clock.now()
        returning = self._hold.returning(now)
        if returning:
            with suppress(SdkError):  # its lease ends by itself
                self._client.ask(returning, until=min(self._hold.ends, now + self._client.timeout))

    def _keep(self) -> None:
        while not self._ended.wait(self._hold.pause(clock.now())):
            try:
                answered = self._client.carry(self._hold.renewal(clock.now()), self._hold.until, self._ended)
            except Exception as error:  # whatever it was, the seat is not known to be renewed
                if self._ended.is_set() or self._hold.failed(error, clock.now()):
                    break
            else:
                self._hold.taken(*answered)
        if self._on_lost and not self._ended.is_set():
            self._on_lost(self._hold.lost())


class Reserved(BaseReserved):
    """At its end given back, where it was not tried to settle it."""

    def __init__(self, client: Client, call: Call[Reservation]) -> None:
        super().__init__()
        self._client, self._call = client, call

    def settle(self, units: int, *, key: str | None = None) -> Units:
        """Consume so many of them; the rest returns. Where that fails or is refused, nothing is given back: what was
        used is not lost. Settle again, with the error's key or with fewer units, while the reservation runs."""
        self._tried = True
        if self.answer.local:
            return settled_here(self.answer, units)
        return self._client.settle(self.answer.reservation_id, units, key=key)

    def __enter__(self) -> "Reserved":
        self._answer = self._client.ask(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        if self._tried or self.answer.local:
            return
        with suppress(SdkError):  # it ends by itself
            self._client.cancel(self.answer.reservation_id)
