"""What differs between SQLite and PostgreSQL once Django is set up: whose turn it is to act, and faults in words.

Elsewhere: which one it is (`database_url`).
"""

from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, ProgrammingError, connections

from carnet.errors import (
    BusyError,
    CarnetError,
    StorageError,
    TamperedError,
)

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


def act_fault(error: Exception, *, at_commit: bool) -> StorageError:
    """One of FAULTS during an act. `at_commit`: all was done, and only the database's word is missing."""
    if _is_busy(error):
        return BusyError("Somebody else acts, and it takes too long. Nothing was changed.", "Try again.")
    if at_commit and not is_file() and _is_lost(error):
        return StorageError(
            f"The database did not say whether it took the act: {_words(error)}. It may have been done.",
            "Look before you do it again.",
        )
    return StorageError(f"The database did not take the act: {_words(error)}. Nothing was changed.", "Try again.")


def fault(error: Exception) -> CarnetError | None:
    """A database that cannot be read, in words. What a bug would raise (a broken constraint, say) stays a bug."""
    if _is_busy(error):
        return BusyError("Somebody else writes, and it takes too long.", "Try again.")
    if is_file():
        unreadable = type(error) in (DatabaseError, OperationalError)
        return _cannot_be_read(error) if unreadable else None
    if _state(error) in _BROKEN:
        return _cannot_be_read(error)
    if isinstance(error, ProgrammingError) and _state(error) in _NOT_OURS:
        return TamperedError(
            f"The database is not CALM's: {_words(error)}.", "Set DATABASE_URL to the one that CALM was set up with."
        )
    if isinstance(error, FAULTS):
        return StorageError(f"CALM's database does not answer: {_words(error)}.", "See that it runs, and try again.")
    return None


def _cannot_be_read(error: Exception) -> TamperedError:
    return TamperedError(f"CALM's database cannot be read: {_words(error)}.", newest_copy())


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
