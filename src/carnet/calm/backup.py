"""CALM's backup: database, keys and trust in one sealed file (docs/formats/backup.md), written and read as a stream.

The roots are not in it: they have a safe of their own. Nor is the head of the issuing log, which is kept apart so that
an older database is noticed (L6). Where the rows are in PostgreSQL, they are backed up by PostgreSQL's own tools.
"""

from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from carnet import sealed_backup
from carnet.aead import Aead
from carnet.cli_support import private_folder, write_file
from carnet.entitlements import Fields, Quantity, Text, Time
from carnet.errors import UsageError
from carnet.exchange.keys import RandomBytes
from carnet.exchange.strict import encode
from carnet.sealed_file import write_sealed
from carnet.sqlite_copies import copy_without

FORM = b"carnet-calm-backup 1\n"
KEYS, NAME = "keys.json", "backup"  # the file of all private keys; and under which name the secret is wrapped
SIZE = 32  # bytes of the secret


class BackupHeader(Fields, frozen=True):
    """What stands before the boxes, in the clear; each box is bound to it."""

    vendor: Text
    version: Text  # the release that made it
    made_at: Time
    records: Quantity  # of the issuing log; 0 where the rows are in PostgreSQL
    lock: bytes  # of the keys (`carnet.vault`)
    wrapped: bytes  # the secret that its key follows from
    salt: bytes

    @property
    def name(self) -> str:
        return NAME

    def key(self, secret: bytes) -> Aead:
        return sealed_backup.derived(secret, self.salt, "carnet-calm-backup/1")


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
    with sealed_backup.writing(folder, out, [database] if database else []) as (scratch, file):
        members: list[tuple[str, Path]] = []
        if database:
            copy_without(folder / database, scratch / database, sealed_backup.OPEN_THEN)
            members.append((database, scratch / database))
        keys = scratch / KEYS
        keys.write_bytes(msgspec.json.encode(_read_keys(folder / "keys")))  # wrapped, and in a folder of its own
        members += [(KEYS, keys), *((name, folder / name) for name in public)]
        write_sealed(file, FORM, encode(header), aead, members, random)
        return file.tell()


def _read_keys(keys: Path) -> dict[str, bytes]:
    """Each private key as it lies there, wrapped; without the roots."""
    return {path.stem: path.read_bytes() for path in sorted((keys / "issuers").glob("*.key"))}


class Backup(sealed_backup.Backup[BackupHeader]):
    FORM, WHOSE, HEADER = FORM, "CALM", BackupHeader


def open_backup(path: Path, database: str, public: list[str]) -> AbstractContextManager[Backup]:
    """A backup of CALM; the database is not in it where the rows were in PostgreSQL. Raises as `Backup.open`."""
    limits = {database: 2**40, KEYS: 2**20} | dict.fromkeys(public, 2**20)  # bytes
    return Backup.open(path, limits, [KEYS, *public])


def lay_keys(header: BackupHeader, laid: Path, keys: Path) -> None:
    """Put the keys that were laid in `laid` in their place; the roots that are there stay."""
    found = msgspec.json.decode((laid / KEYS).read_bytes(), type=dict[str, bytes])
    for folder in (keys, keys / "issuers", keys / "roots"):
        private_folder(folder)
    for kid, stored in found.items():
        write_file(keys / "issuers" / f"{Path(kid).name}.key", stored, 0o600)
    write_file(keys / "lock", header.lock, 0o600)
    (keys / "lock.next").unlink(missing_ok=True)  # of a change that was going on where the folder was lost
