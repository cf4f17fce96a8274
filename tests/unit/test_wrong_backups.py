"""E13, D3: a file that is given as a backup or as a checkpoint, and is something else, is named for what it is; nothing
is asked for or written before."""

from __future__ import annotations

from pathlib import Path

import pytest

from carnet.calm import backup as calm_backup
from carnet.control_room.cli import app
from carnet.control_room.engine import backup as site_backup
from carnet.control_room.wiring import Site
from carnet.errors import UsageError
from tests.journeys.commands import through_the_door

HOSTILE = Path(__file__).parents[1] / "vectors/hostile"
WRONG = {
    "an empty file": b"",
    "a PDF document": b"%PDF-1.7\n",
    "a zip archive": b"PK\x03\x04" + bytes(40),
    "an SQLite database": b"SQLite format 3\x00" + bytes(80),
    "License File Request (LFR)": (HOSTILE / "good.lfr").read_bytes(),
    "Offline License File (OLF)": (HOSTILE / "good.olf").read_bytes(),
}
OTHER = {
    "calm": ("a backup of a Control Room", site_backup.FORM + b"x"),
    "control-room": ("a backup of CALM", calm_backup.Backup.FORM + b"x"),
}


def opened(side: str, file: Path) -> str:
    """What is said of the file that is no backup of this side."""
    reader = calm_backup.open_backup(file, "calm.sqlite3", []) if side == "calm" else site_backup.open_backup(file, "p")
    with pytest.raises(UsageError) as raised, reader:
        pass
    assert raised.value.next_step
    return str(raised.value)


@pytest.mark.rule("E13")
@pytest.mark.parametrize("side", ["calm", "control-room"])
@pytest.mark.parametrize("what", [*WRONG, "other"])
def test_what_is_no_backup_is_named(tmp_path: Path, side: str, what: str) -> None:
    file = tmp_path / "chosen"
    named, raw = OTHER[side] if what == "other" else (what, WRONG[what])
    file.write_bytes(raw)
    assert named in opened(side, file)


def test_what_nobody_knows_is_only_said_to_be_none(tmp_path: Path) -> None:
    file = tmp_path / "chosen"
    file.write_bytes(b"some words")
    assert opened("calm", file) == f"{file} is not a backup of CALM."


@pytest.mark.rule("L1")
@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_checkpoint_is_named(tmp_path: Path, what: str) -> None:
    file = tmp_path / "checkpoint"
    file.write_bytes(WRONG[what])
    line = ["ledger", "verify", "--against", str(file), "--data", str(tmp_path), "--as", "kari"]
    done = through_the_door(app, line, Site)
    assert (done.code, what in done.err) == (2, True), done
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"], "nothing was written"
