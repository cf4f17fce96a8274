"""G4: each write and each fsync fails in turn. What failed was refused, nothing moved, and asked again it is done."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import cast

import msgspec
import pytest

from carnet.control_room.engine import idempotency_index
from carnet.control_room.engine.engine import QueuedCommand
from carnet.control_room.engine.snapshots import SNAPSHOT_EVERY
from carnet.control_room.engine.sqlite import SNAPSHOT
from carnet.control_room.engine.writer import Writer
from carnet.control_room.rest.door import Door
from carnet.control_room.rest.message import Answer, Request
from carnet.control_room.rules.granting.api_keys import CreateApiKey
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.errors import BusyError, StorageError, TamperedError
from tests.support import depth
from tests.support.failing_disk import Disk, failing_disk
from tests.support.fault_scene import PAGES, SEATS, Origin, Scene, Unread, opened, scene

pytestmark = pytest.mark.slow

EACH = depth.is_deep()  # each single call; else one in so many
FAULTS = [
    ("write", False, 47),
    ("full", True, 61),
    ("torn", True, 59),
    ("sync", False, 7),
    ("sync", True, 5),
    ("truncate", True, 1),
]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    return Origin.make(tmp_path_factory.mktemp("origin") / "site")


@pytest.fixture(autouse=True)
def few_answers_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency_index, "IN_MEMORY", 4)


def play(told: Scene) -> None:
    async def playing() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.complaints.append(context))
        await told.play()
        told.disk.heal()
        await told.writer.close()

    asyncio.run(playing())
    assert told.complaints == []


def run(
    origin: Origin, folder: Path, disk: Disk, fault: str, *, at: int, stays: bool, kind: type[Scene] = Scene
) -> int | None:
    """The whole sequence with one fault in it; how many orders it hit, or None where there were not so many calls."""
    with scene(origin, folder, disk, kind) as told:
        disk.fail(fault, at=at, stays=stays)
        play(told)
        fired = disk.fired
    with opened(origin, folder) as engine:
        assert told.image(engine) == told.image(told.engine), "a process that starts later agrees"
    shutil.rmtree(folder)
    return told.faults if fired else None


@pytest.mark.rule("G4", "G5", "L1", "storage_failed")
@pytest.mark.parametrize(("kind", "stays", "step"), FAULTS)
def test_each_call_fails_in_turn(origin: Origin, tmp_path: Path, kind: str, stays: bool, step: int) -> None:
    hit, at = 0, 1
    with failing_disk() as disk:
        while (faults := run(origin, tmp_path / "site", disk, kind, at=at, stays=stays)) is not None:
            hit, at = hit + faults, at + (1 if EACH else step)
    assert at > 1, "it was tried at all"
    assert hit > 0 or kind == "truncate", "orders were refused by it"


@pytest.mark.rule("G4", "G5")
@pytest.mark.parametrize(("stays", "step"), [(False, 73), (True, 83)])
def test_what_cannot_be_read_is_not_answered_from(origin: Origin, tmp_path: Path, stays: bool, step: int) -> None:
    """No order is granted on a state that is not the disk's, and none is kept as a snapshot. A disk that cannot be
    read has failed: nobody is told to restore a backup."""
    hit, at = 0, 1
    with failing_disk() as disk:
        while (faults := run(origin, tmp_path / "site", disk, "read", at=at, stays=stays, kind=Unread)) is not None:
            hit, at = hit + faults, at + (1 if EACH else step)
    assert hit > 0


@pytest.mark.rule("G4", "storage_failed")
@pytest.mark.parametrize("kind", ["read", "write", "sync", "map", "truncate"])
def test_a_start_on_a_failing_disk_is_refused_in_words(origin: Origin, tmp_path: Path, kind: str) -> None:
    """After a kill: what was committed lies beside the database, and is read from there."""
    with failing_disk() as disk:
        with scene(origin, tmp_path / "site", disk) as told:
            asyncio.run(told.do(ConsumeUnits(PAGES, 5)))
            shutil.copytree(told.folder, tmp_path / "killed", ignore=shutil.ignore_patterns("*-shm"))
        at = 0
        while disk.fired or not at:
            at += 1
            shutil.copytree(tmp_path / "killed", tmp_path / "again")
            disk.fail(kind, at=at)
            with suppress(StorageError), opened(origin, tmp_path / "again") as engine:
                assert engine.checkpoint == told.engine.checkpoint
            disk.heal()
            with opened(origin, tmp_path / "again") as engine:
                assert told.image(engine) == told.image(told.engine)
            shutil.rmtree(tmp_path / "again")


# --- snapshots ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("G4")
def test_a_snapshot_that_cannot_be_written_harms_nothing(origin: Origin, tmp_path: Path) -> None:
    with failing_disk() as disk, scene(origin, tmp_path / "site", disk) as told:
        (told.folder / SNAPSHOT / "in the way").mkdir(parents=True)
        told.writer = Writer(told.engine, lambda: told.reading, snapshot_every=1)

        async def working() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: told.complaints.append(context))
            for _ in range(3):
                await told.do(ConsumeUnits(PAGES, 5))
            await told.do(AcquireSeat(SEATS, "bot-1"))
            await told.writer.close()

        asyncio.run(working())
        assert told.complaints
        assert {context["message"] for context in told.complaints} == {"No snapshot could be written"}


@pytest.mark.rule("G4")
def test_what_is_durable_is_answered_though_no_snapshot_could_be_written(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the command line does it, on a full device. What is not whole does not stay there, also of earlier tries."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with failing_disk() as disk, scene(origin, tmp_path / "site", disk) as told:
        (told.folder / f".{SNAPSHOT}.{'0123' * 4}.part").write_bytes(b"of a server that was killed")
        told.engine.snapshot_size = -SNAPSHOT_EVERY
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            assert told.engine.execute(ConsumeUnits(PAGES, 5), told.reading, "anna")
        assert not list(told.folder.glob("*.part")) + list(told.folder.glob(".*.part"))
        assert not (told.folder / SNAPSHOT).exists()
        told.look()


@pytest.mark.rule("G4")
def test_no_snapshot_is_kept_of_a_state_that_could_not_be_read_again(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order breaks after another one moved the state, and the disk cannot be read just then."""
    with failing_disk() as disk, scene(origin, tmp_path / "site", disk) as told:
        before = told.image(told.engine)
        orders = [QueuedCommand(ConsumeUnits(PAGES, 5), "anna"), QueuedCommand(Breaking(), "anna")]  # type: ignore[arg-type]
        with monkeypatch.context() as patch:
            patch.setattr(told.store, "head", unreadable)
            with pytest.raises(RuntimeError):
                told.engine.execute_all(orders, told.reading)
        assert told.engine.snapshot_if_due(every=1) is None
        with pytest.raises(StorageError):
            told.engine.check_loaded()
        told.engine.probe()
        assert told.image(told.engine) == before


