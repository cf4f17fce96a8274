"""What is stored on either side, to see that nothing moved."""

from __future__ import annotations

from typing import Any

from django.db import connection

from carnet.exchange.verdicts import Code, Refusal
from tests.calm.conftest import RECORDS
from tests.support.room import Room


def code_of(answer: Any) -> Code | None:
    """None where it is no refusal."""
    return answer.code if isinstance(answer, Refusal) else None


def kept_at(room: Room) -> list[Any]:
    """The site's documents and secrets."""
    db = room.store._db
    return [db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in ("document", "secret")]


def dump() -> dict[str, list[Any]]:
    """Every table of CALM's but the log and the kept files, in the order of its rows."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (table,) in cursor.fetchall():
            if table not in RECORDS and not table.startswith("sqlite"):
                found[table] = cursor.execute(f"SELECT * FROM {table}").fetchall()
    return found
