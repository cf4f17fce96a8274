"""A release as it is carried to a closed site: is it whole, nothing more, and signed by the vendor?

The vendor signs `SHA256SUMS`, which names every other file, with Ed25519 and with ML-DSA-65: both are required. Read is
the archive itself, or the folder it was unpacked into; the archive in one pass and in one form: what another program
might read differently is refused.
"""

import gzip
import os
import re
import stat
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tarfile import BLOCKSIZE, REGTYPE, HeaderError, TarInfo
from typing import BinaryIO, cast

import msgspec

from carnet.exchange.verdicts import Code, Refusal

SUMS, FACTS = "SHA256SUMS", "bundle.json"
SIGNATURE, LATTICE_SIGNATURE, SSH_SIGNATURE = f"{SUMS}.sig", f"{SUMS}.mldsa", f"{SUMS}.sshsig"
FIRST = (SUMS, SIGNATURE, LATTICE_SIGNATURE, SSH_SIGNATURE)  # in an archive: what follows can be judged as it comes
MOST_FILE, MOST_ALL = 256 * 1024 * 1024, 1024 * 1024 * 1024  # bytes, unpacked
MOST_SMALL = 1024 * 1024  # bytes; of the files that are kept in memory
MOST_FILES = 2_000
DEEPEST = 200  # signs of a path
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
    key: str  # the SHA-256 of the Ed25519 public key that it is signed with


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
    """Whether the archive or folder is what the vendor signed. `public_keys`: PEM, pairs of Ed25519 and ML-DSA-65."""
    try:
        with closing(_unpacked(path) if path.is_dir() else _archived(path)) as pieces:
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
        if not _PATH.fullmatch(piece.name) or len(piece.name) > DEEPEST:
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
        signatures = self.small[SIGNATURE], self.small[LATTICE_SIGNATURE]
        key = _signer(self.public_keys, self.small[SUMS], *signatures)
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


def _signer(public_keys: bytes, message: bytes, signature: bytes, lattice_signature: bytes) -> bytes:
    """The Ed25519 key of the pair that made both signatures. Raises _ForgedError."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys = [load_pem_public_key(pem) for pem in _PEM.findall(public_keys)]
    for key, lattice in zip(keys[::2], keys[1::2], strict=False):
        assert isinstance(key, Ed25519PublicKey)
        assert isinstance(lattice, MLDSA65PublicKey)
        try:
            key.verify(signature, message)
            lattice.verify(lattice_signature, message)
        except InvalidSignature:
            continue
        return key.public_bytes_raw()
    raise _ForgedError


def _archived(path: Path) -> Generator[_Piece, None, None]:
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


def _unpacked(folder: Path) -> Generator[_Piece, None, None]:
    """The files of a folder, the signed list first. Each is opened from the folder that was opened before: no link is
    followed, also where somebody puts one there meanwhile."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for name in FIRST:
            if _is_there(handle, name):
                yield from _opened(handle, "", name)
        yield from _walk(handle, "")
    finally:
        os.close(handle)


def _is_there(handle: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=handle, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _walk(handle: int, under: str) -> Iterator[_Piece]:
    """Every file below an opened folder, but the signed list. A folder that holds no file is none of a release."""
    for name in _names(handle):
        found = os.stat(name, dir_fd=handle, follow_symlinks=False)
        shown = f"{under}{ascii(name)[1:-1]}"
        if stat.S_ISLNK(found.st_mode):
            raise _WrongError(f"{shown} is a link.")
        if not stat.S_ISDIR(found.st_mode):
            if under or name not in FIRST:
                yield from _opened(handle, under, name)
            continue
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
        try:
            if len(under) > DEEPEST or not _names(inner):
                raise _WrongError(f"{shown} is an empty folder, or lies too deep.")
            yield from _walk(inner, f"{under}{name}/")
        finally:
            os.close(inner)


def _names(handle: int) -> list[str]:
    return sorted(os.listdir(handle))


def _opened(handle: int, under: str, name: str) -> Iterator[_Piece]:
    """One file, open as long as it is read. Raises _WrongError where it is no regular file."""
    shown = f"{under}{ascii(name)[1:-1]}"
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
    except OSError as error:
        raise _WrongError(f"{shown} cannot be read: {error.strerror}.") from error
    with os.fdopen(opened, "rb") as file:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode):
            raise _WrongError(f"{shown} is not a regular file.")
        yield _Piece(f"{under}{name}", found.st_size, file)