class Breaking:
    what = "broken"

    def decide(self, *_: object) -> None:
        raise RuntimeError("a fault of this program")


def unreadable() -> None:
    raise TamperedError("The ledger's database cannot be read.")


# --- too many that wait ---------------------------------------------------------------------------------------------


@pytest.mark.rule("G4", "busy")
def test_more_orders_than_may_wait_are_turned_away_untried(origin: Origin, tmp_path: Path) -> None:
    with failing_disk() as disk, scene(origin, tmp_path / "site", disk) as told:
        key = told.engine.execute(CreateApiKey("bots", None, ["take"]), told.reading, "anna")
        size = told.engine.checkpoint.size
        writer = Writer(told.engine, lambda: told.reading, waiting=4)
        door, replies = Door(writer), cast("list[Answer]", [])
        body = b'{"sku":"document-pages","units":1}'
        bearer = f"Bearer {key.key}".encode()  # type: ignore[attr-defined]

        async def asking() -> None:
            for number in range(6):
                asked = Request(b"POST", b"/api/v1/units/consume", body, bearer, f"busy-{number}".encode())
                door.handle(asked, replies.append)
            assert [reply.status for reply in replies] == [503, 503], "told at once"
            with pytest.raises(BusyError):
                writer.submit([QueuedCommand(ConsumeUnits(PAGES, 1), "anna")], lambda _: None)
            await writer.execute([])

        asyncio.run(asking())
        busy, granted = replies[:2], replies[2:]
        assert {msgspec.json.decode(reply.body)["code"] for reply in busy} == {"busy"}
        assert {reply.headers for reply in busy} == {((b"retry-after", b"1"),)}
        assert {reply.kind for reply in busy} == {b"application/problem+json"}
        assert [reply.status for reply in granted] == [200] * 4
        assert told.engine.checkpoint.size == size + 4
        told.look()
