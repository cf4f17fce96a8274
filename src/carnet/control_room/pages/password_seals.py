"""What binds each password's hash to its name and to this site: whoever can write the pages' database and has no key of
the site cannot put a hash of their own there.
"""

import hmac
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from carnet.errors import TamperedError


@dataclass(frozen=True)
class Logins:
    """How many passwords there are, each as the pages of this site wrote it; and what was not looked at."""

    passwords: int
    not_covered: str = "sessions, second factors, settings of notices, and an older password of the same person."


def seal_of(key: bytes, name: str, password: str) -> str:
    """In hex. `password`: its hash, as Django keeps it."""
    return hmac.digest(key, f"{len(name)}|{name}|{password}".encode(), sha256).hex()


def check_logins(database: Path, key: bytes) -> Logins:
    """Raises TamperedError where a hash was not written by the pages of this site, or nothing can be read."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as db:
            found = db.execute("SELECT name, password, seal FROM pages_login ORDER BY name").fetchall()
    except sqlite3.DatabaseError as error:
        raise TamperedError(f"The pages' database cannot be read: {error}.", "Restore a backup.") from error
    wrong = [name for name, password, seal in found if not hmac.compare_digest(seal, seal_of(key, name, password))]
    if wrong:
        raise TamperedError(
            "The ledger holds, but the pages' database does not hold: these passwords were not put there by the pages "
            f"of this site, and are wrong at sign-in: {', '.join(wrong)}.",
            "Find out who can write there; then give these people a new link.",
        )
    return Logins(len(found))
