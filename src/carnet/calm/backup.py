"""CALM's backup: database, keys and trust in one sealed file (docs/formats/backup.md), written and read as a stream.

The roots are not in it: they have a safe of their own. Nor is the head of the issuing log, which is kept apart so that
an older database is noticed (L6). Where the rows are in PostgreSQL, they are backed up by PostgreSQL's own tools.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carnet.aead import KEY_SIZE, Aead
from carnet.cli_support import private_folder, write_file
from carnet.entitlements import Fields, Quantity, Text, Time
from carnet.errors import TamperedError, UsageError
from carnet.exchange.keys import RandomBytes
from carnet.exchange.strict import MalformedError, decode, encode
from carnet.files import reading, replacing, scratch_folder
from carnet.sealed_file import Member, SealedFile, SealedFileError, write_sealed
from carnet.sqlite_copies import copy_without
from carnet.vault import Vault

FORM = b"carnet-calm-backup 1\n"
KEYS, NAME = "keys.json", "backup"  # the file of all private keys; and under which name the secret is wrapped
SIZE = 32  # bytes of the secret, and of the salt
_ANOTHER = "Use another copy of it, or another backup."
_ENDS = {  # what was open when the backup was made is not in it: who was signed in, and codes that work once
    "usersessions_usersession": "",
    "django_session": "",
    "people_entrycode": "",
    "mfa_authenticator": "WHERE type = 'recovery_codes'",
}


class BackupHeader(Fields, frozen=True):
    """What stands before the boxes, in the clear; each box is bound to it."""

    vendor: Text
    version: Text  # the release that made it
    made_at: Time
    records: Quantity  # of the issuing log; 0 where the rows are in PostgreSQL
    lock: bytes  # of the keys (`carnet.vault`)
    wrapped: bytes  # the secret that its key follows from
    salt: bytes

    def key(self, secret: bytes) -> Aead:
        return Aead(HKDF(SHA256(), KEY_SIZE, self.salt, b"carnet-calm-backup/1").derive(secret))


def new_header(
    vendor: str, version: str, made_at: Time, records: int, keys: Path, secret: bytes, wrapped: bytes, salt: bytes
) -> tuple[BackupHeader, Aead]:
    """Raises UsageError where the keys are being wrapped again: two locks are needed then."""
    if (keys / "lock.next").exists():
        raise UsageError("The keys are being wrapped again, and that was interrupted.", run="calm key rewrap")
    header = BackupHeader(vendor, version, made_at, records, (keys / "lock").read_bytes(), wrapped, salt)
    return header, header.key(secret)


def write_backup(
    folder: Path,
    out: Path,
    header: BackupHeader,
    aead: Aead,
    database: str | None,
    public: list[str],
    random: RandomBytes,
) -> int:
    """Write a backup to `out`, also while a server runs; its size in bytes. `database`: the file of the rows, where
    they are in one; `public`: names of files that are no secret."""
    with scratch_folder(folder, ".backup-") as scratch, replacing(out, 0o600) as file:
        members: list[tuple[str, Path]] = []
        if database:
            copy_without(folder / database, scratch / database, _ENDS)
            members.append((database, scratch / database))
        keys = scratch / KEYS
        write_file(keys, msgspec.json.encode(_read_keys(folder / "keys")), 0o600)
        members += [(KEYS, keys), *((name, folder / name) for name in public)]
        write_sealed(file, FORM, encode(header), aead, members, random)
        return file.tell()


def _read_keys(keys: Path) -> dict[str, bytes]:
    """Each private key as it lies there, wrapped; without the roots."""
    return {path.stem: path.read_bytes() for path in sorted((keys / "issuers").glob("*.key"))}


class Backup:
    """A backup that is open for reading; first `check`, then `lay`."""

    def __init__(self, path: Path, file: BinaryIO, database: str, public: list[str]) -> None:
        self._path, self._database, self._public = path, database, public
        with self._said():
            self._sealed = SealedFile(file, FORM)
            try:
                self.header = decode(self._sealed.header, BackupHeader, depth=2)
            except MalformedError as error:
                raise SealedFileError("its header cannot be read") from error
        self._aead: Aead | None = None
        self._members: list[Member] = []

    @property
    def has_rows(self) -> bool:
        """Whether the database is in it: it is not where the rows were in PostgreSQL."""
        return any(member.name == self._database for member in self._members)

    def check(self, passphrase: bytes) -> None:
        """Decrypt it to its end, and write nothing. Raises PassphraseError, and TamperedError where anything of it was
        altered, left out or added."""
        secret = Vault.open(self.header.lock, passphrase).unwrap(NAME, self.header.wrapped)
        self._aead = self.header.key(secret)
        limits = {self._database: 2**40, KEYS: 2**20} | dict.fromkeys(self._public, 2**20)  # bytes
        with self._said():
            self._members = self._sealed.check(self._aead, limits, [KEYS, *self._public])

    def lay(self, folder: Path) -> None:
        """Write its files into `folder`, which is empty."""
        assert self._aead is not None, "checked before"
        with self._said():
            self._sealed.lay(self._aead, folder, self._members)

    def lay_keys(self, laid: Path, keys: Path) -> None:
        """Put the keys that were laid in `laid` in their place; the roots that are there stay."""
        found = msgspec.json.decode((laid / KEYS).read_bytes(), type=dict[str, bytes])
        for folder in (keys, keys / "issuers", keys / "roots"):
            private_folder(folder)
        for kid, stored in found.items():
            write_file(keys / "issuers" / f"{Path(kid).name}.key", stored, 0o600)
        write_file(keys / "lock", self.header.lock, 0o600)
        (keys / "lock.next").unlink(missing_ok=True)  # of a change that was going on where the folder was lost

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except SealedFileError as error:
            raise TamperedError(
                f"{self._path} is not a whole backup: {error}. Nothing was written.", _ANOTHER
            ) from error


@contextmanager
def open_backup(path: Path, database: str, public: list[str]) -> Iterator[Backup]:
    """Raises UsageError where it is not a backup of CALM at all, and TamperedError where its header was altered."""
    with reading(path) as file:
        if file.read(len(FORM)) != FORM:
            raise UsageError(f"{path} is not a backup of CALM.")
        file.seek(0)
        yield Backup(path, file, database, public)
