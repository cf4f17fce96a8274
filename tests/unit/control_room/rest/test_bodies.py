"""Hostile bodies, at the door itself: each is refused with a sentence, and nothing has moved."""

import json
from typing import Any

import pytest

from carnet.control_room.engine.writer import Writer
from carnet.control_room.rest.bodies import Reader, Reserve, Seat
from carnet.control_room.rest.door import Door
from carnet.control_room.rest.message import Answer, Request
from carnet.exchange.strict import MalformedError
from tests.support.http_room import licensed_room, new_key
from tests.support.room import Room

SEAT = b'{"sku":"unattended-bot-runner","holder":"bot-17"}'
HOSTILE = {
    "empty": b"",
    "no json": b"sku=unattended-bot-runner",
    "cut off": SEAT[:-1],
    "more after it": SEAT + b"{}",
    "a list": b"[" + SEAT + b"]",
    "null": b"null",
    "byte order mark": b"\xef\xbb\xbf" + SEAT,
    "utf-16": SEAT.decode().encode("utf-16"),
    "bad utf-8": SEAT.replace(b"bot-17", b"bot-\xff"),
    "cut utf-8": SEAT.replace(b"bot-17", b"bot-\xc3"),
    "lone surrogate": SEAT.replace(b"bot-17", rb"bot-\ud800"),
    "surrogate in utf-8": SEAT.replace(b"bot-17", b"bot-\xed\xa0\x80"),
    "nul": SEAT.replace(b"bot-17", rb"bot-\u0000"),
    "raw nul": SEAT.replace(b"bot-17", b"bot-\x00"),
    "control character": SEAT.replace(b"bot-17", rb"bot-\u001b[2J"),
    "right-to-left override": SEAT.replace(b"bot-17", "bot-\N{RIGHT-TO-LEFT OVERRIDE}17".encode()),
    "only spaces": SEAT.replace(b"bot-17", b"   "),
    "no name": SEAT.replace(b"bot-17", b""),
    "name too long": SEAT.replace(b"bot-17", b"a" * 201),
    "brackets": b"[" * 100_000,
    "braces": b'{"sku":' * 20_000,
    "nested name": SEAT.replace(b'"bot-17"', b'{"a":"bot-17"}'),
    "unknown field": SEAT.replace(b"}", b',"force":true}'),
    "missing field": b'{"sku":"unattended-bot-runner"}',
    "key twice": SEAT.replace(b"}", b',"holder":"bot-18"}'),
    "key twice, the same": SEAT.replace(b"}", b',"holder":"bot-17"}'),
    "key twice, escaped": SEAT.replace(b"}", rb',"\u0068older":"bot-18"}'),
    "key twice, ttl": SEAT.replace(b"}", b',"ttl_seconds":60,"ttl_seconds":61}'),
    "ttl a float": SEAT.replace(b"}", b',"ttl_seconds":147.0}'),
    "ttl a text": SEAT.replace(b"}", b',"ttl_seconds":"60"}'),
    "ttl nan": SEAT.replace(b"}", b',"ttl_seconds":NaN}'),
    "ttl infinite": SEAT.replace(b"}", b',"ttl_seconds":1e999}'),
    "ttl true": SEAT.replace(b"}", b',"ttl_seconds":true}'),
    "ttl null": SEAT.replace(b"}", b',"ttl_seconds":null}'),
    "ttl too short": SEAT.replace(b"}", b',"ttl_seconds":4}'),
    "ttl too long": SEAT.replace(b"}", b',"ttl_seconds":86401}'),
    "ttl of 400 digits": SEAT.replace(b"}", b',"ttl_seconds":' + b"9" * 400 + b"}"),
    "sku with capitals": SEAT.replace(b"unattended", b"Unattended"),
    "sku with a line end": SEAT.replace(b"runner", rb"runner\n"),
}
WELL_FORMED = {
    "spaces": b' {"holder" : "bot-17", "sku":"unattended-bot-runner" }\n',
    "escapes": rb'{"\u0073ku":"unattended\u002dbot-runner","holder":"bot \"17\" \\ \ud83e\udd16"}',
    "ttl": SEAT.replace(b"}", b',"ttl_seconds":600}'),
    "as long as can be": SEAT.replace(b"bot-17", b"a" * 200),
    "another script": SEAT.replace(b"bot-17", "ロボット十七".encode()),
}


