"""The two desks, over the ledger itself and over a running server's socket: what one answers, the other does."""

from __future__ import annotations

import asyncio
import inspect
import os
import pkgutil
import shutil
import socket
import stat
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from carnet import control_room
from carnet.control_room.activation.generate_request import REQUEST, GenerateRequest, NewestRequest
from carnet.control_room.activation.install_key_set import InstallKeySet
from carnet.control_room.activation.install_license import LICENSE, RECEIPT, InstallLicense, PreviewLicense
from carnet.control_room.activation.install_token import InstallToken
from carnet.control_room.activation.withdraw_cycle import WithdrawCycle
from carnet.control_room.authority import questions
from carnet.control_room.engine import wire
from carnet.control_room.engine.desk import KEY_SET, Desk, EngineDesk
from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.socket_desk import SocketDesk
from carnet.control_room.granting.api_keys import CreateApiKey, ListApiKeys, RevokeApiKey
from carnet.control_room.granting.features import CheckFeature
from carnet.control_room.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.granting.units import ConsumeUnits
from carnet.control_room.granting.users import AssignUser, CheckUser, UnassignUser
from carnet.control_room.keys import KeyRing
from carnet.control_room.storage import sqlite
from carnet.control_room.storage.sqlite import DATABASE, SqliteStore
from carnet.errors import BusyError, CarnetError, UsageError
from carnet.exchange.verdicts import Refusal
from tests.support.cast import MONDAY, seeded
from tests.support.room import VERSION, Room
from tests.support.served import Served
from tests.support.vendor_simulator import Vendor
from tests.unit.control_room.conftest import standard_lines

USERS, SEATS, PAGES, FEATURE = "bot-creator", "unattended-bot-runner", "document-pages", "automator-ai"


