"""A copy of an SQLite database, made in one step while others read and write it, without what must not be in a copy."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from carnet.errors import BusyError, StorageError, TamperedError
from carnet.store_faults import fault_of


@contextmanager
def copying() -> Iterator[None]:
    """Raises StorageError, or TamperedError where what is copied is damaged: in words, for what it failed for."""
    try:
        yield
    except (sqlite3.Error, UnicodeError) as error:
        fault = fault_of(error)
        raised = TamperedError if fault.is_damage else StorageError
        raise raised(f"No copy was made: {fault.value.what}. Nothing was written.", fault.value.mend) from error


@copying()
def copy_without(source: Path, to: Path, ends: Mapping[str, str]) -> None:
    """A copy of `source`. Raises as `copying`.

    `ends`: tables whose rows are left out, each with the condition under which they are; "" for all of them."""
    draft = to.with_name(f"{to.name}-draft")
    with closing(sqlite3.connect(source)) as whole, closing(sqlite3.connect(draft, isolation_level=None)) as copy:
        copy.execute("PRAGMA synchronous = OFF")  # who keeps the copy flushes what it becomes
        whole.backup(copy)
        copy.execute("PRAGMA journal_mode = OFF")
        tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        for table in tables & ends.keys():
            copy.execute(f"DELETE FROM {table} {ends[table]}")  # noqa: S608 - names of ours
        copy.execute("VACUUM INTO ?", (str(to),))  # what was deleted is not in its free pages either
    draft.unlink()


def set_aside(database: Path) -> Path | None:
    """Keep the database that is here under another name too, its write-ahead log folded in. None where there is none.

    What is put in its place replaces it in one step: at no moment does the folder look as if it held none.

    Raises:
        BusyError: Somebody reads it.
    """
    if not database.exists():
        return None
    try:
        with closing(sqlite3.connect(database)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise BusyError(f"Somebody is reading {database}: {error}. Nothing was moved.", "Try again.") from error
    number = 1
    while (kept := database.parent / f"before-restore-{number}.sqlite3").exists():
        number += 1
    os.link(database, kept)
    return kept
