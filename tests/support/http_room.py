"""A licensed Control Room behind the real HTTP server, on a loopback port, in a thread of its own.

Its SQLite connection belongs to that thread: `call` runs a function there.
"""

from __future__ import annotations

import io
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx

from carnet.control_room.engine.writer import Writer
from carnet.control_room.rest.door import Door
from carnet.control_room.rest.serve import (
    Options,
    Server,
    Tls,
    listen,
    run,
)
from carnet.control_room.rules.granting.api_keys import CreateApiKey
from carnet.edge.limits import Limits
from carnet.entitlements import Line
from carnet.server_log import new_log
from tests.support.cast import MONDAY
from tests.support.kept_logs import keep, secret
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor, line

T = TypeVar("T")
YEAR = MONDAY + timedelta(days=365)
QUANTITIES = {"bot-creator": 3, "unattended-bot-runner": 2, "document-pages": 100, "automator-ai": 1}
ALL = ("take", "assign", "read")
TRUSTED = ssl.create_default_context()  # made once: reading what a machine trusts takes longer than a request


@dataclass
class HttpRoom:
    room: Room
    door: Door
    server: Server
    port: int
    scheme: str
    keys: dict[str, str]
    log: io.StringIO
    loop_calls: Callable[[Callable[[], Any]], Any] = field(repr=False)

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def call(self, function: Callable[[], T]) -> T:
        """Run `function` in the server's thread, between two requests."""
        answered: T = self.loop_calls(function)
        return answered

    def client(self, key: str | None = "all", **options: Any) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.keys[key]}"} if key else {}
        options = {"verify": TRUSTED} | options
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, trust_env=False, **options)

    def post(self, name: str, body: Any = None, key: str | None = "all", **headers: str) -> httpx.Response:
        with self.client(key) as client:
            return client.post(name, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def get(self, name: str, key: str | None = "all", **headers: str) -> httpx.Response:
        with self.client(key) as client:
            return client.get(name, headers={k.replace("_", "-"): v for k, v in headers.items()})


def licensed_room(lines: Sequence[Line] | None = None) -> Room:
    vendor = Vendor()
    room = Room(vendor.trust)
    room.enable(vendor.token(MONDAY))
    standard = [line(sku, quantity, MONDAY, YEAR) for sku, quantity in QUANTITIES.items()]
    room.install(vendor.olf(room.request(), lines or standard, MONDAY))
    assert room.state_name == "active"
    return room


def new_key(room: Room, name: str, permissions: Sequence[str] = ALL, products: list[str] | None = None) -> str:
    answer = room.do(CreateApiKey(name, products, list(permissions)))
    assert answer.key
    return secret(str(answer.key), "an API key")


@contextmanager
def serving(
    limits: Limits = Limits(),  # noqa: B008
    tls: tuple[Path, Path] | None = None,
    prepare: Callable[[Room], dict[str, str]] = lambda room: {},
    make_room: Callable[[], Room] = licensed_room,
) -> Iterator[HttpRoom]:
    """`prepare` gets the room before the server starts, and answers with API keys by name; “all” is always there."""
    ready: Future[HttpRoom] = Future()
    thread = threading.Thread(target=_run, args=(ready, limits, tls, prepare, make_room), daemon=True)
    thread.start()
    served = ready.result(timeout=20)
    try:
        yield served
    finally:
        served.server.stop()
        thread.join(timeout=20)
        assert not thread.is_alive(), "the server stops"
        keep("http-room", served.log.getvalue())


def _run(ready: Future[HttpRoom], limits: Limits, tls: Any, prepare: Any, make_room: Any) -> None:
    import asyncio

    try:
        room = make_room()
        keys = {"all": new_key(room, "all"), **prepare(room)}
        writer, log = Writer(room.engine, lambda: room.reading), io.StringIO()
        door = Door(writer)
        listener = listen("127.0.0.1", 0)
        loops: list[asyncio.AbstractEventLoop] = []

        def call(function: Callable[[], Any]) -> Any:
            done: Future[Any] = Future()

            def work() -> None:
                try:
                    done.set_result(function())
                except BaseException as error:
                    done.set_exception(error)

            loops[0].call_soon_threadsafe(work)
            return done.result(timeout=10)

        def now() -> datetime:
            return room.reading.system

        def told(what: str) -> None:
            if what == "ready":
                loops.append(asyncio.get_running_loop())
                ready.set_result(served)

        options = Options(Tls(*tls) if tls else None, limits=limits)
        server = Server(door, options, new_log(now, log), told, now)
        port, scheme = listener.getsockname()[1], "https" if tls else "http"
        served = HttpRoom(room, door, server, port, scheme, keys, log, call)
        with listener:
            run(server, listener)
        room.store.close()
    except BaseException as error:
        if not ready.done():
            ready.set_exception(error)
        raise
