"""G6: without a server, what a read promises is what the next command grants."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from carnet.control_room.cli import app
from carnet.control_room.state.trusted_time import Reading
from carnet.control_room.wiring import Site
from tests.journeys.commands import Done, Later, through_the_door
from tests.support.own_site import licensed_site
from tests.support.tamper import PAGES, SEATS


@dataclass(frozen=True)
class AfterABoot(Later):
    """At a moment that the test says, after a restart of the machine."""

    at: datetime | None = None

    def reading(self) -> Reading:
        assert self.at
        return Reading(self.at, 5, f"boot at {self.at}")


def _at(folder: Path, at: datetime, *words: str) -> Done:
    words = (*words, "--data", str(folder), "--as", "kari", "--json")
    return through_the_door(app, list(words), partial(AfterABoot, at=at))


def _products(folder: Path, at: datetime, *words: str) -> dict[str, Any]:
    done = _at(folder, at, *words)
    assert done.code == 0, done
    return {each["sku"]: each for each in json.loads(done.out)["products"]}


@pytest.mark.rule("G6")
@pytest.mark.parametrize("words", [("usage", "show"), ("status",)])
def test_a_read_after_a_restart_promises_nothing_that_the_next_command_refuses(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    folder = licensed_site(tmp_path / "site", {PAGES: 5, SEATS: 1}).folder
    now = Site(folder).reading().system
    assert _at(folder, now, "units", "reserve", PAGES, "2", "--ttl", "600").code == 0
    assert _at(folder, now, "seat", "acquire", SEATS, "--holder", "b1", "--ttl", "60").code == 0
    later = now + timedelta(days=2)
    with Site(folder).engine() as engine:
        size = engine.checkpoint.size
    seen = _products(folder, later, *words)
    assert (seen[PAGES]["remaining"], seen[PAGES]["reserved"], seen[SEATS]["in_use"]) == (3, 2, 1)
    with Site(folder).engine() as engine:
        assert engine.checkpoint.size == size, "a read writes nothing"
    assert _at(folder, later, "seat", "acquire", SEATS, "--holder", "b2").code == 3
    assert _at(folder, later, "units", "consume", PAGES, "4").code == 3
    assert _at(folder, later, "units", "consume", PAGES, "3").code == 0
