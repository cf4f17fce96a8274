"""The ledger alone, against what SQLite needs to write the same leaves into one plain table; and what a start costs."""

import os
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.measure import Row, at_most, figure, ratio_at_least, ratio_at_most
from bench.place import PAGES, SEATS, USERS, Place, licensed, served
from carnet.aead import DRAW_SIZE
from carnet.control_room.engine.engine import Engine, QueuedCommand
from carnet.control_room.engine.ledger_reader import Head
from carnet.control_room.engine.pending_batch import PendingBatch
from carnet.control_room.engine.sqlite import DATABASE, SNAPSHOT
from carnet.control_room.engine.store import Commit
from carnet.control_room.ledger.events import Draw, UnitsConsumed
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser
from carnet.control_room.state.trusted_time import Reading

COMMAND = [sys.executable, "-c", "from carnet.control_room.wiring import main; main()"]
BATCHES = {1: 0.70, 10: 0.50, 100: 0.38, 1000: 0.24}  # records in one commit, and the target
ROUNDS, COMMITS = 5, {1: 300, 10: 200, 100: 60, 1000: 12}
RECORDS, HELD = 1_000_000, 10_000
EVENT = UnitsConsumed(
    sku=PAGES,
    units=1,
    draws=[Draw(line_id="019a6082-8e9a-70fb-8d6f-98972b5aa6fb", period_start=None, units=1)],
)


def rows(folder: Path) -> Iterator[Row]:
    yield from _against_sqlite(folder)
    yield from _a_million(licensed(folder / "million"))


def _against_sqlite(folder: Path) -> Iterator[Row]:
    place = licensed(folder / "ledger")
    with place.site.engine(writing=True) as engine:
        reading = place.site.reading()
        leaf = engine.store.row(engine.checkpoint.size - 1)
        assert leaf is not None
        raw = _Raw(folder / "raw.sqlite3")
        _append(engine, reading, 10)
        size = len((engine.store.row(engine.checkpoint.size - 1) or leaf).leaf)
        for batch, target in BATCHES.items():
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(_rate(batch, lambda batch=batch: _append(engine, reading, batch)))  # type: ignore[misc]
                theirs.append(_rate(batch, lambda batch=batch: raw.append(batch, size)))  # type: ignore[misc]
            name = f"ledger alone, {batch} in a commit, against raw SQLite writing the leaves"
            yield ratio_at_least(name, statistics.median(ours), "1/s", statistics.median(theirs), target)


def _rate(batch: int, commit: object) -> float:
    assert callable(commit)
    start = time.perf_counter()
    for _ in range(COMMITS[batch]):
        commit()
    return batch * COMMITS[batch] / (time.perf_counter() - start)


def _append(engine: Engine, reading: Reading, count: int) -> None:
    """Encode, encrypt, hash, write and fsync; no decision and no state."""
    book = engine.reader
    assert book.head is not None
    epoch, draw = engine.epochs.at(book.peaks.size, reading), engine.random(DRAW_SIZE)
    draft = PendingBatch(book, epoch, draw)
    for _ in range(count):
        draft.append(EVENT, reading.system, "bench")
    checkpoint = draft.checkpoint
    head = Head(
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        anchor=book.head.anchor,
        kept=book.kept.digests,
        answers=book.head.answers,
    )
    engine.store.commit(Commit(draft.rows, book.seal(head, epoch.key_id, draw)))
    book.turn_to(head, epoch.key_id, draft.peaks, checkpoint, book.kept)


class _Raw:
    """The limit: the same leaves, one table, the same durability."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
        self._db.execute("CREATE TABLE leaf (idx INTEGER PRIMARY KEY, leaf BLOB)")
        self._size = 0

    def append(self, count: int, size: int) -> None:
        leaf = bytes(size)
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT INTO leaf VALUES (?, ?)", [(self._size + n, leaf) for n in range(count)])
        self._db.execute("COMMIT")
        self._size += count


def _a_million(place: Place) -> Iterator[Row]:
    """10,000 seats and as many users held, and a million records; as a server starts on them, and what it takes."""
    with place.site.engine(writing=True) as engine:
        reading = place.site.reading()
        hold(engine, reading, HELD, HELD)
        while (left := RECORDS - engine.checkpoint.size) > 0:
            engine.execute_all([QueuedCommand(ConsumeUnits(PAGES, 1), "bench")] * min(left, 5000), reading)
        engine.keep_snapshot(every=1)
    yield from _bytes(place)
    yield from _backup(place)
    with served(place) as site:
        yield at_most("start with 1,000,000 records, with a snapshot", site.started, "s", 2)
        site.load(place, 64, 3, "--seats", SEATS)
        yield at_most("memory with 1,000,000 records, 10,000 seats and users, under load", site.memory, "MB", 300)
    (place.folder / SNAPSHOT).unlink()
    with served(place) as site:
        yield at_most("start with 1,000,000 records, without a snapshot", site.started, "s", 10)


def hold(engine: Engine, reading: Reading, seats: int, users: int) -> None:
    for start in range(0, max(seats, users), 1000):
        names = [f"bench-{number}" for number in range(start, start + 1000)]
        if start < users:
            engine.execute_all([QueuedCommand(AssignUser(USERS, name), "bench") for name in names], reading)
        if start < seats:
            engine.execute_all(
                [QueuedCommand(AcquireSeat(SEATS, name, 86_400), "bench", name) for name in names], reading
            )


def _backup(place: Place) -> Iterator[Row]:
    """The command, in a process of its own, against SQLite copying the database and nothing else."""
    copy, out = place.folder.with_name("copy.sqlite3"), place.folder.with_name("backup")
    start = time.perf_counter()
    with closing(sqlite3.connect(place.folder / DATABASE)) as db, closing(sqlite3.connect(copy)) as target:
        db.backup(target)
    copied = time.perf_counter() - start
    words = ["backup", "--out", str(out), "--data", str(place.folder)]
    start = time.perf_counter()
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    taken = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    yield ratio_at_most("backup of 1,000,000 records, against SQLite's own copy", taken, "s", copied, 6)
    yield at_most("memory of that backup", used.ru_maxrss / 1024, "MB", 150)
    copy.unlink()
    out.unlink()


def _bytes(place: Place) -> Iterator[Row]:
    db = sqlite3.connect(place.folder / DATABASE)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (leaves,) = db.execute("SELECT sum(length(leaf)) FROM record").fetchone()
    db.close()
    stored = (place.folder / DATABASE).stat().st_size
    yield figure("a leaf", leaves / RECORDS, "bytes")
    yield ratio_at_most("bytes stored for a record against its leaf", stored / RECORDS, "bytes", leaves / RECORDS, 1.45)
