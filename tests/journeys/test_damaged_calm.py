"""D4 at CALM: bits of its database turned, one at a time, and a disk that is full. It answers as before, or says in a
sentence what is not what was written or why it could not write; never with a fault of the program.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.journeys.commands import Done, Story, Vendor
from tests.support.depth import is_deep, times

pytestmark = pytest.mark.server
LEAF = """UPDATE issuing_log_logentry SET leaf = x'ff' WHERE "index" = 2"""
READS = [("log", "verify"), ("control-room", "list"), ("log", "show"), ("purchase", "list"), ("person", "list")]
READS += [("account", "list"), ("catalogue", "show")]


def _laid_flat(calm: Vendor) -> Path:
    """The database as one file."""
    path = calm.data / "calm.sqlite3"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")
    return path


def _in_our_words(done: Done) -> bool:
    told = done.err.startswith(("failed: ", "refused: ")) or "does not hold" in done.out
    return done.code == 0 or (done.code in (1, 3) and told)


@pytest.mark.security
@pytest.mark.rule("D4", "V1")
def test_no_turned_bit_of_calms_database_ends_in_a_fault_of_the_program(story: Story) -> None:
    path = _laid_flat(story.calm)
    whole, random = path.read_bytes(), Random(1)
    reads = READS if is_deep() else READS[:2]
    for _ in range(times(20, 1000)):
        flipped, at = bytearray(whole), random.randrange(len(whole))
        flipped[at] ^= 1 << random.randrange(8)
        for part in path.parent.glob(f"{path.name}-*"):
            part.unlink()
        path.write_bytes(flipped)
        for words in reads:
            done = story.calm.run(*words)
            assert _in_our_words(done), (at, words, done)


@pytest.mark.security
@pytest.mark.rule("D4", "V1")
@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        (LEAF, ("log", "show"), "Record 2 of the issuing log"),
        (LEAF, ("log", "verify"), "record 2: "),
        ("UPDATE purchases_purchase SET valid_until = 'x'", ("purchase", "list"), "is not what was written"),
    ],
)
def test_a_row_that_is_damaged_is_named(story: Story, change: str, words: tuple[str, ...], said: str) -> None:
    with closing(sqlite3.connect(_laid_flat(story.calm))) as db:
        db.execute(change)
        db.commit()
    done = story.calm.run(*words)
    assert (done.code in (1, 3), said in done.err + done.out) == (True, True), done


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of its own for a data folder."""
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", place], check=False)
    if done.returncode:
        pytest.skip("No filesystem can be mounted here.")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.rule("D4")
def test_a_full_disk_of_calms_is_told_as_full_and_no_backup_is_spoken_of(story: Story, small: Path) -> None:
    """To put a copy back would lose acts, and accuse honest sites (L5)."""
    calm = replace(story.calm, data=small / "calm")
    shutil.copytree(story.calm.data, calm.data)
    before = calm("log", "verify")["size"]
    free = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize
    (small / "filler").write_bytes(bytes(free))
    done = calm.run("account", "add", "Southwind")
    assert (done.code, "the disk is full" in done.err) == (1, True), done
    assert "copy" not in done.err
    assert "backup" not in done.err
    read = calm.run("log", "verify")
    assert (read.code == 0 or "the disk is full" in read.err, "copy" in read.err) == (True, False), read
    (small / "filler").unlink()
    assert calm("log", "verify")["size"] == before
    calm("account", "add", "Southwind")


@pytest.mark.rule("D4")
def test_a_disk_of_calms_that_is_read_only_or_not_ours_is_told_so(story: Story, small: Path) -> None:
    calm = replace(story.calm, data=small / "calm")
    shutil.copytree(story.calm.data, calm.data)
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    done = calm.run("account", "add", "Southwind")
    assert (done.code, "write-protected" in done.err or "read-only" in done.err) == (1, True), done
    assert "copy" not in done.err
