"""Queries that are compiled once. The ORM takes several times longer to compile a query than SQLite to answer it, and
issuing a file asks a dozen; here the ORM writes the SQL the first time, and later calls only bind and fetch: on SQLite
straight from its own connection (inside Django's transaction, and with Django's exceptions), on PostgreSQL through
Django's cursor, which costs nothing beside the way to the server.

A query is built with `slot(n)` wherever its n-th argument goes.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import connections, models
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=models.Model)
Row = TypeVar("Row")

SQLITE = "sqlite"  # as Django names the kind of a database

_FIRST = -(1 << 62)
_MOST = 128


def slot(number: int) -> str:
    return f"\x00slot {number}"


def number_slot(number: int) -> int:
    """The same where the column holds integers."""
    return _FIRST - number


_PLACES: dict[object, int] = {slot(number): number for number in range(_MOST)} | {
    number_slot(number): number for number in range(_MOST)
}


class Prepared(Generic[Row]):
    """A query, called with its arguments. It answers what the query set would: tuples for `values_list`, else instances
    with what is selected beside them (`select_related`). Where only columns are needed, tuples cost far less."""

    def __init__(self, build: "Callable[[], models.QuerySet[Any, Row]]") -> None:
        self._build = build
        self._plans: dict[str, _Plan] = {}  # by kind of database: tests use both in one process

    def __call__(self, *arguments: object) -> list[Row]:
        kind = _connection().vendor
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = _Plan(self._build())
        return plan.run(arguments)

    def first(self, *arguments: object) -> Row | None:
        return next(iter(self(*arguments)), None)


class _Plan:
    def __init__(self, rows: "models.QuerySet[Any, Any]") -> None:
        self.compiler = rows.query.get_compiler(connection=_connection())
        self.sql, self.parameters = self.compiler.as_sql()
        select = self.compiler.select or []
        self.converters = self.compiler.get_converters([column[0] for column in select])
        self.model: Any = None
        if not rows.query.values_select:  # it is no `values_list`
            info: Any = self.compiler.klass_info
            fields = info["select_fields"]
            self.model = info["model"]
            self.start, self.end = fields[0], fields[-1] + 1
            self.names = [select[place][0].target.attname for place in fields]
            self.related = get_related_populators(info, select, "default")  # type: ignore[call-arg]

    def run(self, arguments: Sequence[object]) -> list[Any]:
        bound: list[Any] = [arguments[_PLACES[p]] if p in _PLACES else p for p in self.parameters]
        rows: Iterable[Sequence[Any]] = _execute(self.sql, bound)
        if self.converters:
            rows = self.compiler.apply_converters(rows, self.converters)
        return [self._instance(row) for row in rows] if self.model else [tuple(row) for row in rows]

    def _instance(self, row: Sequence[Any]) -> Any:
        found = self.model.from_db("default", self.names, row[self.start : self.end])
        for populate in self.related:
            populate.populate(row, found)
        return found


class Setter:
    """UPDATE of one column of one row of a model, by its id."""

    def __init__(self, model: type[models.Model], name: str) -> None:
        meta = model._meta  # noqa: SLF001 - Django's documented model API
        key = meta.pk.column if meta.pk else "id"
        column = getattr(meta.get_field(name), "column", name)
        self._sql = f'UPDATE "{meta.db_table}" SET "{column}" = %s WHERE "{key}" = %s'  # noqa: S608 - our own names

    def __call__(self, key: str, value: Any) -> None:
        _execute(self._sql, [value, key])


class Inserter(Generic[M]):
    """INSERT of whole rows of one model, its SQL written once."""

    def __init__(self, model: type[M]) -> None:
        meta = model._meta  # noqa: SLF001 - Django's documented model API
        fields = [field for field in meta.concrete_fields if not isinstance(field, models.AutoField)]
        self._names = [field.attname for field in fields]
        columns = ", ".join(f'"{field.column}"' for field in fields)
        marks = ", ".join(["%s"] * len(fields))
        self._sql = f'INSERT INTO "{meta.db_table}" ({columns}) VALUES ({marks})'  # noqa: S608 - our own names

    def __call__(self, *rows: M) -> None:
        django = _connection()
        values = [[getattr(row, name) for name in self._names] for row in rows]
        if django.vendor == SQLITE:
            with django.wrap_database_errors:
                django.connection.executemany(_in_sqlites_words(self._sql), [[*map(_stored, row)] for row in values])
            return
        with django.cursor() as cursor:
            cursor.executemany(self._sql, values)


def _stored(value: Any) -> Any:
    """As Django stores it in SQLite: a time as UTC, without saying so; texts, numbers and bytes as they are."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ") if isinstance(value, datetime) else value


def _execute(sql: str, bound: Sequence[Any]) -> list[Any]:
    """The rows; none where the statement answers none."""
    django = _connection()
    found: list[Any]
    if django.vendor == SQLITE:
        with django.wrap_database_errors:
            found = django.connection.execute(_in_sqlites_words(sql), bound).fetchall()
        return found
    with django.cursor() as cursor:
        cursor.execute(sql, bound)
        found = cursor.fetchall() if cursor.description else []
    return found


def _connection() -> Any:
    django: Any = connections["default"]
    django.ensure_connection()
    return django


@cache
def _in_sqlites_words(sql: str) -> str:
    """Django marks arguments with %s, SQLite with a question mark."""
    return sql.replace("%s", "?")
