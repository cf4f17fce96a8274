"""A backup: the ledger's database, the trust file and the pages' database in one sealed file (docs/formats/backup.md).

It is encrypted under a key that follows from the site's newest master key. What is needed to get at that key with the
passphrase, the lock and the wrapped master key, stands in its header. It is written and read as a stream.
"""

from contextlib import AbstractContextManager, closing
from pathlib import Path

from carnet import sealed_backup
from carnet.aead import Aead
from carnet.control_room.engine.founding import LOCK
from carnet.control_room.engine.key_ring import KeyRing, master_name
from carnet.control_room.engine.sqlite import DATABASE, SqliteStore
from carnet.entitlements import Fields, Text, Time
from carnet.errors import TamperedError
from carnet.exchange.keys import RandomBytes
from carnet.exchange.strict import encode
from carnet.sealed_file import write_sealed
from carnet.sqlite_copies import copy_without

FORM = b"carnet-control-room-backup 1\n"
TRUST = "trust.json"


class BackupHeader(Fields, frozen=True):
    """What stands before the boxes, in the clear; each box is bound to it."""

    control_room: Text
    version: Text  # the release that made it
    made_at: Time
    lock: bytes  # of the vault, as the ledger keeps it (`carnet.vault`)
    master: int  # the number of the newest master key
    wrapped: bytes  # that key
    salt: bytes

    @property
    def name(self) -> str:
        return master_name(self.master)

    def key(self, secret: bytes) -> Aead:
        return sealed_backup.derived(secret, self.salt, f"carnet-backup/1|{self.control_room}")


def header_of(store: SqliteStore, keys: KeyRing, version: str, made_at: Time, random: RandomBytes) -> BackupHeader:
    newest = max(keys.masters)
    lock, wrapped = store.document(LOCK), store.secret(master_name(newest))
    assert lock is not None
    assert wrapped is not None
    return BackupHeader(store.ledger_id, version, made_at, lock, newest, wrapped, random(sealed_backup.SALT))


def write_backup(
    store: SqliteStore, keys: KeyRing, header: BackupHeader, folder: Path, pages: str, out: Path, random: RandomBytes
) -> int:
    """Write a backup to `out`; its size in bytes. `pages`: the name of the pages' own database, where there is one.

    The copies that it is made of are each made in one step: they are consistent, also while a server writes.
    """
    with sealed_backup.writing(folder, out, (DATABASE, pages)) as (scratch, file):
        members = [(DATABASE, scratch / DATABASE), (TRUST, folder / TRUST)]
        store.copy_to(members[0][1])
        if (folder / pages).exists():
            members.append((pages, scratch / pages))
            copy_without(folder / pages, members[-1][1], sealed_backup.OPEN_THEN)
        write_sealed(file, FORM, encode(header), header.key(keys.masters[header.master]), members, random)
        return file.tell()


class Backup(sealed_backup.Backup[BackupHeader]):
    FORM, WHOSE, HEADER = FORM, "a Control Room", BackupHeader

    def lay(self, folder: Path) -> None:
        """And look whether they are the ledger that it says."""
        super().lay(folder)
        with closing(SqliteStore.open(folder, writing=False)) as store:
            if store.ledger_id != self.header.control_room:
                raise TamperedError(f"{self.path} says that it is of another Control Room.", sealed_backup.ANOTHER)


def open_backup(path: Path, pages: str) -> AbstractContextManager[Backup]:
    """A backup of a Control Room; `pages`: as in `write_backup`. Raises as `Backup.open`."""
    return Backup.open(path, {DATABASE: 2**36, TRUST: 2**20, pages: 2**36}, [DATABASE, TRUST])  # bytes


def put_back(pages: Path, to: Path) -> None:
    """The pages' database of a backup, in the place of the one that is here."""
    for part in (f"{to.name}-wal", f"{to.name}-shm"):
        (to.parent / part).unlink(missing_ok=True)
    pages.rename(to)
