"""The ledger on SQLite: WAL, `synchronous=FULL`, one table of records that carry the nodes they complete.

A writer holds an exclusive lock on the folder as long as it lives, so that there are never two; readers take none and
see the last committed state.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from carnet.control_room.engine.store import Commit, Row, StoredAnswer
from carnet.control_room.ledger.record import DataKey
from carnet.errors import (
    BusyError,
    CarnetError,
    NotSetUpError,
    StorageError,
    TamperedError,
)
from carnet.files import remove_parts, write_file
from carnet.sqlite_copies import copying
from carnet.store_faults import StoreFault, fault_of

DATABASE, SNAPSHOT = "control-room.sqlite3", "snapshot"
LOCK_TRIES, LOCK_WAIT = 100, 0.1  # together ten seconds

_SCHEMA = """
CREATE TABLE site (ledger_id TEXT NOT NULL, format INTEGER NOT NULL) STRICT;
CREATE TABLE record (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, nodes BLOB NOT NULL, seal BLOB) STRICT;
CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), box BLOB NOT NULL) STRICT;
CREATE TABLE data_key (id INTEGER PRIMARY KEY, salt BLOB NOT NULL, master INTEGER NOT NULL) STRICT;
CREATE TABLE document (name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE secret (name TEXT PRIMARY KEY, box BLOB NOT NULL) STRICT;
CREATE TABLE answer (
  generation INTEGER NOT NULL, name BLOB NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (generation, name)
) STRICT, WITHOUT ROWID;
"""
FORMAT = 1
_TABLES = ("site", "record", "head", "data_key", "document", "secret", "answer")
FORGOTTEN = 500  # answers at once: a day of them may be millions, and nobody waits for all of those
_FORGET = """DELETE FROM answer WHERE (generation, name) IN
  (SELECT generation, name FROM answer WHERE generation < ? LIMIT ?)"""
_ROW = "SELECT idx, leaf, nodes, seal FROM record WHERE idx = ?"
_ANSWER = "SELECT idx FROM answer WHERE generation = ? AND name = ?"
MEMORY = ":memory:"
# Of a schema with a turned bit the driver cannot even say what is wrong with it.
_FAULTS = (sqlite3.DatabaseError, UnicodeDecodeError)


class SqliteStore:
    def __init__(self, connection: sqlite3.Connection, snapshot: "SnapshotPlace", lock: int | None = None) -> None:
        self._db, self._snapshot, self._lock = connection, snapshot, lock
        self._check_tables()
        site = self._find("SELECT ledger_id, format FROM site")
        if site is None:
            raise TamperedError("The database does not say whose ledger it is.", "Restore a backup.")
        self.ledger_id, found = site
        _check("The name of the ledger", (self.ledger_id, str), (found, int))
        if found != FORMAT:
            raise StorageError(f"The ledger is of format {found}; this release reads {FORMAT}.", "Upgrade Carnet.")

    def _check_tables(self) -> None:
        with _readable():
            found = {name for (name,) in self._db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        if missing := sorted(set(_TABLES) - found):
            raise TamperedError(f"The database lacks the table “{missing[0]}”.", "Restore a backup.")

    @classmethod
    def create(cls, path: str, ledger_id: str, lock: int | None = None) -> "SqliteStore":
        db = _connect(path)
        db.executescript(_SCHEMA)
        db.execute("INSERT INTO site VALUES (?, ?)", (ledger_id, FORMAT))
        return cls(db, SnapshotPlace(None if path == MEMORY else Path(path).with_name(SNAPSHOT)), lock)

    @classmethod
    def open(cls, folder: Path, *, writing: bool) -> "SqliteStore":
        path = folder / DATABASE
        if not path.exists():
            raise NotSetUpError(
                f"There is no Control Room in {folder}.", "Set one up.", "control-room init --trust FILE"
            )
        lock = lock_folder(folder) if writing else None
        try:
            return cls(_connect(str(path)), SnapshotPlace(folder / SNAPSHOT), lock)
        except BaseException:
            if lock is not None:
                os.close(lock)
            raise

    def row(self, index: int) -> Row | None:
        try:  # a proof asks for many, so without a context of its own
            found = self._db.execute(_ROW, (index,)).fetchone()
        except _FAULTS as error:
            raise _not_readable(error) from error
        return _row(found) if found else None

    def rows(self, start: int = 0) -> Iterator[Row]:
        query = "SELECT idx, leaf, nodes, seal FROM record WHERE idx >= ? ORDER BY idx"
        with _readable(), closing(self._db.execute(query, (start,))) as cursor:
            yield from map(_row, cursor)

    def count(self) -> int:
        found = self._find("SELECT count(*) FROM record")
        assert found is not None
        return int(found[0])

    def head(self) -> bytes | None:
        return self._blob("SELECT box FROM head")

    def document(self, name: str) -> bytes | None:
        return self._blob("SELECT body FROM document WHERE name = ?", name)

    def secret(self, name: str) -> bytes | None:
        return self._blob("SELECT box FROM secret WHERE name = ?", name)

    def data_keys(self) -> dict[int, DataKey]:
        with _readable():
            found = self._db.execute("SELECT id, salt, master FROM data_key").fetchall()
        for key_id, salt, master in found:
            _check(f"Data key {key_id}", (salt, bytes), (master, int))
        return {key_id: DataKey(salt, master) for key_id, salt, master in found}

    def kept(self) -> Iterator[tuple[str, bytes]]:
        for table, column in (("document", "body"), ("secret", "box")):
            with _readable():
                found = self._db.execute(f"SELECT name, {column} FROM {table} ORDER BY name").fetchall()  # noqa: S608
            for name, body in found:
                _check(f"The {table} “{name}”", (name, str), (body, bytes))
                yield f"{table}:{name}", body

    def answer(self, generation: int, name: bytes) -> int | None:
        try:  # asked for each change with a key, so without a context of its own
            found = self._db.execute(_ANSWER, (generation, name)).fetchone()
        except _FAULTS as error:
            raise _not_readable(error) from error
        if found:
            _check("A stored answer", (found[0], int))
        return int(found[0]) if found else None

    def answers(self) -> Iterator[StoredAnswer]:
        with _readable(), closing(self._db.execute("SELECT generation, name, idx FROM answer")) as cursor:
            for found in cursor:
                _check("A stored answer", *zip(found, (int, bytes, int), strict=True))
                yield StoredAnswer(*found)

    def snapshot(self) -> bytes | None:
        return self._snapshot.read()

    def keep_snapshot(self, box: bytes) -> None:
        self._snapshot.write(box)

    def probe(self) -> None:
        with self._transaction():  # SQLite writes no page that a statement leaves as it was
            box = self.head()
            self._db.execute("UPDATE head SET box = zeroblob(length(box))")
            self._db.execute("UPDATE head SET box = ?", (box,))

    def commit(self, commit: Commit) -> None:
        with self._transaction():
            self._write(commit)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            fault = fault_of(error)
            message = f"The ledger could not be written: {fault.value.what}. Nothing was granted or changed."
            raise StorageError(message, _mend(fault)) from error

    def _write(self, commit: Commit) -> None:
        db = self._db
        db.executemany("INSERT INTO record VALUES (?, ?, ?, ?)", commit.rows)
        if commit.head is not None:
            db.execute("INSERT OR REPLACE INTO head VALUES (1, ?)", (commit.head,))
        if commit.documents:
            db.executemany("INSERT OR REPLACE INTO document VALUES (?, ?)", commit.documents.items())
        if commit.secrets:
            db.executemany("INSERT OR REPLACE INTO secret VALUES (?, ?)", commit.secrets.items())
        if commit.data_key:
            db.execute("INSERT INTO data_key VALUES (?, ?, ?)", (commit.data_key[0], *commit.data_key[1]))
        if commit.answers:
            db.executemany("INSERT OR REPLACE INTO answer VALUES (?, ?, ?)", commit.answers)
        if commit.answers_from:
            db.execute(_FORGET, (commit.answers_from, FORGOTTEN))

    def stand_still(self) -> None:
        """All reads from here on see one snapshot, also while a server writes."""
        with _readable():
            self._db.execute("BEGIN")

    def copy_to(self, path: Path) -> None:
        """A consistent copy of the whole database, made while others may read. It is not flushed to the disk."""
        with copying(), closing(sqlite3.connect(path)) as target:
            target.execute("PRAGMA synchronous = OFF")
            self._db.backup(target)

    def close(self) -> None:
        self._db.close()
        if self._lock is not None:
            os.close(self._lock)

    def _blob(self, query: str, *values: object) -> bytes | None:
        found = self._find(query, *values)
        if found:
            _check(f"What is stored as “{values[0] if values else 'head'}”", (found[0], bytes))
        return bytes(found[0]) if found else None

    def _find(self, query: str, *values: object) -> tuple[Any, ...] | None:
        with _readable():
            found: tuple[Any, ...] | None = self._db.execute(query, values).fetchone()
            return found


class SnapshotPlace:
    """Where the snapshot lies: a file beside the database, so that writing it never holds up a commit."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._box: bytes | None = None  # of a ledger in memory

    def read(self) -> bytes | None:
        if self._path is None:
            return self._box
        try:
            return self._path.read_bytes()
        except OSError:
            return None  # the ledger is folded instead

    def write(self, box: bytes) -> None:
        if self._path is None:
            self._box = box
        else:
            try:
                remove_parts(self._path)  # of a server that was killed: the holder of the folder's lock alone writes it
                write_file(self._path, box, 0o600)
            except OSError as error:
                raise StorageError(f"The snapshot could not be written: {error.strerror}.") from error


def _row(found: tuple[Any, ...]) -> Row:
    """A record as it was written. Raises TamperedError where a damaged file gives other types, or nothing."""
    index, leaf, nodes, seal = found
    _check(f"Record {index}", (index, int), (leaf, bytes), (nodes, bytes))
    if seal is not None:
        _check(f"Record {index}", (seal, bytes))
    return Row(index, leaf, nodes, seal)


def _check(what: str, *values: tuple[object, type]) -> None:
    """D4: SQLite gives what a damaged page says, a NULL or a number where bytes were. Raises TamperedError."""
    if not all(type(value) is kind for value, kind in values):
        raise TamperedError(f"{what} is not what was written.", "Keep the folder as it is, and restore a backup.")


@contextmanager
def _readable() -> Iterator[None]:
    """What the disk gives and SQLite cannot read is no longer the ledger that was written."""
    try:
        yield
    except _FAULTS as error:
        raise _not_readable(error) from error


def _not_readable(error: Exception) -> CarnetError:
    fault = fault_of(error)
    if fault.is_damage:
        return TamperedError("The ledger's database cannot be read: it is not what was written.", fault.value.mend)
    return StorageError(f"The ledger's database cannot be read now: {fault.value.what}.", _mend(fault))


def _mend(fault: StoreFault) -> str:
    return fault.value.mend if fault.is_damage else f"{fault.value.mend.removesuffix('.')}, with the same key."


def lock_folder(folder: Path, tries: int = LOCK_TRIES) -> int:
    """Take the folder's exclusive lock; held until the handle is closed, or the process ends. Raises BusyError."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(tries):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_WAIT)
        else:
            return handle
    os.close(handle)
    raise BusyError(f"Another process is writing to {folder}. Nothing was tried.", "Wait for it, then try again.")


def _connect(path: str) -> sqlite3.Connection:
    with _readable():
        db = sqlite3.connect(path, isolation_level=None, timeout=10)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA cache_size = -32000")  # KiB: proofs read nodes from all over the ledger, keys lie anywhere
        return db
