"""Which database CALM keeps its rows in, as Django's settings say it: the file in the data folder, or the PostgreSQL
that DATABASE_URL names. The address holds a password: no message here repeats any part of it."""

import os
from typing import Any

from carnet.errors import UsageError

VARIABLE = "DATABASE_URL"
FILE = "calm.sqlite3"
WAIT = 30  # seconds that an act waits for its turn

Settings = dict[str, Any]


def settings(folder: str | None) -> Settings:
    """Django's settings for the one database. `folder`: the data folder; without it and without an address, the
    database is in memory. Raises UsageError."""
    address = os.environ.get(VARIABLE)
    return _postgres(address) if address else _sqlite(f"{folder}/{FILE}" if folder else ":memory:")


def _sqlite(name: str) -> Settings:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": name,
        # IMMEDIATE: an act reads what it decides on under the write lock: two operators are one after the other.
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": WAIT,
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
        },
    }


def _postgres(address: str) -> Settings:
    found = _read(address)
    given = found.get("OPTIONS", {})
    ours = {
        # After it has waited for its turn, an act must read what the one before it wrote (`database.take_turn`): each
        # statement sees what is committed by then, whatever the server's own default is.
        "isolation_level": _read_committed(),
        "options": f"-c lock_timeout={WAIT}s {given.get('options', '')}".strip(),
    }
    more = {"OPTIONS": {"connect_timeout": 10, "application_name": "calm"} | given | ours}
    return found | {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True} | more


def _read(address: str) -> Settings:
    import dj_database_url  # only where it is needed: commands start fast

    try:
        found: Settings = dict(dj_database_url.parse(address))
    except ValueError:
        found = {}  # what was wrong may be a piece of the password: it is not repeated
    named = found.get("NAME", "")
    if found.get("ENGINE") != "django.db.backends.postgresql" or not named or "@" in named:
        raise UsageError(
            f"{VARIABLE} is not the address of a PostgreSQL database.",
            "Write postgresql://USER:PASSWORD@HOST:PORT/NAME, with %-signs for what is special in the password.",
        )
    return found


def _read_committed() -> Any:
    try:
        from psycopg import IsolationLevel
    except ImportError as error:
        raise UsageError(
            f"{VARIABLE} is set, but what speaks with PostgreSQL is not installed.",
            "Run: pip install 'carnet[postgres]'",
        ) from error
    return IsolationLevel.READ_COMMITTED
