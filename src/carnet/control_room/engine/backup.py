"""A backup: the database, consistent, with its keys still wrapped, and the trust file, in one archive."""

import gzip
import io
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from contextlib import closing
from pathlib import Path

from carnet.control_room.engine.sqlite import DATABASE, SqliteStore
from carnet.errors import BusyError, UsageError

TRUST = "trust.json"
_LIMITS = {DATABASE: 2**36, TRUST: 2**20}  # bytes


def pack(store: SqliteStore, folder: Path, pages: str) -> bytes:
    """The copies are each made in one step: they are consistent, also while a server writes. `pages`: the name of the
    pages' own database, which is taken along where there is one."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".backup-") as scratch:
        copy, packed = Path(scratch) / DATABASE, io.BytesIO()
        store.copy_to(copy)
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.add(copy, DATABASE)
            archive.add(folder / TRUST, TRUST)
            if (folder / pages).exists():
                _copy(folder / pages, Path(scratch) / pages)
                archive.add(Path(scratch) / pages, pages)
    return packed.getvalue()


def unpack(backup: Path, folder: Path, pages: str) -> None:
    """Lay a backup's files into `folder`, and look whether they are a ledger. Raises UsageError where they are not."""
    try:
        with tarfile.open(backup, mode="r:gz") as archive:
            for name, limit in _LIMITS.items():
                _lay(archive, name, limit, folder)
            if pages in archive.getnames():  # none where nobody ever signed in
                _lay(archive, pages, _LIMITS[DATABASE], folder)
                _end_sessions(folder / pages)
        _read_to_its_end(backup)
        SqliteStore.open(folder, writing=False).close()
    except (tarfile.TarError, KeyError, OSError, EOFError, zlib.error, sqlite3.DatabaseError) as error:
        raise UsageError(f"{backup}is not a backup of a Control Room.") from error


def _read_to_its_end(backup: Path) -> None:
    """Only there does gzip compare its checksum."""
    with gzip.open(backup) as packed:
        while packed.read(1 << 20):
            pass


def _lay(archive: tarfile.TarFile, name: str, limit: int, folder: Path) -> None:
    member = archive.extractfile(name)
    if member is None or archive.getmember(name).size > limit:
        raise KeyError(name)
    with (folder / name).open("wb") as file:
        shutil.copyfileobj(member, file)
    (folder / name).chmod(0o600)


def _copy(source: Path, to: Path) -> None:
    with closing(sqlite3.connect(source)) as whole, closing(sqlite3.connect(to)) as copy:
        whole.backup(copy)


def _end_sessions(pages: Path) -> None:
    """Who was signed in when the backup was made is so no more."""
    with closing(sqlite3.connect(pages)) as db, db:
        for table in ("usersessions_usersession", "django_session"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608 - two names of ours


def put_back(pages: Path, to: Path) -> None:
    """The pages' database of a backup, in the place of the one that is here."""
    for part in (f"{to.name}-wal", f"{to.name}-shm"):
        (to.parent / part).unlink(missing_ok=True)
    pages.rename(to)


def set_aside(folder: Path) -> Path | None:
    """Keep the database that is here under another name, its write-ahead log folded in. None where there is none."""
    database = folder / DATABASE
    if not database.exists():
        return None
    try:
        with closing(sqlite3.connect(database)) as db:
            db.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        raise BusyError(f"Somebody is reading {database}: {error}. Nothing was moved.", "Try again.") from error
    number = 1
    while (kept := folder / f"before-restore-{number}.sqlite3").exists():
        number += 1
    database.rename(kept)
    return kept