class Place:
    """A Control Room in a folder, opened with the same randomness each time, so that two of them do the same."""

    def __init__(self, room: Room, folder: Path) -> None:
        self.room, self.folder = room, folder
        folder.mkdir(mode=0o700, parents=True)
        room.store.copy_to(folder / DATABASE)

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        with closing(SqliteStore.open(self.folder, writing=True)) as store:
            yield Engine(store, KeyRing(self.room.vault, store.secret), seeded("desk"), VERSION)

    def served(self, **options: Any) -> Served:
        return Served(self.engine, lambda: self.room.reading, self.folder, **options)

    @contextmanager
    def own(self) -> Iterator[Desk]:
        with self.engine() as engine:
            yield EngineDesk(engine, lambda: self.room.reading, writing=True)

    def asked(self) -> SocketDesk:
        desk = SocketDesk.connect(self.folder)
        assert desk is not None
        return desk

    def raw(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(str(self.folder / wire.SOCKET))
        return connection


@pytest.fixture
def place(licensed: Room, tmp_path: Path) -> Place:
    return Place(licensed, tmp_path / "site")


@pytest.fixture(params=["own", "served"])
def desk(request: pytest.FixtureRequest, place: Place) -> Iterator[Desk]:
    if request.param == "own":
        with place.own() as own:
            yield own
        return
    with place.served(), closing(place.asked()) as asked:
        yield asked


# --- the same answers -------------------------------------------------------------------------------------------


class Play:
    """A life of a Control Room at a desk, and all it was answered: answers, refusals and faults alike."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.heard = desk, []  # type: ignore[var-annotated]
        self.asked: set[str] = set()

    def do(self, command: Any, key: str | None = None) -> Any:
        return self._hear(command, lambda: self.desk.execute(command, "anna", key))

    def ask(self, question: Any) -> Any:
        return self._hear(question, lambda: self.desk.ask(question))

    def document(self, name: str) -> Any:
        return self._hear(None, lambda: self.desk.document(name))

    def _hear(self, asked: Any, act: Callable[[], Any]) -> Any:
        try:
            outcome = act()
        except CarnetError as error:
            outcome = (type(error), str(error), error.next_step)
        if asked is not None:
            self.asked.add(asked.what)
            right = isinstance(outcome, asked.answers | Refusal | tuple)
            assert right, (asked, outcome)
        self.heard.append((repr(asked), outcome))
        return outcome


def exchange(play: Play) -> None:
    vendor = Vendor()
    for name in (REQUEST, LICENSE, RECEIPT, KEY_SET, "lock", "", "../lock"):
        play.document(name)
    play.ask(NewestRequest())
    play.ask(questions.Forecast())
    play.do(InstallToken(b"no token"))
    play.do(WithdrawCycle())
    play.do(InstallToken(vendor.token(MONDAY)))
    play.do(GenerateRequest())
    play.do(WithdrawCycle())
    play.do(GenerateRequest(), "a-key")
    play.ask(questions.Forecast())
    olf = vendor.olf(play.document(REQUEST), standard_lines(), MONDAY)
    assert play.ask(NewestRequest()).raw == play.document(REQUEST)
    play.ask(PreviewLicense(b"garbage"))
    play.ask(PreviewLicense(olf))
    play.do(InstallLicense(olf))
    play.ask(PreviewLicense(olf))
    play.do(InstallKeySet(vendor.rotate(MONDAY)))
    for name in (REQUEST, LICENSE, RECEIPT, KEY_SET):
        assert play.document(name)


def granting(play: Play) -> None:
    for user in ("anna", "bo", "bo", "cleo", "dan", "\N{SNOWMAN} 株式会社", "a" * 201, "two\nlines"):
        play.do(AssignUser(USERS, user))
        play.ask(CheckUser(USERS, user))
    play.do(UnassignUser(USERS, "bo"), "k1")
    play.do(UnassignUser(USERS, "bo"), "k1")
    play.do(UnassignUser(USERS, "cleo"), "k1")
    lease = play.do(AcquireSeat(SEATS, "bot-17")).lease_id
    for command in (RenewSeat(lease), ReleaseSeat(lease), ReleaseSeat(lease), AcquireSeat(PAGES, "bot-17")):
        play.do(command)
    for units in (10, 91, 90, 2**53 - 1):
        play.do(ConsumeUnits(PAGES, units))
    play.ask(CheckFeature(FEATURE))
    play.ask(CheckFeature("nothing"))


def looking(play: Play) -> None:
    made = play.do(CreateApiKey("bots", [SEATS], ["take"]))
    play.do(CreateApiKey("bots", [], ["take"]))
    for key_id in (made.key_id, "nothing"):
        play.do(RevokeApiKey(key_id))
    play.ask(ListApiKeys())
    for question in (questions.Status(), questions.Usage(), questions.Checkpoint()):
        play.ask(question)
    for days in (-400, 0, 400):
        play.ask(questions.Forecast(MONDAY + timedelta(days=days)))
    for question in (questions.Records(), questions.Records(10_000), questions.Records(2, "refused")):
        play.ask(question)
    play.ask(questions.Records(3, before=5))


def test_both_desks_answer_the_same(new_room: Room, tmp_path: Path) -> None:
    places = [Place(new_room, tmp_path / name) for name in ("own", "served")]
    plays = []

    def played(desk: Desk) -> None:
        play = Play(desk)
        for part in (exchange, granting, looking):
            part(play)
        plays.append(play)

    with places[0].own() as own:
        played(own)
    with places[1].served(), closing(places[1].asked()) as asked:
        played(asked)
    own_play, served_play = plays
    assert own_play.heard == served_play.heard
    assert own_play.asked == served_play.asked == {*wire.COMMANDS, *wire.QUESTIONS}
    assert {type(outcome) for _, outcome in own_play.heard} >= {Refusal, tuple, bytes, type(None)}


def test_every_command_and_question_there_is_can_cross_the_socket() -> None:
    found: dict[str, set[type]] = {"decide": set(), "answer": set()}
    for module in pkgutil.walk_packages(control_room.__path__, f"{control_room.__name__}."):
        if module.name.split(".")[2] in ("activation", "granting", "authority"):
            for each in vars(import_module(module.name)).values():
                for act, known in found.items():
                    if inspect.isclass(each) and hasattr(each, act) and isinstance(getattr(each, "what", None), str):
                        known.add(each)
    assert found["decide"] == set(wire.COMMANDS.values())
    assert found["answer"] == set(wire.QUESTIONS.values())


def test_what_is_done_at_a_desk_is_in_the_ledger(desk: Desk) -> None:
    desk.execute(AssignUser(USERS, "mara"), "kai", "key-1")
    page: Any = desk.ask(questions.Records(2))
    assert [(record.kind, record.actor) for record in page.records] == [
        ("seat.assigned", "kai"),
        ("answer.remembered", "kai"),
    ]
    assert page.records[0].body == {"sku": USERS, "user": "mara"}


def test_records_come_in_pages(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "WINDOW", 7)
    for number in range(20):
        desk.execute(ConsumeUnits(PAGES, 1 + number % 3), "kai")
    size = desk.ask(questions.Status()).checkpoint.size  # type: ignore[union-attr]
    found, before, pages = [], None, 0
    while before != 0:
        page: Any = desk.ask(questions.Records(1000, "units.consumed", before))
        found, before, pages = [*page.records, *found], page.before, pages + 1
    assert [record.body["units"] for record in found] == [1 + number % 3 for number in range(20)]
    assert pages == -(-size // 7)
    monkeypatch.setattr(questions, "PAGE", 1)
    page = desk.ask(questions.Records(5))
    assert ([record.index for record in page.records], page.before) == ([size - 1], size - 1), "one at least"


def test_an_answer_larger_than_a_frame_arrives_whole(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FRAME_LIMIT", 500)
    with place.served(), closing(place.asked()) as asked:
        assert len(asked.ask(questions.Status()).lines) == 4  # type: ignore[union-attr]
        with pytest.raises(UsageError, match="too large"):
            asked.execute(InstallToken(b"x" * 1000), "kai")


@pytest.mark.parametrize("size", [0, 1, wire.FRAME_LIMIT, wire.FRAME_LIMIT + 1, 3 * wire.FRAME_LIMIT])
def test_frames_of_a_message(size: int) -> None:
    sent = memoryview(wire.frames(b"x" * size))
    at = 0

    def read(count: int) -> bytes:
        nonlocal at
        at += count
        return bytes(sent[at - count : at])

    assert wire.read_message(read) == b"x" * size
    assert at == len(sent)


# --- who may call, and what they may send --------------------------------------------------------------------------


def frame(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _request(**changes: Any) -> bytes:
    whole = {"type": "do", "what": "assign", "fields": {"sku": USERS, "user": "x"}, "actor": "kai", "key": None}
    return frame(msgspec.json.encode(whole | changes))


HOSTILE = {
    "too long": (wire.FRAME_LIMIT + 1).to_bytes(4, "big"),
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
            reply = wire.read_message(lambda count: hostile.recv(count, socket.MSG_WAITALL))
        with pytest.raises(UsageError):
            wire.read_reply(reply)
        assert other.ask(questions.Checkpoint()) == before


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
        mode = (place.folder / wire.SOCKET).stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not (place.folder / wire.SOCKET).exists(), "and it is gone with the server"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_not_answered(place: Place) -> None:
    with place.served(), closing(place.asked()) as own:
        place.folder.chmod(0o755)
        (place.folder / wire.SOCKET).chmod(0o666)
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
            connection.connect(wire.SOCKET)
            with suppress(OSError):
                connection.sendall(wire.frames(wire.ask(questions.Status())))
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
    assert SocketDesk.connect(place.folder) is None
    assert SocketDesk.connect(tmp_path / "nowhere") is None
    (tmp_path / "file").touch()
    assert SocketDesk.connect(tmp_path / "file") is None


def test_the_socket_of_a_killed_server_is_no_server_and_is_replaced(place: Place) -> None:
    for name in (wire.SOCKET, f".{wire.SOCKET}.part"):
        with closing(socket.socket(socket.AF_UNIX)) as dead:
            dead.bind(str(place.folder / name))
    assert SocketDesk.connect(place.folder) is None
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
    monkeypatch.setattr("carnet.control_room.engine.socket_desk._DESCRIPTORS", tmp_path / "none")
    place = Place(licensed, tmp_path / ("x" * 100))
    with pytest.raises(UsageError, match="too long for a socket"), place.served():
        pass


def test_a_server_that_goes_away_while_it_is_asked(place: Place) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as deaf:
        deaf.bind(str(place.folder / wire.SOCKET))
        deaf.listen()
        with closing(place.asked()) as asked:
            deaf.accept()[0].close()
            with pytest.raises(CarnetError, match="went away") as caught:
                asked.execute(AssignUser(USERS, "x"), "kai")
            assert "may have been done" in caught.value.next_step
        late = SocketDesk.connect(place.folder, patience=0.1)
        assert late is not None
        with closing(late), pytest.raises(BusyError, match="does not answer"):
            late.ask(questions.Status())


def test_what_has_come_is_answered_when_the_server_ends(place: Place) -> None:
    with place.served() as server:
        callers = [place.raw() for _ in range(10)]
        for caller in callers:
            caller.sendall(_request())
        heard = [wire.read_message(lambda n, c=caller: c.recv(n, socket.MSG_WAITALL)) for caller in callers[:5]]
        server._end()
        for caller in callers[5:]:
            heard.append(wire.read_message(lambda n, c=caller: c.recv(n, socket.MSG_WAITALL)))
        for caller in callers:
            assert caller.recv(1) == b"", "and then it hangs up"
            caller.close()
    assert len({bytes(each) for each in heard}) == 1


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_many_callers_at_once_on_either_loop(place: Place, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with place.served(loop=loop):
        desks = [place.asked() for _ in range(20)]
        for desk in desks:
            desk._connection.sendall(wire.frames(wire.do(ConsumeUnits(PAGES, 1), "kai", None)))
        left = {wire.read_answer(wire.read_message(desk._read), ConsumeUnits.answers).remaining for desk in desks}  # type: ignore[union-attr]
        assert left == set(range(80, 100))
        for desk in desks:
            desk.close()


def test_a_copied_folder_is_a_room_of_its_own(place: Place, tmp_path: Path) -> None:
    """A stale socket that was copied, or that leads elsewhere, is nobody's."""
    with place.served():
        shutil.copytree(place.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
        assert SocketDesk.connect(tmp_path / "copy") is None
