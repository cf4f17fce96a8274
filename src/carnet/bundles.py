"""A release as it is carried to a closed site: is it whole, nothing more, and signed by the vendor?

The vendor signs `SHA256SUMS`, which names every other file. Read is the archive itself, or the folder it was unpacked
into; the archive in one pass and in one form: what another program might read differently is refused.
"""

import gzip
import os
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tarfile import BLOCKSIZE, REGTYPE, HeaderError, TarInfo
from typing import BinaryIO, cast

import msgspec

from carnet.exchange.verdicts import Code, Refusal

SUMS, SIGNATURE, SSH_SIGNATURE, FACTS = "SHA256SUMS", "SHA256SUMS.sig", "SHA256SUMS.sshsig", "bundle.json"
FIRST = (SUMS, SIGNATURE, SSH_SIGNATURE)  # in an archive, so that all that follows can be judged as it comes
MOST_FILE, MOST_ALL = 256 * 1024 * 1024, 1024 * 1024 * 1024  # bytes, unpacked
MOST_SMALL = 1024 * 1024  # bytes; of the files that are kept in memory
MOST_FILES = 2_000
PIECE = 1024 * 1024

_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*(/[A-Za-z0-9_][A-Za-z0-9._+-]*)*")  # no `.`, `..`, `/` at an end
_SUM = re.compile(r"([0-9a-f]{64})  (\S{1,200})")
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----\s.*?-----END PUBLIC KEY-----\s*", re.DOTALL)


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a bundle says of itself; signed, as all of it."""

    name: str
    version: str
    platform: str
    python: list[str]


@dataclass(frozen=True)
class Verified:
    facts: Facts
    files: int
    size: int  # bytes, unpacked
    key: str  # the SHA-256 of the public key that it is signed with


@dataclass(frozen=True)
class _Piece:
    """One file as it stands in the bundle."""

    name: str
    size: int
    source: BinaryIO

    def read(self) -> Iterator[bytes]:
        left = self.size
        while left:
            piece = self.source.read(min(PIECE, left))
            if not piece:
                raise _WrongError(f"{self.name} is cut short.")
            left -= len(piece)
            yield piece


class _WrongError(Exception):
    """What makes it no bundle of the vendor's; a sentence."""


def verify_bundle(path: Path, public_keys: bytes) -> Verified | Refusal:
    """Whether the archive or folder is what the vendor signed. `public_keys`: PEM, one or several."""
    try:
        pieces = _unpacked(path) if path.is_dir() else _archived(path)
        return _Reading(public_keys).take(pieces)
    except _WrongError as wrong:
        return _refused(Code.MALFORMED, str(wrong))
    except (HeaderError, gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError):
        return _refused(Code.MALFORMED, f"{path.name} is cut, altered, or no archive of a release.")
    except _ForgedError:
        return _refused(Code.BAD_SIGNATURE, f"{SUMS} is not signed by the vendor of the installed release.")


class _ForgedError(Exception):
    pass


def _refused(code: Code, message: str) -> Refusal:
    do = "Install nothing of it. Copy it again; if it is refused again, treat it as a forgery and tell the vendor."
    return Refusal(code, message, do)


