"""The local door: who may call, what they may send, and how it begins and ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import stat
import warnings
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from carnet.control_room.engine import sqlite
from carnet.control_room.local_api import protocol
from carnet.control_room.local_api.client import UnixClient
from carnet.control_room.queries import questions
from carnet.control_room.rules.granting.people import FindPerson
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser
from carnet.errors import (
    BusyError,
    CarnetError,
    StorageError,
    UsageError,
)
from carnet.exchange.verdicts import Code
from tests.support.place import Place
from tests.support.room import Room

USERS, PAGES = "bot-creator", "document-pages"


# --- who may call, and what they may send --------------------------------------------------------------------------


def frame(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _request(**changes: Any) -> bytes:
    whole = {"type": "do", "what": "assign", "fields": {"sku": USERS, "user": "x"}, "actor": "kai", "key": None}
    return frame(msgspec.json.encode(whole | changes))


HOSTILE = {
    "too long": (protocol.FRAME_LIMIT + 1).to_bytes(4, "big"),
    "two frames": ((1 << 31) | 2).to_bytes(4, "big") + b"{}",
    "all ones": b"\xff" * 64,
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "empty": frame(b""),
    "no JSON": frame(bytes(range(256))),
    "no object": frame(b"[]"),
    "brackets": frame(b"[" * 100_000),
    "nested fields": frame(b'{"type":"ask","what":"status","fields":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001),
    "unknown type": _request(type="eval"),
    "unknown command": _request(what="delete everything"),
    "no command": _request(what=None),
    "unknown field": _request(fields={"sku": USERS, "user": "x", "admin": True}),
    "missing field": _request(fields={"sku": USERS}),
    "wrong type": _request(fields={"sku": USERS, "user": 7}),
    "an unknown envelope field": _request(uid=0),
    "a number for an actor": _request(actor=7),
    "spaces": frame(b'{ "type":"fetch","name":"request"}'),
    "twice": frame(b'{"type":"fetch","name":"request","name":"license"}'),
    "the lock of the keys": frame(b'{"type":"fetch","name":"lock"}'),
    "no Unicode": frame(b'{"type":"fetch","name":"\xff\xfe"}'),
    "a surrogate": frame(b'{"type":"fetch","name":"\\ud800"}'),
}


@pytest.mark.parametrize("sent", HOSTILE.values(), ids=HOSTILE)
def test_rubbish_is_refused_and_harms_nobody(place: Place, sent: bytes) -> None:
    with place.served(), closing(place.asked()) as other:
        before = other.ask(questions.Checkpoint())
        with closing(place.raw()) as hostile:
            hostile.sendall(sent)
            reply = protocol.read_message(lambda count: hostile.recv(count, socket.MSG_WAITALL))
        with pytest.raises(UsageError):
            protocol.read_reply(reply)
        assert other.ask(questions.Checkpoint()) == before


def test_several_questions_on_one_way_are_answered_in_their_order(place: Place) -> None:
    with place.served(), closing(place.asked()) as desk:
        status, others = desk.ask_all(questions.Status(), FindPerson("eve"), questions.Checkpoint())
        nobody, checkpoint = others
        assert status == desk.ask(questions.Status())
        assert (nobody.code, checkpoint) == (Code.NOT_FOUND, desk.ask(questions.Checkpoint()))  # type: ignore[union-attr]
        assert desk.ask_all(questions.Checkpoint()) == (checkpoint, [])


@pytest.mark.parametrize("sent", [b"", b"\x00", b"\x00\x00\x01\x00{", _request()[:-1], _request()])
def test_a_caller_that_dies_harms_nobody(place: Place, sent: bytes) -> None:
    with place.served(), closing(place.asked()) as other:
        for _ in range(50):
            with closing(place.raw()) as dying:
                dying.sendall(sent)
        assert other.ask(questions.Status()).state == "active"  # type: ignore[union-attr]


def test_a_caller_that_says_nothing_is_let_go(place: Place) -> None:
    with place.served(patience=0.2):
        for sent in (b"", _request()[:-1]):
            with closing(place.raw()) as slow:
                slow.sendall(sent)
                assert slow.recv(1) == b""


def test_no_more_callers_than_there_is_room_for(place: Place) -> None:
    with place.served(callers=2):
        first, second = place.asked(), place.asked()
        for desk in (first, second):
            desk.ask(questions.Status())
        with closing(place.asked()) as third, pytest.raises(BusyError, match="Too many callers"):
            third.ask(questions.Status())
        first.close()
        _until(lambda: closing(place.asked()), lambda desk: desk.ask(questions.Status()))
        second.close()


def _until(opened: Callable[[], Any], act: Callable[[Any], Any]) -> None:
    for _ in range(200):
        with opened() as desk, suppress(BusyError):
            act(desk)
            return
    raise AssertionError("there is still no room")


def test_only_its_owner_may_open_the_door(place: Place) -> None:
    with place.served():
        mode = (place.folder / protocol.SOCKET).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not (place.folder / protocol.SOCKET).exists(), "and it is gone with the server"


@pytest.mark.server
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_not_answered(place: Place) -> None:
    with place.served(), closing(place.asked()) as own:
        place.folder.chmod(0o755)
        (place.folder / protocol.SOCKET).chmod(0o666)
        assert _as_nobody(place.folder) == b"", "the door that the file's mode left open is shut without a word"
        assert own.ask(questions.Status()).state == "active"  # type: ignore[union-attr]


def _as_nobody(folder: Path) -> bytes:
    """What a process of another user hears when it asks for the status."""
    ours, theirs = socket.socketpair()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            os.setuid(65534)
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(10)
            connection.connect(protocol.SOCKET)
            with suppress(OSError):
                connection.sendall(protocol.frames(protocol.ask(questions.Status())))
            heard = b""
            with suppress(ConnectionResetError):
                heard = connection.recv(100)
            theirs.sendall(b"heard:" + heard)
        finally:
            os._exit(0)
    theirs.close()
    os.waitpid(child, 0)
    with closing(ours):
        said = ours.recv(200)
    assert said.startswith(b"heard:"), "it could not even connect"
    return said.removeprefix(b"heard:")


# --- beginnings and ends ---------------------------------------------------------------------------------------------


def test_without_a_server_there_is_nobody_to_ask(place: Place, tmp_path: Path) -> None:
    assert UnixClient.connect(place.folder) is None
    assert UnixClient.connect(tmp_path / "nowhere") is None
    (tmp_path / "file").touch()
    assert UnixClient.connect(tmp_path / "file") is None


def test_the_socket_of_a_killed_server_is_no_server_and_is_replaced(place: Place) -> None:
    for name in (protocol.SOCKET, f".{protocol.SOCKET}.part"):
        with closing(socket.socket(socket.AF_UNIX)) as dead:
            dead.bind(str(place.folder / name))
    assert UnixClient.connect(place.folder) is None
    with place.served(), closing(place.asked()) as asked:
        assert asked.ask(questions.Status()).state == "active"  # type: ignore[union-attr]


def test_a_second_server_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOCK_TRIES", 1)
    monkeypatch.setattr(sqlite.lock_folder, "__defaults__", (1,))
    with place.served(), closing(place.asked()) as asked:
        with pytest.raises(BusyError), place.served():
            pass
        assert asked.ask(questions.Status()).state == "active", "the first one's door stands"  # type: ignore[union-attr]


def test_a_folder_whose_name_is_too_long_for_a_socket(licensed: Room, tmp_path: Path) -> None:
    place = Place(licensed, tmp_path / ("x" * 100) / ("y" * 100))
    with place.served(), closing(place.asked()) as asked:
        assert asked.ask(questions.Status()).state == "active"  # type: ignore[union-attr]
    assert [path.name for path in place.folder.glob("*.sock")] == []


def test_such_a_folder_where_the_system_has_no_way_round(
    licensed: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carnet.control_room.local_api.client._DESCRIPTORS", tmp_path / "none")
    place = Place(licensed, tmp_path / ("x" * 100))
    with pytest.raises(UsageError, match="too long for a socket"), place.served():
        pass


def test_a_server_that_goes_away_while_it_is_asked(place: Place) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as deaf:
        deaf.bind(str(place.folder / protocol.SOCKET))
        deaf.listen()
        with closing(place.asked()) as asked:
            deaf.accept()[0].close()
            with pytest.raises(CarnetError, match="went away") as caught:
                asked.execute(AssignUser(USERS, "x"), "kai")
            assert "may have been done" in caught.value.next_step
        late = UnixClient.connect(place.folder, patience=0.1)
        assert late is not None
        with closing(late), pytest.raises(BusyError, match="does not answer"):
            late.ask(questions.Status())


def test_more_callers_wait_than_the_system_lets_wait(place: Place) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as deaf:
        deaf.bind(str(place.folder / protocol.SOCKET))
        deaf.listen(0)
        waiting = [place.asked()]
        with pytest.raises(BusyError, match="Too many callers wait"):
            waiting += [place.asked() for _ in range(10)]
        for each in waiting:
            each.close()


@pytest.mark.rule("storage_failed")
def test_a_disk_that_fails_is_told_at_the_door_and_reading_goes_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StorageError("The disk is full. Nothing was changed.", "Make room.")

    with place.served(), closing(place.asked()) as asked:
        assert asked.ask(questions.Status()).storage == ""  # type: ignore[union-attr]
        monkeypatch.setattr(sqlite.SqliteStore, "commit", full)
        with pytest.raises(StorageError, match="The disk is full") as caught:
            asked.execute(AssignUser(USERS, "mara"), "kai")
        assert (caught.value.code, caught.value.next_step) == ("storage_failed", "Make room.")
        assert asked.ask(questions.Status()).storage == "The disk is full. Nothing was changed."  # type: ignore[union-attr]
        assert asked.ask(questions.Usage()).holders == []  # type: ignore[union-attr]


def test_what_has_come_is_answered_when_the_server_ends(place: Place) -> None:
    with place.served() as server:
        callers = [place.raw() for _ in range(10)]
        for caller in callers:
            caller.sendall(_request())
        heard = [protocol.read_message(lambda n, c=caller: c.recv(n, socket.MSG_WAITALL)) for caller in callers[:5]]
        server.end()
        for caller in callers[5:]:
            heard.append(protocol.read_message(lambda n, c=caller: c.recv(n, socket.MSG_WAITALL)))
        for caller in callers:
            assert caller.recv(1) == b"", "and then it hangs up"
            caller.close()
    assert len({bytes(each) for each in heard}) == 1


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_many_callers_at_once_on_either_loop(place: Place, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with place.served(loop=loop):
        desks = [place.asked() for _ in range(20)]
        order = ConsumeUnits(PAGES, 1)
        for desk in desks:
            desk._connection.sendall(protocol.frames(protocol.do(order, "kai", None)))
        left = {protocol.read_outcome(protocol.read_message(desk._read), order).remaining for desk in desks}  # type: ignore[union-attr]
        assert left == set(range(80, 100))
        for desk in desks:
            desk.close()


def test_a_copied_folder_is_a_room_of_its_own(place: Place, tmp_path: Path) -> None:
    """A stale socket that was copied, or that leads elsewhere, is nobody's."""
    with place.served():
        shutil.copytree(place.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
        assert UnixClient.connect(tmp_path / "copy") is None
