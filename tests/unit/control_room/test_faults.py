"""G4: each write and each fsync fails in turn. What failed was refused, nothing moved; it is done once asked again."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from carnet.control_room.engine import answers
from tests.support.failing_disk import Disk, failing_disk
from tests.support.fault_scene import Origin, Scene, opened, scene

EACH = "CARNET_KILLS" in os.environ  # `make test-crash`: each single call; else every third
FAULTS = [("write", False), ("full", True), ("torn", True), ("sync", False), ("sync", True), ("truncate", True)]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    return Origin.make(tmp_path_factory.mktemp("origin") / "site")


@pytest.fixture(autouse=True)
def few_answers_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "IN_MEMORY", 4)


def play(told: Scene) -> None:
    async def playing() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.complaints.append(context))
        await told.play()
        told.disk.heal()
        await told.writer.close()

    asyncio.run(playing())
    assert told.complaints == []


def run(origin: Origin, folder: Path, disk: Disk, *kinds: str, at: int, stays: bool = False) -> Any:
    """The whole sequence with one fault in it; how many orders it hit, or None where there were not so many calls."""
    with scene(origin, folder, disk) as told:
        disk.fail(*kinds, at=at, stays=stays)
        play(told)
        fired = disk.fired
    with opened(origin, folder) as engine:
        assert told.image(engine) == told.image(told.engine), "a process that starts later agrees"
    shutil.rmtree(folder)
    return told.faults if fired else None


@pytest.mark.rule("G4", "G5", "L1", "storage_failed")
@pytest.mark.parametrize(("kind", "stays"), FAULTS)
def test_each_call_fails_in_turn(origin: Origin, tmp_path: Path, kind: str, stays: bool) -> None:
    hit, at = 0, 1
    with failing_disk() as disk:
        while (faults := run(origin, tmp_path / "site", disk, kind, at=at, stays=stays)) is not None:
            hit, at = hit + faults, at + (1 if EACH else 3)
    assert at > 1, "it was tried at all"
    assert hit > 0 or kind == "truncate", "orders were refused by it"
    print(kind, stays, at, hit)
