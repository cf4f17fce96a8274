"""One machine without a key holds connections in every way there is: bots and monitoring go on, the log has a line, and
the metrics a number. Each server here has room for few, and patience for long: only making room can help."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from carnet.edge.limits import Limits
from tests.support.certificates import self_signed
from tests.support.http_room import HttpRoom, serving
from tests.support.wire import Wire, request

pytestmark = [pytest.mark.server, pytest.mark.security]

ROOM = 5
FULL = Limits(connections=ROOM, seconds=60, idle_seconds=60, linger_seconds=0.1)
LIVE = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def small() -> Iterator[HttpRoom]:
    with serving(FULL) as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


def _kept(wire: Wire) -> None:
    wire.send(LIVE)
    assert wire.read().status == 200


def _mute(wire: Wire) -> None:
    pass


def _dripping_head(wire: Wire) -> None:
    wire.send(b"GET /live HTTP/1.1\r\nHost: x\r\nX: ")


def _dripping_body(wire: Wire) -> None:
    wire.send(b"POST /api/v1/seats/acquire HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")


def _told(served: HttpRoom) -> set[str]:
    lines = [json.loads(line) for line in served.log.getvalue().splitlines()]
    return {line["limit"] for line in lines if line["event"] == "limit"}


def _counted(served: HttpRoom, limit: str, **options: object) -> float:
    with served.client(**options) as client:
        text = client.get(f"{served.url}/metrics").text
    (line,) = [line for line in text.splitlines() if line.startswith(f'carnet_limits_total{{limit="{limit}"}}')]
    return float(line.split()[-1])


@pytest.mark.rule("N1")
@pytest.mark.parametrize("hold", [_kept, _mute, _dripping_head, _dripping_body])
def test_held_connections_keep_nobody_out(small: HttpRoom, hold: Callable[[Wire], None]) -> None:
    records = small.call(lambda: small.room.engine.checkpoint.size)
    with ExitStack() as stack:
        held = [stack.enter_context(Wire(small.port)) for _ in range(3 * ROOM)]
        for wire in held[-ROOM:]:
            hold(wire)
        granted = small.post("seats/acquire", {"sku": "unattended-bot-runner", "holder": "bot"})
        assert granted.status_code == 200
        assert held[0].ended(), "who waited longest made room"
        assert _counted(small, "replaced") >= 2 * ROOM + 1
    assert _told(small) == {"replaced"}
    assert small.call(lambda: small.room.engine.checkpoint.size) == records + 1, "nothing but the bot's seat"


@pytest.mark.rule("N1")
def test_one_address_has_its_share_and_takes_nobody_elses() -> None:
    with (
        serving(Limits(connections=10, per_address=3, settled=0, seconds=60, linger_seconds=0.1)) as served,
        ExitStack() as stack,
    ):
        other = stack.enter_context(
            socket.create_connection(("127.0.0.1", served.port), 5, source_address=("127.0.0.9", 0))
        )
        other.sendall(LIVE)
        assert other.recv(1000).startswith(b"HTTP/1.1 200")
        held = [stack.enter_context(Wire(served.port)) for _ in range(12)]
        assert all(wire.ended() for wire in held[:9])
        _kept(held[-1])
        assert served.call(lambda: len(served.server.connections)) <= 4
        other.sendall(LIVE)
        assert other.recv(1000).startswith(b"HTTP/1.1 200")


@pytest.mark.rule("N1")
def test_mute_connections_are_counted_before_tls_and_keep_nobody_out(certificate: tuple[Path, Path]) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    with serving(FULL, certificate) as served, ExitStack() as stack:
        mute = [stack.enter_context(Wire(served.port)) for _ in range(4 * ROOM)]
        with served.client(verify=trusted) as client:
            answer = client.post("seats/acquire", json={"sku": "unattended-bot-runner", "holder": "bot"})
        assert answer.status_code == 200
        assert all(wire.ended() for wire in mute[: 3 * ROOM])
        assert _counted(served, "replaced", verify=trusted) >= 3 * ROOM
        assert "replaced" in _told(served)


@pytest.mark.rule("N1")
def test_a_handshake_has_a_deadline(certificate: tuple[Path, Path]) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate[0]))
    with serving(Limits(seconds=0.3), certificate) as served:
        with Wire(served.port) as mute, Wire(served.port) as begun:
            begun.send(b"\x16\x03\x01")
            assert mute.ended()
            assert begun.ended()
        assert _counted(served, "handshake", verify=trusted) == 2
        assert _told(served) == {"handshake"}


@pytest.mark.rule("N1")
@pytest.mark.parametrize("hold", [_dripping_head, _dripping_body])
def test_a_drip_is_cut_off_and_said(hold: Callable[[Wire], None]) -> None:
    with serving(Limits(seconds=0.3, linger_seconds=0.1)) as served:
        with Wire(served.port) as wire:
            hold(wire)
            assert wire.read().status == 400
            assert wire.ended()
        assert _counted(served, "slow") == 1
        assert _told(served) == {"slow"}


@pytest.mark.rule("N1")
def test_bodies_that_are_under_way_have_a_share_of_the_memory() -> None:
    with serving(Limits(held=2_000, seconds=60, linger_seconds=0.1)) as served, ExitStack() as stack:
        body = b'{"sku":"bot-creator","user":"anna"' + b" " * 600
        asked = request("/api/v1/users/check", served.keys["all"], body + b"}")
        wires = [stack.enter_context(Wire(served.port)) for _ in range(2)]
        for wire in wires:
            wire.send(asked[:-1])
        assert wires[1].read().status == 503
        wires[0].send(asked[-1:])
        assert wires[0].read().status == 403, "the first is answered"
        with Wire(served.port) as after:
            after.send(asked)
            assert after.read().status == 403, "and what it held is free again"
        assert _counted(served, "memory") == 1


@pytest.mark.rule("N1")
@pytest.mark.parametrize(
    "head",
    [
        b"GET /live\r\n\r\n",
        b"GET /live HTTP/0.9\r\nHost: x\r\n\r\n",
        b"GET /live HTTP/1.1\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n",
        b"GET /live HTTP/1.0\r\n\r\n",
    ],
)
def test_http_0_9_and_requests_without_one_host_are_refused(small: HttpRoom, head: bytes) -> None:
    with Wire(small.port) as wire:
        wire.send(head)
        refused = wire.read()
        assert (refused.status, refused.json["code"]) == (400, "malformed")
        assert wire.ended()
