"""What a backup is on both sides: a sealed file (`carnet.sealed_file`) whose key follows from a secret that the vault
of its day wrapped. Lock and wrapped secret stand in its header: the passphrase of that day opens it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Generic, Protocol, Self, TypeVar

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carnet.aead import KEY_SIZE, Aead
from carnet.errors import TamperedError, UsageError
from carnet.exchange.strict import MalformedError, decode
from carnet.files import MEMORY, PART, clear_scratch, place_for, reading, remove_part, replacing, scratch_folder
from carnet.out_files import kind_at
from carnet.sealed_file import Member, SealedFile, SealedFileError
from carnet.vault import Vault

SALT = 32  # bytes
SCRATCH, LAID = ".carnet-backup-", ".laid-"  # folders in a data folder, of a backup and of a restore that go on
WRITTEN_BY = "Choose the file that the command backup wrote; of a move, the one of move --out."
ANOTHER = "Use another copy of it, or another backup."
OPEN_THEN = {  # what was open when it was made is not in it: who was signed in, and codes that work once
    "usersessions_usersession": "",
    "django_session": "",
    "people_entrycode": "",
    "pages_entrycode": "",
    "people_sentform": "",
    "pages_sentform": "",
    "mfa_authenticator": "WHERE type = 'recovery_codes'",
}


class Header(Protocol):
    """What stands before the boxes, in the clear; each box is bound to it. `name`: of the secret in the vault."""

    @property
    def lock(self) -> bytes: ...

    @property
    def wrapped(self) -> bytes: ...

    @property
    def name(self) -> str: ...

    def key(self, secret: bytes) -> Aead: ...


T = TypeVar("T")
H = TypeVar("H", bound=Header)


def derived(secret: bytes, salt: bytes, info: str) -> Aead:
    """The key of one backup."""
    return Aead(HKDF(SHA256(), KEY_SIZE, salt, info.encode()).derive(secret))


def clear(folder: Path) -> None:
    """What a backup or restore that was killed left, in a data folder and in memory."""
    clear_scratch(folder, SCRATCH, LAID)
    for part in folder.glob(f".*.{PART}"):
        remove_part(part)
    clear_scratch(MEMORY, SCRATCH)


def _sizes(database: Path) -> int:
    """Bytes that its copies take at most: one, and the one that it becomes without what must not be in it."""
    return sum(2 * part.stat().st_size for part in database.parent.glob(f"{database.name}*") if part.is_file())


def place_of_copies(folder: Path, databases: Sequence[str]) -> Path:
    """Where copies of these databases in `folder` can be made for a moment. Raises StorageError."""
    return place_for(sum(_sizes(folder / name) for name in databases), folder)


@contextmanager
def writing(folder: Path, out: Path, databases: Sequence[str]) -> Iterator[tuple[Path, BinaryIO]]:
    """A folder for the copies that a backup is made of, and the file that it becomes. `databases`: names of those in
    `folder` that are copied. Raises StorageError where there is no room for the copies, and OSError."""
    with scratch_folder(place_of_copies(folder, databases), SCRATCH) as scratch, replacing(out, 0o600) as file:
        yield scratch, file


@dataclass
class Backup(Generic[H]):
    """A backup that is open for reading; first `check`, then `lay`. `limits`: bytes that each of its files may have;
    `needed`: those that must be in it."""

    FORM: ClassVar[bytes]  # the line that it begins with
    WHOSE: ClassVar[str]
    HEADER: ClassVar[type[Any]]

    path: Path
    sealed: SealedFile
    header: H
    limits: Mapping[str, int]
    needed: Sequence[str]
    members: list[Member] = field(default_factory=list)
    _aead: Aead | None = field(default=None, repr=False)

    @classmethod
    @contextmanager
    def open(cls, path: Path, limits: Mapping[str, int], needed: Sequence[str]) -> Iterator[Self]:
        """Raises UsageError where it is not such a backup at all, and TamperedError where its header was altered."""
        with reading(path) as file:
            if file.read(len(cls.FORM)) != cls.FORM:
                what = f", but {found}" if (found := kind_at(path)) else ""
                raise UsageError(f"{path} is not a backup of {cls.WHOSE}{what}.", WRITTEN_BY)
            file.seek(0)
            with _said(path):
                sealed = SealedFile(file, cls.FORM)
                header = _read(sealed.header, cls.HEADER)
            yield cls(path, sealed, header, limits, needed)

    def check(self, passphrase: bytes) -> None:
        """Decrypt it to its end, and write nothing. Raises PassphraseError, and TamperedError where anything of it was
        altered, left out or added."""
        header = self.header
        aead = header.key(Vault.open(header.lock, passphrase).unwrap(header.name, header.wrapped))
        with _said(self.path):
            self.members = self.sealed.check(aead, self.limits, self.needed)
        self._aead = aead

    def has(self, name: str) -> bool:
        """Whether a file of this name is in it; once it was checked."""
        return any(member.name == name for member in self.members)

    def lay(self, folder: Path) -> None:
        """Write its files into `folder`, which is empty."""
        assert self._aead is not None, "checked before"
        with _said(self.path):
            self.sealed.lay(self._aead, folder, self.members)


def _read(raw: bytes, header: type[T]) -> T:
    try:
        return decode(raw, header, depth=2)
    except MalformedError as error:
        raise SealedFileError("its header cannot be read") from error


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except SealedFileError as error:
        raise TamperedError(f"{path} is not a whole backup: {error}. Nothing was written.", ANOTHER) from error
