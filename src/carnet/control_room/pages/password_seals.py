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

from carnet.errors import StorageError, TamperedError
from carnet.store_faults import fault_of


@dataclass(frozen=True)
class Logins:
    """How many passwords there are, each as the pages of this site wrote it; and what was not looked at."""

    passwords: int
    not_covered: str = "sessions, second factors, settings of notices, and an older password of the same person."


def seal_of(key: bytes, name: str, password: str) -> str:
    """In hex. `password`: its hash, as Django keeps it."""
    return hmac.digest(key, f"{len(name)}|{name}|{password}".encode(), sha256).hex()


def _holds(key: bytes, name: object, password: object, seal: object) -> bool:
    """Whatever stands there: a damaged row may hold no text."""
    if not (isinstance(name, str) and isinstance(password, str) and isinstance(seal, str) and seal.isascii()):
        return False
    return hmac.compare_digest(seal, seal_of(key, name, password))


def check_logins(database: Path, key: bytes) -> Logins:
    """Raises TamperedError where a hash was not written by the pages of this site, or what is there is damaged;
    StorageError where it cannot be read now."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as db:
            found = db.execute("SELECT name, password, seal FROM pages_login ORDER BY name").fetchall()
    except (sqlite3.DatabaseError, UnicodeError) as error:
        fault = fault_of(error)
        raised = TamperedError if fault.is_damage else StorageError
        raise raised(f"The pages' database cannot be read: {fault.value.what}.", fault.value.mend) from error
    wrong = [str(name) for name, password, seal in found if not _holds(key, name, password, seal)]
    if wrong:
        raise TamperedError(
            "The ledger holds, but the pages' database does not hold: these passwords were not put there by the pages "
            f"of this site, and are wrong at sign-in: {', '.join(wrong)}.",
            "Find out who can write there; then give these people a new link.",
        )
    return Logins(len(found))
