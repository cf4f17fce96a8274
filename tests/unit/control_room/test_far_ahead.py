"""T5: a machine that wakes in 2070 is asked for its clock before it writes the time down."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from carnet.control_room.cli import app
from carnet.control_room.engine.sqlite import DATABASE
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.state.trusted_time import Reading
from carnet.control_room.wiring import Site
from carnet.errors import ClockError, UsageError
from carnet.far_ahead import LARGEST_JUMP
from tests.journeys.commands import Done, Later, through_the_door
from tests.support.own_site import licensed_site
from tests.support.tamper import PAGES
from tests.support.vendor_simulator import Vendor

LATE = datetime(2070, 1, 1, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Clocked(Later):
    """At a moment that the test says, after a restart of the machine."""

    at: datetime = LATE

    def reading(self) -> Reading:
        return Reading(self.at, 5, "another boot")


def _at(folder: Path, at: datetime, *words: str) -> Done:
    world = partial(Clocked, at=at, largest_jump=timedelta(days=LARGEST_JUMP))
    return through_the_door(app, [*words, "--data", str(folder), "--as", "kari"], world)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return licensed_site(tmp_path / "site", {PAGES: 100}, Vendor()).folder


def _size(folder: Path) -> int:
    with Site(folder).engine() as engine:
        return engine.checkpoint.size


@pytest.mark.security
@pytest.mark.rule("T5")
def test_a_machine_that_wakes_in_2070_writes_nothing_before_its_clock_is_confirmed(folder: Path) -> None:
    size, today = _size(folder), Site(folder).reading().system
    done = _at(folder, LATE, "units", "consume", PAGES, "5")
    assert (done.code, "2070-01-01 08:00" in done.err, "Nothing was recorded" in done.err) == (1, True, True), done
    assert "run: control-room clock confirm" in done.err
    assert "Nothing was recorded" in _at(folder, LATE, "serve", "--port", "0", "--no-pages").err
    status = json.loads(_at(folder, LATE, "status", "--json").out)
    assert "2070-01-01" in status["storage"], "a read says why the next command would do nothing (G6)"
    assert _size(folder) == size
    assert _at(folder, today, "units", "consume", PAGES, "5").code == 0, "set right, all goes on by itself"


@pytest.mark.rule("T5")
def test_whoever_confirms_names_the_day_and_it_is_recorded(folder: Path) -> None:
    size, next_week = _size(folder), LATE + timedelta(days=7)
    for wrong in ("2027-06-01", "2070-01-02", "yesterday"):
        assert _at(folder, LATE, "clock", "confirm", wrong).code == 2
    assert _size(folder) == size
    done = _at(folder, LATE, "clock", "confirm", "2070-01-01")
    assert (done.code, "is confirmed" in done.out) == (0, True), done
    (noted,) = json.loads(_at(folder, LATE, "ledger", "show", "--kind", "access.noted", "--json").out)
    assert noted["body"]["what"] == "the machine's clock confirmed"
    assert _at(folder, next_week, "units", "consume", PAGES, "5").code == 3, "the license has ended by now"


@pytest.mark.rule("T5")
def test_a_server_whose_clock_jumps_goes_on_when_it_is_set_right(folder: Path) -> None:
    site = Site(folder, largest_jump=timedelta(days=LARGEST_JUMP))
    with site.engine(writing=True) as engine:
        now, size = site.reading(), engine.checkpoint.size
        jumped = Reading(LATE, now.uptime, now.boot)
        with pytest.raises(ClockError):
            engine.execute(ConsumeUnits(PAGES, 5), jumped, "bot")
        assert engine.checkpoint.size == size
        engine.execute(ConsumeUnits(PAGES, 5), now, "bot")
        assert engine.checkpoint.size == size + 1


@pytest.mark.rule("T5")
@pytest.mark.parametrize(("days", "believed"), [(LARGEST_JUMP, True), (LARGEST_JUMP + 1, False)])
def test_a_clock_is_believed_up_to_what_is_set(folder: Path, days: int, *, believed: bool) -> None:
    with Site(folder).engine() as engine:
        newest = engine.state.mark
    done = _at(folder, newest + timedelta(days=days), "request", "generate", "--out", str(folder.parent / "x.lfr"))
    assert (done.code == 1) is not believed, done


@pytest.mark.rule("T5")
def test_the_setting_is_days_and_0_asks_about_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for said, days in (("", LARGEST_JUMP), ("30", 30), ("0", None)):
        monkeypatch.setenv("CARNET_ROOM_CLOCK_JUMP_DAYS", said)
        assert Site(tmp_path).largest_jump == (timedelta(days=days) if days else None)
    monkeypatch.setenv("CARNET_ROOM_CLOCK_JUMP_DAYS", "-1")
    with pytest.raises(UsageError):
        Site(tmp_path)


@pytest.mark.rule("T5", "L7")
@pytest.mark.parametrize("what", ["restore", "move"])
def test_a_backup_or_move_that_is_far_older_than_the_clock_names_the_date_with_it(folder: Path, what: str) -> None:
    with Site(folder).engine() as engine:
        today = engine.state.mark
    file, new = folder.parent / "carried", folder.parent / "new"
    made = ("move", "--out", str(file)) if what == "move" else ("backup", "--out", str(file))
    assert _at(folder, today, *made).code == 0
    new.mkdir()
    shutil.copy(folder / "passphrase", new / "passphrase")
    back = ("move", "--from", str(file)) if what == "move" else ("restore", str(file))
    asked = _at(new, LATE, *back)
    assert (asked.code, "2070-01-01 08:00" in asked.err) == (1, True), asked
    assert f"run: control-room {what} " in asked.err
    assert "--date YYYY-MM-DD" in asked.err
    assert _at(new, LATE, *back, "--date", "2069-12-31").code == 2
    assert not (new / DATABASE).exists(), "nothing was put in place"
    assert _at(new, LATE, *back, "--date", "2070-01-01").code == 0
    with Site(new).engine() as engine:
        assert engine.state.mark == LATE