@dataclass
class _Reading:
    public_keys: bytes
    small: dict[str, bytes] = field(default_factory=dict)
    wanted: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    size: int = 0

    def take(self, pieces: Iterator[_Piece]) -> Verified:
        key = b""
        for number, piece in enumerate(pieces):
            self._check(number, piece)
            if number < len(FIRST):
                self.small[piece.name] = b"".join(piece.read())
            else:
                self._compare(piece)
            if number == len(FIRST) - 1:
                key = self._judge()
        if len(self.seen) < len(FIRST):
            raise _WrongError("It has no signed list of its files.")
        if missing := sorted(set(self.wanted) - self.seen):
            raise _WrongError(f"{missing[0]} is missing.")
        return Verified(self._facts(), len(self.seen), self.size, sha256(key).hexdigest())

    def _check(self, number: int, piece: _Piece) -> None:
        if not _PATH.fullmatch(piece.name) or len(piece.name) > 200:
            raise _WrongError(f"It holds an unsafe path: {ascii(piece.name)[:200]}.")
        if number < len(FIRST) and piece.name != FIRST[number]:
            raise _WrongError(f"Its files are not in order: {FIRST[number]} is wanted, {piece.name} is there.")
        if piece.name in self.seen:
            raise _WrongError(f"{piece.name} is there twice.")
        self.size += piece.size
        small = number < len(FIRST) or piece.name == FACTS
        if piece.size > (MOST_SMALL if small else MOST_FILE) or self.size > MOST_ALL or number >= MOST_FILES:
            raise _WrongError(f"It is larger than any release, at {piece.name}.")
        self.seen.add(piece.name)

    def _judge(self) -> bytes:
        """The key that signed, as its bytes; sets what is wanted from here on."""
        key = _signer(self.public_keys, self.small[SUMS], self.small[SIGNATURE])
        for line in self.small[SUMS].decode("ascii").splitlines():
            match = _SUM.fullmatch(line)
            if match is None or match[2] in self.wanted or match[2] in FIRST:
                raise _WrongError(f"{SUMS} is not written as it must be.")
            self.wanted[match[2]] = match[1]
        return key

    def _compare(self, piece: _Piece) -> None:
        wanted = self.wanted.get(piece.name)
        if wanted is None:
            raise _WrongError(f"{piece.name} does not belong to the release.")
        digest, kept = sha256(), []
        for part in piece.read():
            digest.update(part)
            if piece.name == FACTS:
                kept.append(part)
        if digest.hexdigest() != wanted:
            raise _WrongError(f"{piece.name} was altered.")
        if kept:
            self.small[FACTS] = b"".join(kept)

    def _facts(self) -> Facts:
        try:
            return msgspec.json.decode(self.small.get(FACTS, b""), type=Facts)
        except msgspec.MsgspecError as error:
            raise _WrongError(f"{FACTS} does not say which release it is.") from error


def _signer(public_keys: bytes, message: bytes, signature: bytes) -> bytes:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    for pem in _PEM.findall(public_keys):
        key = load_pem_public_key(pem)
        assert isinstance(key, Ed25519PublicKey)
        try:
            key.verify(signature, message)
        except InvalidSignature:
            continue
        return key.public_bytes_raw()
    raise _ForgedError


def _archived(path: Path) -> Iterator[_Piece]:
    """The files of a .tar.gz, each under the one top folder. Only plain headers and regular files are read."""
    top = ""
    with gzip.open(path, "rb") as unzipped:
        stream = cast("BinaryIO", unzipped)
        while any(block := _block(stream)):
            head = TarInfo.frombuf(block, "ascii", "strict")
            if head.type != REGTYPE or head.linkname or block[257:263] != b"ustar\0":
                raise _WrongError(f"{ascii(head.name)[:200]}is not a regular file.")
            folder, _, name = head.name.partition("/")
            if folder != (top := top or folder) or not name:
                raise _WrongError(f"It holds an unsafe path: {ascii(head.name)[:200]}.")
            piece = _Piece(name, head.size, stream)
            yield piece
            if any(stream.read(-head.size % BLOCKSIZE)):
                raise _WrongError(f"Something is hidden behind {name}.")
        rest = stream.read(PIECE)
        if any(rest) or len(rest) == PIECE:
            raise _WrongError("Something is hidden behind its end.")


def _block(stream: BinaryIO) -> bytes:
    block = stream.read(BLOCKSIZE)
    if len(block) != BLOCKSIZE:
        raise _WrongError("The archive is cut short.")
    return block


def _unpacked(folder: Path) -> Iterator[_Piece]:
    """The files of a folder, the signed list first. No link is followed."""
    names = [name for name in FIRST if (folder / name).exists()] + [name for name in _walk(folder) if name not in FIRST]
    for name in names:
        handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise _WrongError(f"{name}is not a regular file.")
            yield _Piece(name, found.st_size, file)


def _walk(folder: Path, under: str = "") -> Iterator[str]:
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_symlink():
            raise _WrongError(f"{under}{ascii(entry.name)[1:-1]} is a link.")
        if entry.is_dir():
            yield from _walk(Path(entry.path), f"{under}{entry.name}/")
        else:
            yield under + entry.name
