"""A CALM of any size. Two accounts are real (`portal_world`); the others are their rows over again, with other ids,
names and times, written in bulk. The issuing log is one valid tree.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from django.db import connection, models, transaction

from bench.portal_world import NAMES, builders
from carnet.calm.database import SQLITE
from carnet.calm.use_cases.context import Calm, head_fields
from carnet.exchange.issuing_log import LogRecord
from carnet.merkle import Checkpoint, Peaks, leaf_hash

TROUBLED = 20  # one account in so many
BATCH = 50  # accounts written at once

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_REWRITTEN = {"Proposal", "RefusedFile"}  # whose texts name ids

Model = type[models.Model]


def populate(calm: Calm, today: datetime, accounts: int, rooms_per_account: int, cycles_per_room: int) -> None:
    """`today`: when what is open is open. At least two accounts are made."""
    sources = []
    for name, build in zip(NAMES, builders(calm, today, rooms_per_account, cycles_per_room), strict=True):
        before = _keys()
        build()
        sources.append(_Source(name, dict(_rows_beside(before))))
    log = _Log()
    with connection.constraint_checks_disabled(), _bulk(), transaction.atomic():
        numbers = range(len(NAMES), accounts)
        for start in range(0, len(numbers), BATCH):
            _write(sources, numbers[start : start + BATCH], log)
    connection.check_constraints()
    calm.head.write(head_fields(Checkpoint(log.peaks.size, log.peaks.root)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def stored_models() -> Iterator[Model]:
    """What belongs to accounts, and the log."""
    from django.apps import apps

    for name in ("customers", "purchases", "control_rooms", "use_cases", "issuing_log"):
        yield from apps.get_app_config(name).get_models()


def _keys() -> dict[Model, set[Any]]:
    return {model: set(manager(model).values_list("pk", flat=True)) for model in stored_models()}


def _rows_beside(before: dict[Model, set[Any]]) -> Iterator[tuple[Model, list[models.Model]]]:
    for model, known in before.items():
        yield model, [row for row in manager(model).order_by("pk") if row.pk not in known]


def manager(model: Model) -> Any:
    return model._default_manager


@dataclass
class _Table:
    """Rows as the database takes them, and where in each something is to be exchanged."""

    insert: str
    rows: list[tuple[list[Any], list[int]]] = field(default_factory=list)


class _Source:
    def __init__(self, name: str, rows: dict[Model, list[models.Model]]) -> None:
        self.name = name
        self.changing: set[Any] = set()
        self.log: list[Any] = rows.pop(next(model for model in rows if model.__name__ == "LogEntry"))
        self.tables = [self._table(model, found) for model, found in rows.items() if found]

    def _table(self, model: Model, found: list[models.Model]) -> _Table:
        fields = [one for one in model._meta.concrete_fields if not isinstance(one, models.AutoField)]
        columns, marks = ", ".join(f'"{one.column}"' for one in fields), ", ".join(["%s"] * len(fields))
        table = _Table(f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES ({marks})')
        for row in found:
            plain = [getattr(row, one.attname) for one in fields]
            places = [place for place, value in enumerate(plain) if self._changes(value, model)]
            self.changing.update(plain[place] for place in places)
            stored = [one.get_db_prep_save(value, connection) for one, value in zip(fields, plain, strict=True)]
            for place in places:
                stored[place] = plain[place]
            table.rows.append((stored, places))
        return table

    def _changes(self, value: object, model: Model) -> bool:
        if isinstance(value, str):
            whole = _ID.fullmatch(value) or _DIGEST.fullmatch(value) or self.name in value
            return bool(whole or (model.__name__ in _REWRITTEN and _ID.search(value)))
        return isinstance(value, datetime)

    def copy(self, number: int) -> "_Copy":
        return _Copy(self, number)


class _Copy:
    """The n-th account: everything that changes, by what it was."""

    def __init__(self, source: _Source, number: int) -> None:
        days = 0 if source.name == NAMES[1] else number % 28
        self.source, self.number, self.shift = source, number, timedelta(days=-days, seconds=-number)
        self.name = f"Customer {number:04}"
        self._later = int(self.shift.total_seconds() * 1000)
        stored = connection.ops.adapt_datetimefield_value
        self.moved = {
            value: self.text(value) if isinstance(value, str) else stored(value + self.shift)
            for value in source.changing
        }

    def text(self, text: str) -> str:
        if _DIGEST.fullmatch(text):
            return f"{self.number:08x}{text[8:]}"
        return _ID.sub(lambda found: self._id(found[0]), text.replace(self.source.name, self.name))

    def _id(self, old: str) -> str:
        """Its first 48 bits are its time; all times of an account move by the same, and no two accounts' do."""
        moved = f"{(int(old[:8] + old[9:13], 16) + self._later) % (1 << 48):012x}"
        return f"{moved[:8]}-{moved[8:]}{old[13:]}"

    def rows(self, table: _Table) -> Iterator[list[Any]]:
        moved = self.moved
        for stored, places in table.rows:
            row = stored.copy()
            for place in places:
                row[place] = moved[row[place]]
            yield row


