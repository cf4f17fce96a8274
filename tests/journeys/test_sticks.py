"""Sticks and disks as they are: full, not there, write-protected; files that are there already, devices and pipes.

A command that acted says what was done, and how its file is written again; one that may not write acts not at all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from carnet import files, out_files, sealed_backup
from carnet.exchange.envelope import Kind
from tests.journeys.commands import Story

pytestmark = pytest.mark.server
STICK = 16 * 1024  # bytes


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of its own that has no byte left; a file can be named there, and not filled."""
    place = tmp_path / "stick"
    place.mkdir()
    yield from _mounted(place, STICK)


def _mounted(place: Path, size: int) -> Iterator[Path]:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", place], check=False)
    if done.returncode:
        pytest.skip("No filesystem can be mounted here.")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=False, capture_output=True)  # a test may have pulled it out


def fill(place: Path, left: int = 0) -> None:
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    (place / "filler").write_bytes(bytes(free - left))


@pytest.mark.rule("E3", "D3")
def test_a_request_on_a_full_stick_stands_and_is_written_again(story: Story, stick: Path) -> None:
    fill(stick)
    before = len(story.site("ledger", "show", "--kind", "request.generated"))
    done = story.site.process("request", "generate", "--out", str(stick / "x.lfr"), "--json")
    failed = json.loads(done.out)["failed"]
    assert done.code == 1
    assert str(stick / "x.lfr") in failed["message"]
    assert "no space is left there" in failed["message"]
    assert "stands" in failed["message"]
    assert failed["run"] == "control-room request save-again --out FILE"
    assert len(story.site("ledger", "show", "--kind", "request.generated")) == before + 1
    assert [path.name for path in stick.iterdir()] == ["filler"], "no half a file keeps the stick full"
    story.site("request", "save-again", "--out", story.file("lfr"))
    assert story.accept(story.file("lfr"))


@pytest.mark.rule("E6", "D3")
def test_a_license_file_and_a_receipt_on_a_full_stick_stand_and_are_written_again(story: Story, stick: Path) -> None:
    fill(stick)
    request = story.accept(story.ask())
    lines = [part for purchase in story.bought.values() for part in ("--line", f"{purchase}=1")]
    issue = ("license-file", "issue", "--request", request, *lines, "--out", str(stick / "x.olf"))
    done = story.calm.process(*issue)
    assert (done.code, "is issued all the same" in done.err) == (1, True), done
    run = next(line for line in done.err.splitlines() if line.startswith("run: calm ")).split()
    story.calm(*run[2:-1], story.file("olf"))
    done = story.site.process("license", "install", story.file("olf"), "--receipt", str(stick / "x.receipt"))
    assert (done.code, "is installed all the same" in done.err) == (1, True), done
    assert "run: control-room license show --receipt FILE" in done.err
    story.site("license", "show", "--receipt", story.file("receipt"))
    assert story.calm("receipt", "accept", story.file("receipt"))["verdict"] == "confirmed"


@pytest.mark.rule("D3")
@pytest.mark.parametrize("another", [False, True])
def test_a_stick_that_is_pulled_out_while_a_file_is_written_is_told(stick: Path, another: bool) -> None:
    """Between its opening and its last name. A stick that is put in its place does not hold the file either."""
    with ExitStack() as back:
        with pytest.raises(OSError) as raised, files.replacing(stick / "x.lfr") as stream:  # noqa: PT011, PT012 - what is held against it stands below
            stream.write(b"half of it")
            subprocess.run(["umount", "-l", stick], check=True)
            if another:
                back.enter_context(contextmanager(_mounted)(stick, STICK))
        assert "was the stick pulled out?" in out_files.words_of(raised.value)
        assert list(stick.iterdir()) == [], "nothing looks as if it were there"


