"""A copy of a database for a backup: what must not be in it is in no page of it, and nothing lies beside it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from carnet.sqlite_copies import copy_without


@pytest.mark.security
def test_what_is_left_out_stands_in_no_page_of_the_copy(tmp_path: Path) -> None:
    source, to = tmp_path / "rows.sqlite3", tmp_path / "copy" / "rows.sqlite3"
    to.parent.mkdir()
    with closing(sqlite3.connect(source)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        for table in ("kept", "sessions", "codes", "gone"):
            db.execute(f"CREATE TABLE {table} (kind TEXT, secret TEXT UNIQUE)")
            rows = ((f"{number % 2}", f"secret-of-{table}-{number}") for number in range(500))
            db.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
        db.execute("DELETE FROM gone")  # it stands in free pages of the source
    before = source.read_bytes()
    copy_without(source, to, {"sessions": "", "codes": "WHERE kind = '1'", "of another release": ""})
    assert source.read_bytes() == before
    assert [path.name for path in to.parent.iterdir()] == [to.name]
    held = to.read_bytes()
    assert held.count(b"secret-of-kept-499") == 2  # in its row and in its index
    assert b"secret-of-codes-498" in held
    assert b"secret-of-codes-499" not in held
    assert b"secret-of-sessions" not in held
    assert b"secret-of-gone" not in held
