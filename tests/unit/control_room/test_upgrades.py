"""From one release to another on the same ledger: upwards with a record of it, downwards not at all."""

from pathlib import Path

import pytest

from carnet.control_room.engine.founding import upgrade
from carnet.control_room.engine.sqlite import SNAPSHOT
from carnet.control_room.rules.granting.seats import AcquireSeat, RenewSeat
from carnet.control_room.wiring import VERSION, Site
from carnet.errors import NewerVersionError
from tests.support.own_site import licensed_site
from tests.support.room import Room

NEWER = "40.10.0"  # of two digits: versions are compared as numbers, not as text


def _records(folder: Path) -> int:
    with Site(folder).evidence(None) as (_, records):
        return records


def test_a_ledger_written_by_a_newer_release_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    licensed_site(tmp_path / "site", {"document-pages": 100})
    with Site(tmp_path / "site", version=NEWER).engine(writing=True) as engine:
        assert engine.state.version == NEWER
    size = _records(tmp_path / "site")
    for older in (VERSION, "40.9.0"):
        for writing in (True, False):
            old = Site(tmp_path / "site", version=older)
            with pytest.raises(NewerVersionError, match=NEWER) as fault, old.engine(writing=writing):
                pass
            assert fault.value.next_step
    assert _records(tmp_path / "site") == size
    with Site(tmp_path / "site", version=NEWER).engine(writing=True) as engine:
        assert engine.checkpoint.size == size, "the same release writes no second record of an upgrade"


def test_a_newer_release_is_found_out_from_its_snapshot_too(tmp_path: Path) -> None:
    licensed_site(tmp_path / "site", {"document-pages": 100})
    with Site(tmp_path / "site", version=NEWER).engine(writing=True) as engine:
        engine.keep_snapshot(1)
    with pytest.raises(NewerVersionError), Site(tmp_path / "site").engine():
        pass


def test_what_an_upgrade_will_do_is_said_before_it_is_done(tmp_path: Path) -> None:
    licensed_site(tmp_path / "site", {"document-pages": 100})
    size = _records(tmp_path / "site")
    same, newer = Site(tmp_path / "site"), Site(tmp_path / "site", version=NEWER)
    assert same.migrations().steps == [], "the same release has nothing to do"
    (tmp_path / "site" / "pages.sqlite3").touch()
    told = newer.migrations()
    assert any("pages.sqlite3" in step for step in told.steps)
    assert (told.written_by, told.version, told.records) == (VERSION, NEWER, size)
    assert any("site.upgraded" in step for step in told.steps)
    assert _records(tmp_path / "site") == size, "it was said, not done"


def test_a_state_of_another_shape_is_folded_anew_and_that_is_said(tmp_path: Path) -> None:
    licensed_site(tmp_path / "site", {"document-pages": 100})
    with Site(tmp_path / "site").engine(writing=True) as engine:
        engine.keep_snapshot(1)
    assert Site(tmp_path / "site").migrations().steps == []
    (tmp_path / "site" / SNAPSHOT).write_bytes(b"of a shape that this release does not read")
    (step,) = Site(tmp_path / "site").migrations().steps
    assert f"{_records(tmp_path / 'site')} records" in step


def test_a_backup_of_a_newer_release_is_not_put_back_and_nothing_is_moved(tmp_path: Path) -> None:
    licensed_site(tmp_path / "site", {"document-pages": 100})
    newer, older = Site(tmp_path / "site", version=NEWER), Site(tmp_path / "empty", tmp_path / "site" / "passphrase")
    with newer.engine(writing=True):
        pass
    newer.backup(tmp_path / "newer.backup")
    with pytest.raises(NewerVersionError):
        older.restore(tmp_path / "newer.backup")
    assert {path.name for path in (tmp_path / "empty").iterdir()} <= {"lock"}


@pytest.mark.rule("G6")
def test_a_lease_outlives_an_upgrade(licensed: Room) -> None:
    taken = licensed.do(AcquireSeat("unattended-bot-runner", "bot-1"))
    licensed.version = NEWER
    licensed.reopen()
    upgrade(licensed.engine, NEWER, licensed.reading)
    assert licensed.state.version == NEWER
    licensed.wait(seconds=1)
    assert licensed.do(RenewSeat(taken.lease_id)).holder == "bot-1"
