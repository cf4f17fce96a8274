"""What a failed SQLite database is told for: what SQLite says of it, as one of a few kinds, in the same words on both
sides. Only a database that is not what was written speaks of backups.
"""

import sqlite3
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Words:
    """`what` is said after a colon, without its full stop; `mend` is what to do."""

    what: str
    mend: str


class StoreFault(Enum):
    """What a database failed for."""

    FULL = Words("the disk is full", "Make room on the disk, then try again.")
    READ_ONLY = Words(
        "this user may not write there, or the disk is read-only",
        "See whose the data folder is and how its disk is mounted, then try again.",
    )
    LOCKED = Words("another process writes to it, and it takes too long", "Wait for it, then try again.")
    IO = Words("the disk failed to read or write", "Check the disk's space and health, then try again.")
    CLOSED = Words(
        "it cannot be opened",
        "See whose the data folder is, and whether its disk is mounted and has room; then try again.",
    )
    CORRUPT = Words("it is not what was written", "Keep it as it is, and restore a backup.")
    OTHER = Words("the database failed", "Check the disk's space and health, then try again.")

    @property
    def is_damage(self) -> bool:
        """Whether the stored bytes themselves are wrong, and trying again helps nobody."""
        return self is StoreFault.CORRUPT


_BY_CODE = {
    sqlite3.SQLITE_FULL: StoreFault.FULL,
    sqlite3.SQLITE_READONLY: StoreFault.READ_ONLY,
    sqlite3.SQLITE_PERM: StoreFault.READ_ONLY,
    sqlite3.SQLITE_AUTH: StoreFault.READ_ONLY,
    sqlite3.SQLITE_BUSY: StoreFault.LOCKED,
    sqlite3.SQLITE_LOCKED: StoreFault.LOCKED,
    sqlite3.SQLITE_PROTOCOL: StoreFault.LOCKED,
    sqlite3.SQLITE_IOERR: StoreFault.IO,
    sqlite3.SQLITE_NOLFS: StoreFault.IO,
    sqlite3.SQLITE_NOMEM: StoreFault.OTHER,
    sqlite3.SQLITE_INTERRUPT: StoreFault.OTHER,
    sqlite3.SQLITE_CANTOPEN: StoreFault.CLOSED,
}


def fault_of(error: BaseException | None) -> StoreFault:
    """The kind of what `sqlite3` raised. What has no code, or another one, is damage: SQLite read bytes that it never
    wrote, as a schema, a text or a type."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:  # the file beside the database, that readers need too, found no room
        return StoreFault.FULL
    return StoreFault.CORRUPT if code is None else _BY_CODE.get(code & 0xFF, StoreFault.CORRUPT)