@pytest.mark.rule("D3")
def test_no_folder_is_made_where_a_stick_is_not_mounted(story: Story, tmp_path: Path) -> None:
    state = story.site("ledger", "checkpoint")
    for out in (tmp_path / "media" / "stick" / "x.lfr", tmp_path / "media" / "x.lfr"):
        done = story.site.run("request", "generate", "--out", str(out))
        assert (done.code, "There is no folder" in done.err) == (2, True), done
    assert not (tmp_path / "media").exists()
    assert story.site("ledger", "checkpoint") == state


@pytest.mark.security
@pytest.mark.rule("D3")
def test_no_device_pipe_link_or_file_of_another_kind_is_replaced(story: Story, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    (tmp_path / "thesis.pdf").write_bytes(b"%PDF-1.7\n")
    (tmp_path / "notes").write_text("as they were")
    story.calm("trust", "export", "--out", str(tmp_path / "trust.json"))
    state = story.site("ledger", "checkpoint")
    for name in ("/dev/full", "/dev/null", "pipe", "link", "thesis.pdf", "notes", "trust.json"):
        done = story.site.run("request", "generate", "--out", str(tmp_path / name))
        assert (done.code, "Nothing was done" in done.err) == (2, True), done
    assert story.site("ledger", "checkpoint") == state
    assert Path("/dev/full").is_char_device()
    assert (tmp_path / "thesis.pdf").read_bytes() == b"%PDF-1.7\n"
    assert "a PDF document" in story.site.run("request", "generate", "--out", str(tmp_path / "thesis.pdf")).err
    story.site("request", "generate", "--out", str(tmp_path / "thesis.pdf"), "--force")
    story.site("request", "generate", "--out", str(tmp_path / "thesis.pdf"))
    assert out_files.kind_at(tmp_path / "thesis.pdf") == out_files.LFR, "a file of the same kind is replaced"


@pytest.mark.rule("D3")
@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_the_standard_output_takes_the_file_and_nothing_else(story: Story, name: str, tmp_path: Path) -> None:
    done = story.site.process("request", "generate", "--out", name)
    assert done.code == 0, done
    assert "is written" in done.err
    (tmp_path / "x.lfr").write_text(done.out)
    assert story.accept(str(tmp_path / "x.lfr"))
    both = story.site.process("request", "save-again", "--out", name, "--json")
    assert (both.code, "cannot both" in both.err) == (2, True)


def test_the_kinds_of_files_are_called_as_the_exchange_calls_them() -> None:
    named = {out_files.LFR, out_files.OLF, out_files.RECEIPT, out_files.TOKEN, out_files.KEY_SET}
    assert named == {kind.words for kind in Kind}


@pytest.mark.rule("D3")
def test_a_backup_needs_no_room_on_the_disk_that_is_full(story: Story, tmp_path: Path) -> None:
    place = tmp_path / "data"
    place.mkdir()
    for small in _mounted(place, 6 * 2**20):
        for path in story.site.data.iterdir():
            if path.is_file():
                (small / path.name).write_bytes(path.read_bytes())
                (small / path.name).chmod(0o600)
        fill(small, 64 * 1024)
        out = tmp_path / "rescue.backup"
        words = [
            str(Path(sys.executable).with_name("control-room")),
            "backup",
            "--out",
            str(out),
            "--data",
            str(small),
            "--json",
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done
        assert json.loads(done.stdout)["bytes"] == out.stat().st_size
        assert not list(small.glob(".*backup*"))


@pytest.mark.rule("D3")
def test_what_a_killed_backup_or_restore_left_is_removed_and_what_goes_on_is_not(tmp_path: Path) -> None:
    for name in (f"{sealed_backup.SCRATCH}a", f"{sealed_backup.LAID}b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_bytes(b"x")
    (tmp_path / f".x.backup.{'0a' * 8}.part").write_bytes(b"half")
    with (
        files.scratch_folder(tmp_path, sealed_backup.SCRATCH) as going,
        files.replacing(tmp_path / "y.backup") as file,
    ):
        sealed_backup.clear(tmp_path)
        assert going.is_dir()
        assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {going.name}
        file.write(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["y.backup"]
    assert (tmp_path / "y.backup").read_bytes() == b"whole"
