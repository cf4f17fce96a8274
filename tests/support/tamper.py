"""A real ledger on a disk, what can be done to it, and where each of that is found: by `verify`, by the next start, by
the clients' checkpoint, by the vendor at the next LFR. What none of them finds must be provably harmless, or is named.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from carnet.control_room.engine import idempotency_index
from carnet.control_room.engine.engine import Engine, QueuedCommand
from carnet.control_room.engine.key_ring import KeyRing
from carnet.control_room.engine.sqlite import DATABASE, SNAPSHOT, SqliteStore
from carnet.control_room.ledger.verify import verify
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest
from carnet.control_room.rules.granting.api_keys import CreateApiKey
from carnet.control_room.rules.granting.reservations import CancelUnits, ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.control_room.wiring import evidence_of
from carnet.errors import CarnetError
from carnet.exchange.license_file_request import read_lfr
from carnet.merkle import Checkpoint
from tests.support.cast import seeded
from tests.support.http_room import licensed_room
from tests.support.room import VERSION, Room
from tests.support.vendor_simulator import checkpoint_of

USERS, SEATS, PAGES = "bot-creator", "unattended-bot-runner", "document-pages"
TABLES = {  # each table's columns, and how its rows are told apart
    "site": ("ledger_id", "format"),
    "record": ("leaf", "nodes", "seal", "idx"),
    "head": ("box",),
    "data_key": ("salt", "id", "master"),
    "document": ("body", "name"),
    "secret": ("box", "name"),
    "answer": ("name", "idx", "generation"),
}
SAMPLED = {"record": 7, "answer": 5}  # every so many rows


@dataclass(frozen=True)
class Seen:
    """What others remember of the ledger: the checkpoint a client shows, that of CALM's newest LFR, and one that
    somebody wrote down."""

    token: str
    calm: Checkpoint
    written_down: Checkpoint | None = None


@dataclass
class Site:
    """A Control Room in a folder. Nothing of it is kept open."""

    folder: Path
    room: Room  # its vault, its clock

    def copy(self, name: str) -> Site:
        folder = self.folder.with_name(name)
        shutil.copytree(self.folder, folder)
        return Site(folder, self.room)

    def run(self, do: Callable[[Engine], Any], seed: str = "run") -> Any:
        """A process that starts on it, does something, and ends."""
        with (
            closing(SqliteStore.open(self.folder, writing=True)) as store,
            patch.object(idempotency_index, "IN_MEMORY", 8),
            patch.object(idempotency_index, "READ_AGAIN", 32),
        ):
            return do(Engine(store, KeyRing(self.room.vault, store.secret), seeded(f"{seed} {self.folder}"), VERSION))

    def use(self, count: int, seed: str = "use") -> None:
        def use(engine: Engine) -> None:
            for number in range(count):
                engine.execute_all(
                    [QueuedCommand(ConsumeUnits(PAGES, 1), "bot", f"{seed}-{number}")], self.room.reading
                )

        self.run(use, seed)

    def request(self) -> Checkpoint:
        """The checkpoint of its next LFR, which CALM sees."""

        def ask(engine: Engine) -> Checkpoint:
            engine.execute(GenerateRequest(), self.room.reading, "anna")
            return checkpoint_of(engine.store.document(REQUEST) or b"").checkpoint

        found: Checkpoint = self.run(ask, "request")
        return found

    def seen(self, calm: Checkpoint) -> Seen:
        return Seen(self.run(lambda engine: engine.seen.token(engine.checkpoint)), calm)

    def sql(self, statement: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.folder / DATABASE, isolation_level=None)) as db:
            db.execute(statement, values)

    def rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / DATABASE)) as db:
            return db.execute(query).fetchall()


@dataclass
class Found:
    """Where one attack was found. `start`: the site did not start, so that nobody could ask it anything."""

    problems: list[str] = field(default_factory=list)  # of verify
    against: bool = False
    start: str = ""
    clients: bool = False
    lfr: bool = False
    started: bool = False
    unclean: list[str] = field(default_factory=list)  # what broke instead of saying what is wrong
    same: bool = False  # what the site answers from is what it was

    @property
    def anywhere(self) -> bool:
        return bool(self.problems or self.against or self.start or self.clients or self.lfr)

    @property
    def harmless(self) -> bool:
        return self.same and not self.anywhere


def built(folder: Path) -> Site:
    """A licensed site with all kinds of use, two LFRs, an API key, answers in the store and a snapshot."""
    room = licensed_room()
    folder.mkdir(parents=True)
    room.store.copy_to(folder / DATABASE)
    site = Site(folder, room)

    def work(engine: Engine) -> None:
        def do(command: Any, key: str | None = None) -> Any:
            return engine.execute(command, room.reading, "anna", key)

        do(CreateApiKey("bots", [SEATS], ["take"]))
        for number in range(3):
            do(AssignUser(USERS, f"user-{number}"), f"user-{number}")
        do(UnassignUser(USERS, "user-1"))
        one, two = do(AcquireSeat(SEATS, "bot-1"), "one"), do(AcquireSeat(SEATS, "bot-2"))
        do(AcquireSeat(SEATS, "bot-3"))  # refused
        do(RenewSeat(one.lease_id))
        do(ReleaseSeat(two.lease_id), "back")
        held = [do(ReserveUnits(PAGES, 5)) for _ in range(3)]
        do(SettleUnits(held[0].reservation_id, 3), "settled")
        do(CancelUnits(held[1].reservation_id))
        do(GenerateRequest())
        for number in range(40):
            do(ConsumeUnits(PAGES, 1), f"unit-{number}")
        engine.keep_snapshot(every=1)

    site.run(work, "work")
    site.request()
    site.use(6)
    return site


def look(site: Site, seen: Seen, good: Any) -> Found:
    """Everybody looks, in turn. `good`: the state that there should be."""
    found = Found()
    try:
        with closing(SqliteStore.open(site.folder, writing=False)) as store:
            report = verify(evidence_of(store, KeyRing(site.room.vault, store.secret).masters, seen.written_down))
            found.problems, found.against = report.problems, bool(report.rolled_back)
    except CarnetError as error:
        found.problems = [str(error)]
    except Exception as error:
        found.unclean.append(f"verify: {error!r}")
    try:
        site.run(lambda engine: _asked(engine, site, seen, found, good))
    except CarnetError as error:
        found.lfr = found.started
        found.start = "" if found.started else str(error)
    except Exception as error:
        found.unclean.append(f"start: {error!r}")
    return found


def _asked(engine: Engine, site: Site, seen: Seen, found: Found, good: Any) -> None:
    found.started = True
    found.clients = engine.seen.judge(seen.token, engine.reader) is not None
    found.same = engine.state == good
    _request(engine, site, seen, found)


def _request(engine: Engine, site: Site, seen: Seen, found: Found) -> None:
    """What CALM does first with the next LFR (L2)."""
    engine.execute(GenerateRequest(), site.room.reading, "anna")
    read = read_lfr(engine.store.document(REQUEST) or b"")
    found.lfr = read.lfr.ledger.shows(seen.calm) is not True  # type: ignore[union-attr]


# --- what can be done ---------------------------------------------------------------------------------------------

Act = Callable[[Site], None]


def changes(site: Site, table: str, column: str) -> Iterator[tuple[int, Act]]:
    """A byte of this column changed: the first, the middle, the last; and of which row."""
    key = "rowid" if table != "answer" else "idx"
    rows = site.rows(f"SELECT {key}, {column} FROM {table} ORDER BY {key}")
    taken = {value for _, value in rows} if column in ("idx", "id") else set()
    for number, value in rows[:: SAMPLED.get(table, 1)]:
        for other in (each for each in others(value) if each not in taken):
            yield number, _sql(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", other, number)
    if column == "seal":  # the few clear records, each
        for number, value in site.rows("SELECT idx, seal FROM record WHERE seal IS NOT NULL"):
            for other in [*others(value), None]:
                yield number, _sql("UPDATE record SET seal = ? WHERE idx = ?", other, number)


def others(value: Any) -> list[Any]:
    """The value with one byte changed."""
    if value is None:
        return [b"\0"]
    if isinstance(value, int):
        return [value ^ (1 << bit) for bit in (0, 3, 20)]
    text = value.encode() if isinstance(value, str) else value
    places = sorted({0, len(text) // 2, len(text) - 1}) if text else []
    changed = [text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :] for at in places] or [b"\0"]
    return [each.decode() for each in changed] if isinstance(value, str) else changed


def rows_moved(site: Site, table: str) -> dict[str, list[Act]]:
    """Rows deleted, doubled, swapped."""
    key = {"record": "idx", "answer": "idx", "head": "one"}.get(table, "rowid")
    numbers = [number for (number,) in site.rows(f"SELECT {key} FROM {table} ORDER BY {key}")]
    some = sorted({numbers[0], numbers[len(numbers) // 2], numbers[-1]})
    acts = {"deleted": [_sql(f"DELETE FROM {table} WHERE {key} = ?", number) for number in some]}
    doubled = {
        "record": "INSERT INTO record SELECT (SELECT count() FROM record), leaf, nodes, seal FROM record WHERE idx = ?",
        "answer": "INSERT INTO answer SELECT generation + 1, name, idx FROM answer WHERE idx = ?",
        "data_key": "INSERT INTO data_key SELECT id + 1000, salt, master FROM data_key WHERE id = ?",
        "document": "INSERT INTO document SELECT name || '-2', body FROM document WHERE rowid = ?",
        "secret": "INSERT INTO secret SELECT name || '-2', box FROM secret WHERE rowid = ?",
        "site": "INSERT INTO site SELECT ledger_id, format FROM site WHERE rowid = ?",
    }
    if table in doubled:
        acts["doubled"] = [_sql(doubled[table], number) for number in some]
    if len(numbers) > 1:
        columns = {"record": ["leaf"], "answer": ["name"], "data_key": ["salt"]}.get(table, [TABLES[table][0]])
        whole = ["leaf", "nodes", "seal"] if table == "record" else columns
        pairs = [(some[0], some[-1]), (numbers[0], numbers[1])]
        acts["swapped"] = [_swap(table, key, names, *pair) for names in (columns, whole) for pair in pairs]
    return acts


def _swap(table: str, key: str, columns: list[str], one: int, two: int) -> Act:
    def swap(site: Site) -> None:
        found = {
            number: site.rows(f"SELECT {', '.join(columns)} FROM {table} WHERE {key} = {number}")[0]
            for number in (one, two)
        }
        if table == "answer":
            site.sql("DELETE FROM answer WHERE idx IN (?, ?)", one, two)
            for number, other in ((one, two), (two, one)):
                site.sql("INSERT INTO answer VALUES (0, ?, ?)", found[other][0], number)
            return
        assignments = ", ".join(f"{column} = ?" for column in columns)
        for number, other in ((one, two), (two, one)):
            site.sql(f"UPDATE {table} SET {assignments} WHERE {key} = ?", *found[other], number)

    return swap


def _sql(statement: str, *values: Any) -> Act:
    return lambda site: site.sql(statement, *values)


def snapshots(site: Site) -> list[Act]:
    """Damaged, cut, gone, and another one."""
    box = (site.folder / SNAPSHOT).read_bytes()
    damaged = [b"", box[: len(box) // 2], b"\0" * len(box), *others(box)]
    gone: Act = lambda at: (at.folder / SNAPSHOT).unlink()  # noqa: E731
    return [gone, *[snapshot(each) for each in damaged]]


def snapshot(box: bytes) -> Act:
    def write(site: Site) -> None:
        (site.folder / SNAPSHOT).write_bytes(box)

    return write


def against(seen: Seen, checkpoint: Checkpoint) -> Seen:
    return replace(seen, written_down=checkpoint)
