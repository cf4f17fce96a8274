"""What differs between SQLite and PostgreSQL once Django is set up: whose turn it is to act, and faults in words.

Elsewhere: which one it is (`database_url`).
"""

import msgspec
from django.apps import apps
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, ProgrammingError, connections
from django.db.models import Model

from carnet.errors import (
    BusyError,
    CarnetError,
    StorageError,
    TamperedError,
)
from carnet.store_faults import StoreFault, fault_of

# Of PostgreSQL's advisory locks, the one that an act holds until it has committed. H1 compares what is held with what
# was bought, over rows of many sites, and V1 numbers the records of one log: both are right only if acts come one after
# the other. Row locks would have to name every row that a decision rests on; a serializable transaction would let both
# decide and then fail one of them, also where nothing conflicts but the end of the log, which is always.
ACT_LOCK = int.from_bytes(b"CARNET")

SQLITE = "sqlite"  # as Django names the kind of a database

FAULTS = (OperationalError, InterfaceError, InternalError)  # of the database, and not of what it was asked

_NO_TURN = "55P03"  # PostgreSQL's names for what went wrong: lock_not_available,
_NOT_OURS = ("42P01", "42703")  # undefined_table, undefined_column,
_BROKEN = ("XX001", "XX002")  # data_corrupted, index_corrupted


def take_turn() -> None:
    """Wait until no other act runs. First in the act's transaction, which then sees all that was done before."""
    if is_file():
        return  # it is IMMEDIATE: the transaction that began has SQLite's write lock
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ACT_LOCK])


def is_file() -> bool:
    return connections["default"].vendor == SQLITE


def newest_copy() -> str:
    """What to put back where the stored rows are not what they must be."""
    return "Put the newest copy of calm.sqlite3 back." if is_file() else "Put the newest copy of the database back."


def act_fault(error: Exception, *, at_commit: bool) -> CarnetError:
    """One of FAULTS during an act. `at_commit`: all was done, and only the database's word is missing."""
    if _is_busy(error):
        return BusyError("Somebody else acts, and it takes too long. Nothing was changed.", "Try again.")
    if at_commit and not is_file() and _is_lost(error):
        return StorageError(
            f"The database did not say whether it took the act: {_words(error)}. It may have been done.",
            "Look before you do it again.",
        )
    failed = _kind(error)
    if failed.is_damage:
        return TamperedError(f"{_DAMAGED} Nothing was changed.", newest_copy())
    return StorageError(
        f"CALM's database did not take the act: {_what(error)}. Nothing was changed.", failed.value.mend
    )


def fault(error: Exception) -> CarnetError | None:
    """A database that failed, in words that say for what. What a bug would raise (a broken constraint, say) stays a
    bug."""
    if _is_busy(error):
        return BusyError("Somebody else writes, and it takes too long.", "Try again.")
    if isinstance(error, _UNREADABLE):
        return TamperedError(_DAMAGED, newest_copy())
    if is_file() and type(error) not in (DatabaseError, OperationalError):
        return None
    if not is_file() and isinstance(error, ProgrammingError) and _state(error) in _NOT_OURS:
        return TamperedError(
            f"The database is not CALM's: {_words(error)}.", "Set DATABASE_URL to the one that CALM was set up with."
        )
    if not is_file() and not isinstance(error, FAULTS) and _state(error) not in _BROKEN:
        return None
    failed = _kind(error)
    if failed.is_damage:
        return TamperedError(_DAMAGED, newest_copy())
    return StorageError(f"CALM's database does not answer: {_what(error)}.", failed.value.mend)


def damage_behind(error: Exception) -> CarnetError | None:
    """What broke may have broken over a row that is not what was written: each row is looked at, and the first that
    has nothing where something must be, or that cannot be read, is named. None where all rows can be read."""
    if not isinstance(error, _OVER_A_ROW) or not apps.ready:
        return None
    for model in apps.get_models():
        table, row = model._meta.db_table, None  # noqa: SLF001 - Django's documented way
        try:
            for row in model._default_manager.iterator():  # noqa: SLF001
                if _lacks_something(row):
                    return _damaged(table, row)
        except (*FAULTS, DatabaseError, *_OVER_A_ROW):
            return _damaged(table, None)
    return None


def _lacks_something(row: Model) -> bool:
    fields = row._meta.concrete_fields  # noqa: SLF001
    return any(not field.null and getattr(row, field.attname) is None for field in fields)


def _damaged(table: str, row: Model | None) -> TamperedError:
    where = f"a row of {table}" if row is None else f"row {row.pk} of {table}"
    return TamperedError(f"CALM's database cannot be read: {where} is not what was written.", newest_copy())


# Of what a file or a caller says, these are refusals by the time that they come to a door: what is left is of rows.
_UNREADABLE = (UnicodeDecodeError, msgspec.MsgspecError)
_OVER_A_ROW = (TypeError, ValueError, AttributeError, LookupError, AssertionError)
_DAMAGED = "CALM's database cannot be read: it is not what was written."
_STATES = {  # of PostgreSQL, as far as it says what SQLite does
    "53100": StoreFault.FULL,
    "25006": StoreFault.READ_ONLY,
    "42501": StoreFault.READ_ONLY,
    "58030": StoreFault.IO,
} | dict.fromkeys(_BROKEN, StoreFault.CORRUPT)


def _kind(error: Exception) -> StoreFault:
    return fault_of(error.__cause__) if is_file() else _STATES.get(_state(error) or "", StoreFault.OTHER)


def _what(error: Exception) -> str:
    """What it failed for. A server's own words, where they say more than that it failed."""
    kind = _kind(error)
    return _words(error) if kind is StoreFault.OTHER and not is_file() else kind.value.what


def _words(error: Exception) -> str:
    """The first line: the others are hints for who runs the server."""
    return str(error).partition("\n")[0].strip().rstrip(".")


def _state(error: Exception) -> str | None:
    """PostgreSQL's five-letter name; None where no server said anything."""
    return getattr(error.__cause__, "sqlstate", None)


def _is_busy(error: Exception) -> bool:
    return _state(error) == _NO_TURN or getattr(error.__cause__, "sqlite_errorname", "").startswith("SQLITE_BUSY")


def _is_lost(error: Exception) -> bool:
    """Without a server's word, or with its last one (08: connection exceptions; 57P: it was shut down)."""
    state = _state(error)
    return state is None or state.startswith(("08", "57P"))