class Alone:
    """The door without a server, on a licensed room. What is submitted is committed at once."""

    def __init__(self, room: Room) -> None:
        self.room, self.key = room, new_key(room, "all")
        writer = Writer(room.engine, lambda: room.reading)
        writer.submit = lambda orders, done: done(room.engine.execute_all(orders, room.reading))  # type: ignore[method-assign]
        self.door = Door(writer)

    def ask(self, path: str, body: bytes, **headers: bytes) -> Answer:
        answers: list[Answer] = []
        shown = {"authorization": f"Bearer {self.key}".encode()} | headers
        self.door.handle(Request(b"POST", f"/api/v1/{path}".encode(), body, **shown), answers.append)
        (answer,) = answers
        return answer


@pytest.fixture(scope="module")
def alone() -> Alone:
    return Alone(licensed_room())


@pytest.mark.rule("malformed")
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_body_is_refused_and_nothing_moves(alone: Alone, body: bytes) -> None:
    before = alone.room.engine.checkpoint
    answer = alone.ask("seats/acquire", body)
    problem = json.loads(answer.body)
    assert (answer.status, problem["code"]) == (400, "malformed")
    assert problem["detail"].endswith(".")
    assert alone.room.engine.checkpoint == before


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_command_in_a_batch_moves_nothing(alone: Alone, body: bytes) -> None:
    """A batch that cannot be read is refused whole."""
    before = alone.room.engine.checkpoint
    answer = alone.ask("batch", b'{"commands":[' + body.replace(b"{", b'{"do":"seats/acquire",', 1) + b"]}")
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "malformed")
    assert alone.room.engine.checkpoint == before


@pytest.mark.parametrize("body", WELL_FORMED.values(), ids=WELL_FORMED)
def test_a_body_may_be_written_in_any_way_that_json_allows(alone: Alone, body: bytes) -> None:
    answer = alone.ask("seats/acquire", body)
    assert answer.status == 200, answer.body
    lease = json.loads(answer.body)
    assert lease["holder"] == json.loads(body)["holder"]
    released = alone.ask("seats/release", json.dumps({"lease_id": lease["lease_id"]}).encode())
    assert released.status == 200


def test_a_name_is_kept_in_one_unicode_form(alone: Alone) -> None:
    answer = alone.ask("users/assign", '{"sku":"bot-creator","user":"Jo\u0308rg"}'.encode())
    assert json.loads(answer.body)["user"] == "J\u00f6rg"


@pytest.mark.parametrize(
    ("shape", "body", "good"),
    [
        (Reserve, b'{"sku":"a","units":1}', True),
        (Reserve, b'{"sku":"a","units":1,"ttl_seconds":60}', True),
        (Reserve, b'{"sku":"a","units":1,"units":2}', False),
        (Reserve, b'{"sku":"a","units":1,"units":2,"ttl_seconds":60}', False),
        (Reserve, b'{"sku":"a","sku":"b","units":1}', False),
        (Reserve, b'{"sku":"a","units":1,"ttl_seconds":60,"ttl_seconds":60}', False),
        (Seat, rb'{"sku":"a","holder":"\"\""}', True),
        (Seat, rb'{"sku":"a","holder":"\"\"","ttl_seconds":60}', True),
        (Seat, rb'{"sku":"a","holder":"\"\"","holder":"b"}', False),
        (Seat, rb'{"sku":"a","holder":"\u0022holder\u0022","ttl_seconds":60}', True),
    ],
)
def test_each_key_stands_once_whatever_else_does(shape: Any, body: bytes, good: bool) -> None:
    reader: Reader[Any] = Reader(shape)
    if good:
        assert reader.read(body)
    else:
        with pytest.raises(MalformedError, match="twice"):
            reader.read(body)