def _write(sources: list[_Source], numbers: Iterable[int], log: "_Log") -> None:
    copies = [sources[number % TROUBLED == 0].copy(number) for number in numbers]
    with connection.cursor() as cursor:
        for source in sources:
            of = [copy for copy in copies if copy.source is source]
            for table in source.tables:
                cursor.executemany(table.insert, [row for copy in of for row in copy.rows(table)])
        cursor.executemany(log.insert, [row for copy in copies for row in log.rows(copy)])


class _Log:
    """The issuing log goes on: each copied record at its new place, with the nodes that it completes."""

    def __init__(self) -> None:
        from carnet.calm.issuing_log.models import LogEntry

        columns = [one.column for one in LogEntry._meta.concrete_fields]
        marks = ", ".join(["%s"] * len(columns))
        names = ", ".join(f'"{column}"' for column in columns)
        self.insert = f'INSERT INTO "{LogEntry._meta.db_table}" ({names}) VALUES ({marks})'
        self.fields = list(LogEntry._meta.concrete_fields)
        self.peaks = Peaks()
        for leaf in LogEntry.objects.order_by("index").values_list("leaf", flat=True):
            self.peaks, _ = self.peaks.append(leaf_hash(bytes(leaf)))

    def rows(self, copy: _Copy) -> Iterator[list[Any]]:
        for entry in copy.source.log:
            yield self._row(entry, copy)

    def _row(self, entry: Any, copy: _Copy) -> list[Any]:
        detail = copy.text(bytes(entry.detail).decode()).encode()
        old = msgspec.json.decode(bytes(entry.leaf), type=LogRecord)
        record = msgspec.structs.replace(
            old,
            index=self.peaks.size,
            at=old.at + copy.shift,
            subject=copy.text(old.subject),
            detail_sha256=sha256(detail).hexdigest(),
        )
        leaf = record.leaf()
        tip = leaf_hash(leaf)
        self.peaks, completed = self.peaks.append(tip)
        known: dict[str, Any] = {
            "index": record.index,
            "at": connection.ops.adapt_datetimefield_value(record.at),
            "subject": record.subject,
            "about": copy.text(entry.about),
            "leaf": leaf,
            "detail": detail,
            "nodes": b"".join((tip, *completed)),
        }
        return [known.get(one.attname, getattr(entry, one.attname)) for one in self.fields]


@contextmanager
def _bulk() -> Iterator[None]:
    """On SQLite, nothing is written twice, and indexes are made once, at the end."""
    if connection.vendor != SQLITE:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode = OFF")  # a benchmark's database that is half made is made anew
        cursor.execute("PRAGMA synchronous = OFF")
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        made = cursor.fetchall()
        for name, _ in made:
            cursor.execute(f'DROP INDEX "{name}"')
        yield
        for _, sql in made:
            cursor.execute(sql)
        cursor.execute("PRAGMA journal_mode = WAL")
