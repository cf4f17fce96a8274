"""What a connection owes its caller, and what it takes from none: order, patience, limits. Real sockets, no client."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import format_datetime

import pytest

from carnet.edge.limits import Limits
from tests.support.http_room import HttpRoom, serving
from tests.support.wire import Wire, request

pytestmark = pytest.mark.server

SHORT = Limits(seconds=0.3, idle_seconds=0.3, linger_seconds=0.2, connections=5)


@pytest.fixture
def hasty() -> Iterator[HttpRoom]:
    """A server that waits for nobody."""
    with serving(SHORT) as running:
        yield running


def acquire(served: HttpRoom, holder: str, *headers: str) -> bytes:
    body = f'{{"sku":"unattended-bot-runner","holder":"{holder}"}}'.encode()
    return request("/api/v1/seats/acquire", served.keys["all"], body, headers=headers)


def check(served: HttpRoom, user: str) -> bytes:
    body = f'{{"sku":"bot-creator","user":"{user}"}}'.encode()
    return request("/api/v1/users/check", served.keys["all"], body)


def get(served: HttpRoom, path: str, *headers: str) -> bytes:
    return request(path, served.keys["all"], headers=headers)


def test_pipelined_requests_are_answered_in_their_order(served: HttpRoom) -> None:
    """Answers that come at once (checks, refusals) wait for those of changes before them."""
    with Wire(served.port) as wire:
        wire.send(
            acquire(served, "one"),
            check(served, "nobody"),
            get(served, "/health"),
            acquire(served, "two"),
            get(served, "/api/v1/nothing"),
            acquire(served, "three"),
            get(served, "/metrics"),
            get(served, "/api/v1/usage"),
        )
        replies = [wire.read() for _ in range(8)]
    assert [reply.status for reply in replies] == [200, 403, 200, 200, 404, 409, 200, 200]
    assert [replies[place].json["holder"] for place in (0, 3)] == ["one", "two"]
    assert "grants" in replies[2].json
    assert len(replies[7].json["holders"]) == 2


def test_many_pipelined_requests_are_all_answered(served: HttpRoom) -> None:
    with Wire(served.port) as wire:
        wire.send(*(check(served, f"user-{number}") for number in range(700)))
        replies = [wire.read() for _ in range(700)]
    assert all(f"user-{number} " in reply.json["detail"] for number, reply in enumerate(replies))


@pytest.mark.parametrize("asked", ["questions", "changes", "both"])
def test_many_requests_in_one_packet_do_not_keep_others_waiting(served: HttpRoom, asked: str) -> None:
    """However many come at once: no more wait than are allowed to, and questions are answered one by one in between."""
    seen = Watched(served)
    kinds = {"questions": [check(served, "anna")], "changes": [release(served)]}
    kinds["both"] = kinds["questions"] + kinds["changes"]
    with Wire(served.port) as greedy:
        greedy.send(*(kinds[asked] * (600 // len(kinds[asked]))))
        statuses = [greedy.read().status for _ in range(600)]
    assert set(statuses) <= {403, 404}
    most = served.call(seen.stop)
    assert most["in one turn"] <= 1
    assert most["waiting"] <= 64 + 40


def release(served: HttpRoom) -> bytes:
    return request("/api/v1/seats/release", served.keys["all"], b'{"lease_id":"01aeb3d2-2130-7418-9190-000000000000"}')


class Watched:
    """Counts how many questions are answered in one turn of the loop, and how many requests of a connection wait."""

    def __init__(self, served: HttpRoom) -> None:
        self.served, self.turn, self.most = served, 0, {"in one turn": 0, "waiting": 0}
        self.ask = served.door._writer.ask
        served.call(self._begin)

    def _begin(self) -> None:
        self.served.door._writer.ask = self._asked
        self._tick()

    def _tick(self) -> None:
        self.turn = 0
        self.timer = asyncio.get_running_loop().call_soon(self._tick)

    def _asked(self, question: object) -> object:
        self.turn += 1
        self.most["in one turn"] = max(self.most["in one turn"], self.turn)
        waiting = [len(each._pending) for each in self.served.server.connections]
        self.most["waiting"] = max(self.most["waiting"], *waiting)
        return self.ask(question)

    def stop(self) -> dict[str, int]:
        self.timer.cancel()
        self.served.door._writer.ask = self.ask
        return self.most


def test_what_is_kept_waits_for_a_body_and_for_the_callers_own_patience(served: HttpRoom) -> None:
    """Requests of every kind and a body over several parts, all in one packet."""
    long = b'{"sku":"automator-ai"' + b" " * 20_000 + b"}"
    with Wire(served.port) as wire:
        for _ in range(3):
            wire.send(
                *(release(served) for _ in range(80)),
                get(served, "/health"),
                *(check(served, "anna") for _ in range(80)),
                request("/api/v1/features/check", served.keys["all"], long),
                get(served, "/health"),
                get(served, "/metrics"),
                *(release(served) for _ in range(80)),
            )
        statuses = [wire.read().status for _ in range(3 * 244)]
    assert statuses == 3 * [*80 * [404], 200, *80 * [403], 200, 200, 200, *80 * [404]]


def test_a_request_may_come_byte_by_byte(served: HttpRoom) -> None:
    with Wire(served.port) as wire:
        for byte in acquire(served, "slow-but-fine"):
            wire.send(bytes([byte]))
        assert wire.read().json["holder"] == "slow-but-fine"


def test_a_body_may_come_in_chunks(served: HttpRoom) -> None:
    head = request("/api/v1/users/check", served.keys["all"], headers=("Transfer-Encoding: chunked",), method="POST")
    with Wire(served.port) as wire:
        wire.send(head, b"17\r\n", b'{"sku":"bot-creator","u', b"\r\n11\r\n", b'ser":"somebody"}\n', b"\r\n0\r\n\r\n")
        assert wire.read().json["code"] == "not_granted"
        wire.send(check(served, "anna"))
        assert wire.read().status == 403


def test_a_connection_is_kept_until_the_caller_says_otherwise(served: HttpRoom) -> None:
    with Wire(served.port) as wire:
        for _ in range(3):
            wire.send(check(served, "anna"))
            assert "connection" not in wire.read().headers
        wire.send(acquire(served, "last", "Connection: close"))
        assert wire.read().headers["connection"] == "close"
        assert wire.ended()


def test_a_caller_that_expects_to_be_let_go_on_is_let(served: HttpRoom) -> None:
    body = b'{"sku":"bot-creator","user":"anna"}'
    head = request("/api/v1/users/check", served.keys["all"], body, headers=("Expect: 100-continue",))[: -len(body)]
    with Wire(served.port) as wire:
        wire.send(head)
        assert wire.read().status == 100
        wire.send(body)
        assert wire.read().status == 403


def test_what_is_asked_to_become_something_else_is_answered_as_it_is(served: HttpRoom) -> None:
    with Wire(served.port) as wire:
        wire.send(get(served, "/api/v1/status", "Connection: Upgrade", "Upgrade: websocket"))
        assert wire.read().status == 200


@pytest.mark.rule("too_large")
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused(served: HttpRoom, announced: bool) -> None:
    body = b'{"sku":"' + b"a" * 65536 + b'"}'
    path = "/api/v1/features/check"
    with Wire(served.port) as wire:
        if announced:
            wire.send(request(path, served.keys["all"], body))
        else:
            head = request(path, served.keys["all"], headers=("Transfer-Encoding: chunked",), method="POST")
            wire.send(head, f"{len(body):x}\r\n".encode(), body, b"\r\n0\r\n\r\n")
        refused = wire.read()
        assert (refused.status, refused.json["code"]) == (413, "too_large")
        assert wire.ended()


def test_a_body_at_the_limit_is_read(served: HttpRoom) -> None:
    body = b'{"sku":"automator-ai"' + b" " * (65536 - 22) + b"}"
    assert len(body) == 65536
    with Wire(served.port) as wire:
        wire.send(request("/api/v1/features/check", served.keys["all"], body))
        assert wire.read().status == 200


@pytest.mark.rule("too_large")
@pytest.mark.parametrize(
    "headers",
    [
        tuple(f"X-{number}: 1" for number in range(60)),
        ("X: " + "a" * 17_000,),
        tuple(f"X-{number}: {'a' * 900}" for number in range(19)),
    ],
    ids=["many", "one long", "long together"],
)
def test_headers_over_the_limit_are_refused(served: HttpRoom, headers: tuple[str, ...]) -> None:
    with Wire(served.port) as wire:
        wire.send(get(served, "/api/v1/status", *headers))
        refused = wire.read()
        assert (refused.status, refused.json["code"]) == (413, "too_large")
        assert wire.ended()


def test_a_header_without_an_end_is_cut_off(served: HttpRoom) -> None:
    with Wire(served.port) as wire:
        wire.send(b"GET /api/v1/status HTTP/1.1\r\nX: ")
        for _ in range(20):
            wire.send(b"a" * 1024)
            time.sleep(0.005)
        assert wire.read().status == 413


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 100]
)
def test_what_is_no_http_is_refused(served: HttpRoom, data: bytes) -> None:
    with Wire(served.port) as wire:
        wire.send(data)
        assert wire.read().json["code"] == "malformed"
        assert wire.ended()
    assert served.get("status").status_code == 200


def test_a_request_that_could_be_read_in_two_ways_is_refused(served: HttpRoom) -> None:
    with Wire(served.port) as wire:
        headers = ("Transfer-Encoding: chunked", "Content-Length: 5")
        wire.send(request("/api/v1/features/check", served.keys["all"], method="POST", headers=headers), b"0\r\n\r\n")
        assert wire.read().status == 400
        assert wire.ended()


@pytest.mark.rule("malformed")
@pytest.mark.parametrize("header", ["Idempotency-Key: b", "Carnet-Checkpoint: b"])
def test_a_header_that_comes_twice_is_refused(served: HttpRoom, header: str) -> None:
    with Wire(served.port) as wire:
        wire.send(acquire(served, "bot", header, header))
        assert wire.read().json["code"] == "malformed"
        wire.send(acquire(served, "bot", f"Authorization: Bearer {served.keys['all']}"))
        assert wire.read().status == 401


# --- patience ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [30, -3], ids=["head", "body"])
def test_a_slow_request_is_cut_off_in_time(hasty: HttpRoom, part: int) -> None:
    """It is cut off though it goes on to send a byte now and then; others are served meanwhile."""
    sent = acquire(hasty, "slow")
    with Wire(hasty.port) as wire:
        wire.send(sent[:part])
        start = time.monotonic()
        assert hasty.get("status").status_code == 200
        refused = wire.read()
        assert 0.1 < time.monotonic() - start < 2
        assert (refused.status, refused.json["code"]) == (400, "malformed")
        assert wire.ended()


def test_a_dripping_head_is_cut_off_too(hasty: HttpRoom) -> None:
    with Wire(hasty.port) as wire:
        wire.send(b"GET /api/v1/status HTTP/1.1\r\nX: ")
        _send_until_cut_off(wire, b"a", pause=0.02)


def _send_until_cut_off(wire: Wire, data: bytes, pause: float = 0) -> None:
    start = time.monotonic()
    while time.monotonic() - start < 4:
        try:
            wire.send(data)
        except ConnectionError:
            return
        time.sleep(pause)
    pytest.fail("the server goes on for ever")


@pytest.mark.parametrize("before", [0, 1], ids=["from the start", "after a request"])
def test_a_connection_that_is_not_used_is_closed(hasty: HttpRoom, before: int) -> None:
    with Wire(hasty.port) as wire:
        for _ in range(before):
            wire.send(check(hasty, "anna"))
            wire.read()
        assert wire.ended()


def test_a_caller_that_does_not_fetch_its_answers_is_let_go(hasty: HttpRoom) -> None:
    """Nothing more is read from it, so that its answers cannot fill the memory."""
    many = get(hasty, "/api/v1/openapi.json") * 400
    with Wire(hasty.port) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        _send_until_cut_off(wire, many)
    assert hasty.get("status").status_code == 200


@pytest.mark.rule("G4")
def test_a_caller_that_goes_away_harms_nobody(served: HttpRoom) -> None:
    for number in range(20):
        wire = Wire(served.port)
        wire.send(acquire(served, f"gone-{number}"), check(served, "anna"))
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        wire.socket.close()  # with a reset, before the answer
    assert served.get("usage").status_code == 200
    assert "fault" not in served.log.getvalue()


def test_what_follows_a_body_is_not_read_as_headers(served: HttpRoom) -> None:
    head = request("/api/v1/features/check", headers=("Transfer-Encoding: chunked",), method="POST")
    late = f"0\r\nAuthorization: Bearer {served.keys['all']}\r\n\r\n".encode()
    with Wire(served.port) as wire:
        wire.send(head, b'16\r\n{"sku":"automator-ai"}\r\n', late)
        assert wire.read().status == 401


def test_chunks_of_nothing_do_not_go_on_for_ever(served: HttpRoom) -> None:
    head = request("/api/v1/features/check", served.keys["all"], headers=("Transfer-Encoding: chunked",), method="POST")
    with Wire(served.port) as wire:
        wire.send(head, b"0\r\n")
        _send_until_cut_off(wire, b"X: " + b"a" * 8000 + b"\r\n", pause=0.001)


def test_an_answer_to_head_has_no_body(served: HttpRoom) -> None:
    with Wire(served.port) as wire:
        wire.send(request("/api/v1/status", served.keys["all"], method="HEAD"))
        head = b""
        while b"\r\n\r\n" not in head:
            head += wire.socket.recv(65536)
        assert head.startswith(b"HTTP/1.1 405")
        assert head.endswith(b"\r\n\r\n")
        wire.send(check(served, "anna"))
        assert wire.read().status == 403


def test_an_earlier_request_is_answered_before_a_later_one_is_turned_away(served: HttpRoom) -> None:
    with Wire(served.port) as wire:
        wire.send(acquire(served, "first"), get(served, "/api/v1/status", "X: " + "a" * 17_000))
        assert wire.read().json["holder"] == "first"
        assert wire.rest()[9:12] == b"413"


def test_a_body_that_is_turned_away_behind_another_request_ends_the_connection(hasty: HttpRoom) -> None:
    head = request("/api/v1/features/check", hasty.keys["all"], headers=("Transfer-Encoding: chunked",), method="POST")
    body = b"a" * 70_000
    with Wire(hasty.port) as wire:
        wire.send(acquire(hasty, "first"), head, f"{len(body):x}\r\n".encode(), body)
        assert wire.read().json["holder"] == "first"
        with suppress(ConnectionResetError):
            assert wire.rest()[9:12] in (b"413", b"")
    assert hasty.call(lambda: len(hasty.server.connections)) == 0


@pytest.mark.parametrize("path", ["/health", "/live", "/metrics", "/api/v1/status"])
def test_a_request_line_may_name_the_whole_address(served: HttpRoom, path: str) -> None:
    """RFC 9112, section 3.2.2: a server takes this form too, on every path."""
    with Wire(served.port) as wire:
        wire.send(get(served, f"http://127.0.0.1:{served.port}{path}"), request("*", method="OPTIONS"))
        assert [wire.read().status, wire.read().status] == [200, 401]


def test_every_answer_says_when_it_was_made(served: HttpRoom) -> None:
    for path in ("/health", "/api/v1/status", "/nothing"):
        assert served.get(f"{served.url}{path}").headers["date"] == format_datetime(served.room.now, usegmt=True)


@pytest.mark.parametrize("busy", [False, True], ids=["at its end", "in the middle of a request"])
def test_a_stop_ends_the_connections_that_are_kept(served: HttpRoom, busy: bool) -> None:
    with Wire(served.port) as wire:
        wire.send(check(served, "anna"))
        assert wire.read().status == 403
        wire.send(check(served, "anna")[: 20 * busy])
        served.server.stop()
        assert wire.ended()
