"""Accepting: who is let in, who is told that there is no room, who is closed without a word. Real sockets, and a small
application that answers when the test says so."""

from __future__ import annotations

import asyncio
import io
import json
import re
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop

from carnet.edge.connection import Connection
from carnet.edge.gate import KEPT_BACK, LEAST, allow_files
from carnet.edge.limits import Limits
from carnet.edge.running import Running
from carnet.edge.service import Pending
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal
from carnet.server_log import new_log
from tests.support.cast import MONDAY
from tests.support.wire import Wire

pytestmark = pytest.mark.server
ROOT = Path(__file__).parents[3]
FEW = Limits(connections=3, turned_away=1, linger_seconds=0.1)
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class Asked:
    body: bytes = b""


@dataclass
class Patient:
    """Answers each request when it is told to go on."""

    one_by_one: bool = False
    waiting: list[tuple[Connection, Pending]] = field(default_factory=list)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def request(self, *_: Any) -> Asked:
        return Asked()

    def handle(self, request: Asked, connection: Connection, pending: Pending) -> None:
        self.waiting.append((connection, pending))
        self.came.release()

    def is_question(self, request: Asked) -> bool:
        return False

    def encoded(self, answer: bytes, date: bytes, *, last: bool, bare: bool) -> bytes:
        return b"HTTP/1.1 %b\r\ncontent-length: 0\r\n\r\n" % answer

    def refused(self, refusal: Refusal) -> bytes:
        return b"503 Busy" if refusal.code == "busy" else b"400 Bad"

    def fault(self) -> bytes:
        return b"500 Fault"


@dataclass
class Served:
    application: Patient
    port: int
    running: Running
    log: io.StringIO
    call: Callable[[Callable[[], Any]], Any]

    def go_on(self) -> None:
        waiting, self.application.waiting = self.application.waiting, []
        self.call(lambda: [connection.answer(pending, b"200 OK") for connection, pending in waiting])

    def acts(self) -> dict[str, int]:
        return self.call(lambda: dict(self.running.acts))

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@contextmanager
def serving(limits: Limits = FEW, proxies: frozenset[str] = frozenset()) -> Iterator[Served]:
    ready: Future[Served] = Future()
    stop: list[Callable[[], None]] = []

    async def main() -> None:
        loop, ended, application, log = asyncio.get_running_loop(), asyncio.Event(), Patient(), io.StringIO()
        running = Running(application, limits, new_log(lambda: MONDAY, log), lambda: MONDAY, proxies=proxies)
        listener = socket.create_server(("127.0.0.1", 0))
        running.open([listener])
        stop.append(lambda: loop.call_soon_threadsafe(ended.set))

        def call(function: Callable[[], Any]) -> Any:
            done: Future[Any] = Future()
            loop.call_soon_threadsafe(lambda: done.set_result(function()))
            return done.result(timeout=10)

        ready.set_result(Served(application, listener.getsockname()[1], running, log, call))
        await ended.wait()
        await running.end(0)

    thread = threading.Thread(target=lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop).run(main()))
    thread.start()
    served = ready.result(timeout=10)
    try:
        yield served
    finally:
        stop[0]()
        thread.join(10)
        assert not thread.is_alive()


def test_when_all_are_worked_for_one_is_told_so_and_others_are_closed_without_a_word() -> None:
    with serving() as served, ExitStack() as stack:
        busy = [stack.enter_context(Wire(served.port)) for _ in range(3)]
        for wire in busy:
            wire.send(ASK)
            assert served.application.came.acquire(timeout=5)
        told, closed = stack.enter_context(Wire(served.port)), stack.enter_context(Wire(served.port))
        assert closed.ended()
        assert told.read().status == 503
        served.go_on()
        assert [wire.read().status for wire in busy] == [200, 200, 200]
        assert served.acts() == {"connections": 2}
        (line,) = served.told()
        assert (line["event"], line["limit"], line["times"]) == ("limit", "connections", 1)
        with Wire(served.port) as after:  # there is room again: one of those that wait makes it
            after.send(ASK)
            assert served.application.came.acquire(timeout=5)
            served.go_on()
            assert after.read().status == 200


def test_an_application_that_wants_one_request_at_a_time_has_one() -> None:
    with serving() as served, Wire(served.port) as wire:
        served.application.one_by_one = True
        wire.send(ASK * 3)
        for _ in range(3):
            assert served.application.came.acquire(timeout=5)
            assert not served.application.came.acquire(blocking=False)
            assert len(served.application.waiting) == 1
            served.go_on()
            assert wire.read().status == 200


@pytest.mark.rule("N1")
@pytest.mark.security
def test_nobody_but_the_trusted_proxy_is_let_in() -> None:
    with serving(proxies=frozenset({"127.0.0.5"})) as served:
        with Wire(served.port) as other:
            other.send(ASK)
            assert other.ended()
        with socket.create_connection(("127.0.0.1", served.port), 5, source_address=("127.0.0.5", 0)) as proxy:
            proxy.sendall(ASK)
            assert served.application.came.acquire(timeout=5)
            served.go_on()
            assert proxy.recv(100).startswith(b"HTTP/1.1 200")
        assert served.acts() == {"proxy": 1}


@pytest.mark.rule("N1")
@pytest.mark.security
def test_where_no_file_is_left_it_waits_and_goes_on() -> None:
    """The limit of this very process is lowered for a moment: accepting fails as it would in a flood."""
    with serving(Limits(seconds=30)) as served:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as late:
            late.settimeout(10)
            served.call(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (late.fileno() + 1, before[1])))
            try:
                late.connect(("127.0.0.1", served.port))
                late.sendall(ASK)
                while "descriptors" not in served.acts():
                    served.call(lambda: None)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, before)
            assert served.application.came.acquire(timeout=10)
            served.go_on()
            assert late.recv(100).startswith(b"HTTP/1.1 200")


@pytest.mark.rule("N1")
@pytest.mark.parametrize("said", ["bundle/contents/systemd/carnet-control-room.service", "docs/guides/rest.md"])
def test_a_unit_allows_as_many_files_as_the_server_wants(said: str) -> None:
    (allowed,) = re.findall(r"^LimitNOFILE=(\d+)$", (ROOT / said).read_text(), re.MULTILINE)
    assert int(allowed) >= Limits().connections + KEPT_BACK


@pytest.mark.rule("N1")
@pytest.mark.security
def test_some_files_are_kept_back_from_connections() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
        assert allow_files(1000) == min(1000, before[1] - KEPT_BACK)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 1000 + KEPT_BACK
        assert allow_files(10) == 10
        with pytest.raises(UsageError, match="open files"):
            allow_files(1000, kept_back=before[1] - LEAST + 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.security
@pytest.mark.rule("N1")
def test_a_stop_waits_for_no_connection_that_ended_unseen() -> None:
    """In a flood one is let go while it is being opened. A stop waited its whole grace for it, and then failed."""
    with serving() as served, Wire(served.port) as wire:
        wire.send(ASK)
        assert served.application.came.acquire(timeout=10)
        ((connection, _),) = served.application.waiting

        def end_unseen() -> bool:
            connection.transport.abort()
            connection.reset()
            return connection in served.running.connections

        assert served.call(end_unseen) is False
