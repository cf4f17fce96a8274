"""A backup: the ledger's database, the trust file and the pages' database in one sealed file (docs/formats/backup.md).

It is encrypted under a key that follows from the site's newest master key. What is needed to get at that key with the
passphrase, the lock and the wrapped master key, stands in its header. It is written and read as a stream.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carnet.aead import KEY_SIZE, Aead
from carnet.control_room.engine.founding import LOCK
from carnet.control_room.engine.key_ring import KeyRing, master_name
from carnet.control_room.engine.sqlite import DATABASE, SqliteStore
from carnet.entitlements import Fields, Text, Time
from carnet.errors import TamperedError, UsageError
from carnet.exchange.keys import RandomBytes
from carnet.exchange.strict import MalformedError, decode, encode
from carnet.files import reading, replacing, scratch_folder
from carnet.sealed_file import Member, SealedFile, SealedFileError, write_sealed
from carnet.sqlite_copies import copy_without
from carnet.vault import Vault

FORM = b"carnet-control-room-backup 1\n"
TRUST = "trust.json"
_SALT = 32  # bytes
_ANOTHER = "Use another copy of it, or another backup."
_ENDS = {  # what was open when the backup was made is not in it: who was signed in, and codes that work once
    "usersessions_usersession": "",
    "django_session": "",
    "pages_entrycode": "",
    "mfa_authenticator": "WHERE type = 'recovery_codes'",
}


class BackupHeader(Fields, frozen=True):
    """What stands before the boxes, in the clear; each box is bound to it."""

    control_room: Text
    version: Text  # the release that made it
    made_at: Time
    lock: bytes  # of the vault, as the ledger keeps it (`carnet.vault`)
    master: int  # the number of the newest master key
    wrapped: bytes  # that key
    salt: bytes

    def key(self, master: bytes) -> Aead:
        info = f"carnet-backup/1|{self.control_room}".encode()
        return Aead(HKDF(SHA256(), KEY_SIZE, self.salt, info).derive(master))


def header_of(store: SqliteStore, keys: KeyRing, version: str, made_at: Time, random: RandomBytes) -> BackupHeader:
    newest = max(keys.masters)
    lock, wrapped = store.document(LOCK), store.secret(master_name(newest))
    assert lock is not None
    assert wrapped is not None
    return BackupHeader(store.ledger_id, version, made_at, lock, newest, wrapped, random(_SALT))


def write_backup(
    store: SqliteStore, keys: KeyRing, header: BackupHeader, folder: Path, pages: str, out: Path, random: RandomBytes
) -> int:
    """Write a backup to `out`; its size in bytes. `pages`: the name of the pages' own database, where there is one.

    The copies that it is made of are each made in one step: they are consistent, also while a server writes.
    """
    with scratch_folder(folder, ".backup-") as scratch, replacing(out, 0o600) as file:
        members = [(DATABASE, scratch / DATABASE), (TRUST, folder / TRUST)]
        store.copy_to(members[0][1])
        if (folder / pages).exists():
            members.append((pages, scratch / pages))
            copy_without(folder / pages, members[-1][1], _ENDS)
        write_sealed(file, FORM, encode(header), header.key(keys.masters[header.master]), members, random)
        return file.tell()


class Backup:
    """A backup that is open for reading; first `check`, then `lay`."""

    def __init__(self, path: Path, file: BinaryIO, pages: str) -> None:
        self._path, self._pages = path, pages
        with self._said():
            self._sealed = SealedFile(file, FORM)
            self.header = _read_header(self._sealed.header)
        self._aead: Aead | None = None
        self._members: list[Member] = []

    def check(self, passphrase: bytes) -> None:
        """Decrypt it to its end, and write nothing. Raises PassphraseError, and TamperedError where anything of it was
        altered, left out or added."""
        master = Vault.open(self.header.lock, passphrase).unwrap(master_name(self.header.master), self.header.wrapped)
        self._aead = self.header.key(master)
        limits = {DATABASE: 2**36, TRUST: 2**20, self._pages: 2**36}  # bytes
        with self._said():
            self._members = self._sealed.check(self._aead, limits, [DATABASE, TRUST])

    def lay(self, folder: Path) -> None:
        """Write its files into `folder`, which is empty, and look whether they are the ledger that it says."""
        assert self._aead is not None, "checked before"
        with self._said():
            self._sealed.lay(self._aead, folder, self._members)
        with closing(SqliteStore.open(folder, writing=False)) as store:
            if store.ledger_id != self.header.control_room:
                raise TamperedError(f"{self._path} says that it is of another Control Room.", _ANOTHER)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except SealedFileError as error:
            raise TamperedError(
                f"{self._path} is not a whole backup: {error}. Nothing was written.", _ANOTHER
            ) from error


@contextmanager
def open_backup(path: Path, pages: str) -> Iterator[Backup]:
    """Raises UsageError where it is not a backup at all, and TamperedError where its header was altered."""
    with reading(path) as file:
        if file.read(len(FORM)) != FORM:
            raise UsageError(f"{path} is not a backup of a Control Room.")
        file.seek(0)
        yield Backup(path, file, pages)


def _read_header(raw: bytes) -> BackupHeader:
    try:
        return decode(raw, BackupHeader, depth=2)
    except MalformedError as error:
        raise SealedFileError("its header cannot be read") from error


def put_back(pages: Path, to: Path) -> None:
    """The pages' database of a backup, in the place of the one that is here."""
    for part in (f"{to.name}-wal", f"{to.name}-shm"):
        (to.parent / part).unlink(missing_ok=True)
    pages.rename(to)
