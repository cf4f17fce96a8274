"""Queries that are compiled once. The ORM takes several times longer to compile a query than SQLite to answer it, and
issuing a file asks a dozen; here the ORM writes the SQL the first time, and later calls only bind and fetch.

A query is built with `slot(n)` wherever its n-th argument goes.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from django.db import connection, models
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=models.Model)


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


class Prepared(Generic[M]):
    """Rows of one model, with what the query selects beside them (`select_related`)."""

    def __init__(self, build: Callable[[], "models.QuerySet[M]"]) -> None:
        self._build = build
        self._plan: _Plan | None = None

    def __call__(self, *arguments: object) -> list[M]:
        if self._plan is None:
            self._plan = _Plan(self._build())
        return self._plan.run(arguments)

    def values(self, *arguments: object) -> list[tuple[Any, ...]]:
        """The bare columns, as the query selects them."""
        if self._plan is None:
            self._plan = _Plan(self._build())
        return self._plan.fetch(arguments)

    def first(self, *arguments: object) -> M | None:
        return next(iter(self(*arguments)), None)


class _Plan:
    def __init__(self, rows: "models.QuerySet[Any]") -> None:
        compiler = rows.query.get_compiler(connection=connection)
        self.sql, self.parameters = compiler.as_sql()
        assert compiler.select is not None
        self.width = compiler.col_count
        self.converters = compiler.get_converters([column[0] for column in compiler.select])
        self.compiler = compiler
        info: Any = compiler.klass_info
        fields = info["select_fields"]
        self.model = info["model"]
        self.start, self.end = fields[0], fields[-1] + 1
        self.names = [compiler.select[place][0].target.attname for place in fields]
        self.related = get_related_populators(info, compiler.select, connection.alias)  # type: ignore[call-arg]

    def run(self, arguments: Sequence[object]) -> list[Any]:
        return [self._read(row) for row in self.fetch(arguments)]

    def fetch(self, arguments: Sequence[object]) -> list[tuple[Any, ...]]:
        bound: list[Any] = [arguments[_PLACES[p]] if p in _PLACES else p for p in self.parameters]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, bound)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        if self.converters:
            rows = self.compiler.apply_converters(rows, self.converters)
        return rows

    def _read(self, row: Sequence[Any]) -> Any:
        found = self.model.from_db(connection.alias, self.names, row[self.start : self.end])
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
        with connection.cursor() as cursor:
            cursor.execute(self._sql, [value, key])


class Inserter(Generic[M]):
    """INSERT of whole rows of one model, its SQL written once."""

    def __init__(self, model: type[M]) -> None:
        meta = model._meta  # noqa: SLF001 - Django's documented model API
        fields = [field for field in meta.concrete_fields if not isinstance(field, models.AutoField)]
        self._fields = fields
        columns = ", ".join(f'"{field.column}"' for field in fields)
        marks = ", ".join(["%s"] * len(fields))
        self._sql = f'INSERT INTO "{meta.db_table}" ({columns}) VALUES ({marks})'  # noqa: S608 - our own names

    def __call__(self, *rows: M) -> None:
        values = [[_stored(field, getattr(row, field.attname)) for field in self._fields] for row in rows]
        with connection.cursor() as cursor:
            cursor.executemany(self._sql, values)


def _stored(field: "models.Field[Any, Any]", value: Any) -> Any:
    """Texts, numbers and bytes are stored as they are; the field knows about the rest."""
    return value if isinstance(value, (str, int, bytes)) else field.get_db_prep_save(value, connection)
