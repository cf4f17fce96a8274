"""The ledger on a disk: one writer, whole commits."""

import os
import sqlite3
from contextlib import closing

import pytest

from carnet.control_room.engine.sqlite import DATABASE, SqliteStore, lock_folder
from carnet.control_room.engine.store import Commit, Row
from carnet.errors import (
    BusyError,
    NotSetUpError,
    StorageError,
    TamperedError,
)
from carnet.sqlite_copies import set_aside


@pytest.fixture
def folder(tmp_path):
    SqliteStore.create(str(tmp_path / DATABASE), "ledger-1").close()
    (tmp_path / "trust.json").write_text("{}")
    return tmp_path


@pytest.mark.rule("L1", "busy")
def test_only_one_process_writes_at_a_time(folder):
    writer = SqliteStore.open(folder, writing=True)
    with pytest.raises(BusyError) as fault:
        lock_folder(folder, tries=1)
    assert fault.value.code == "busy"
    assert SqliteStore.open(folder, writing=False).count() == 0, "readers take no lock"
    writer.close()
    os.close(lock_folder(folder, tries=1))


@pytest.mark.rule("G4", "storage_failed")
def test_a_commit_is_whole_or_not_at_all(folder):
    store = SqliteStore.open(folder, writing=True)
    store.commit(Commit([Row(0, b"a", b"")], b"head-1", {"request": b"one"}))
    twice = Commit([Row(1, b"b", b""), Row(0, b"c", b"")], b"head-2", {"request": b"two"})
    with pytest.raises(StorageError) as fault:
        store.commit(twice)
    assert fault.value.code == "storage_failed"
    assert (store.count(), store.head(), store.document("request")) == (1, b"head-1", b"one")


@pytest.mark.rule("G4", "storage_failed")
def test_a_full_disk_refuses_and_keeps_what_was_acknowledged(folder):
    store = SqliteStore.open(folder, writing=True)
    store.commit(Commit([Row(0, b"a" * 1000, b"")], b"head-1"))
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError):
        store.commit(Commit([Row(1, b"b" * 50_000, b"")], b"head-2"))
    assert (store.count(), store.head()) == (1, b"head-1")
    store._db.execute("PRAGMA max_page_count = 1000000")
    store.commit(Commit([Row(1, b"b" * 50_000, b"")], b"head-2"))
    assert store.count() == 2


def test_what_is_here_is_kept_under_a_name_that_is_free_unless_somebody_reads_it(folder):
    with closing(SqliteStore.open(folder, writing=False)) as reader:
        reader.stand_still()
        with pytest.raises(BusyError):
            set_aside(folder / DATABASE)
    assert (folder / DATABASE).exists(), "nothing was moved"
    (folder / "before-restore-1.sqlite3").write_bytes(b"of an earlier restore")
    assert set_aside(folder / DATABASE) == folder / "before-restore-2.sqlite3"
    (folder / DATABASE).unlink()
    assert set_aside(folder / DATABASE) is None, "there is nothing to keep any more"


@pytest.mark.security
@pytest.mark.rule("L5")
def test_a_restore_that_is_killed_leaves_no_folder_that_looks_as_if_it_held_no_ledger(folder):
    """A server that starts then would tell people to set up a new Control Room there."""
    kept = set_aside(folder / DATABASE)
    assert kept
    assert (folder / DATABASE).samefile(kept), "until the other one is put in its place"


def test_a_ledger_without_a_table_without_an_owner_or_of_another_format_is_not_opened(folder):
    def after(change):
        with closing(sqlite3.connect(folder / DATABASE)) as db, db:
            db.execute(change)
        return pytest.raises((TamperedError, StorageError))

    with after("UPDATE site SET format = 99") as other, closing(SqliteStore.open(folder, writing=True)):
        pass
    assert "is of format 99" in str(other.value)
    with after("DELETE FROM site") as nobodys, closing(SqliteStore.open(folder, writing=True)):
        pass
    assert "whose ledger it is" in str(nobodys.value)
    with after("DROP TABLE record") as lacking, closing(SqliteStore.open(folder, writing=True)):
        pass
    assert "lacks the table" in str(lacking.value)
    os.close(lock_folder(folder, tries=1))  # each let the folder go


def test_a_folder_without_a_ledger_and_a_file_that_is_none(tmp_path):
    with pytest.raises(NotSetUpError):
        SqliteStore.open(tmp_path, writing=False)
    (tmp_path / DATABASE).write_bytes(b"this is not a database, not at all, by no means" * 100)
    with pytest.raises((TamperedError, StorageError)):
        SqliteStore.open(tmp_path, writing=False)
