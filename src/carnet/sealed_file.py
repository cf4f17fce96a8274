"""Several files in one sealed file, written and read as a stream: docs/formats/backup.md.

    a line that names the format ‖ length of the header (4 bytes) ‖ header ‖ boxes

Each box (`carnet.aead`) holds 1 MiB of the plain stream, the last one what is left, and is bound to the header, to its
number, and to whether it is the last: none can be altered, left out, added or moved. The plain stream is the length of
the contents (4 bytes), the contents as JSON, and the bytes of each member in that order.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec
from cryptography.exceptions import InvalidTag

from carnet.aead import DRAW_SIZE, NONCE_SIZE, TAG_SIZE, Aead
from carnet.entitlements import Fields
from carnet.errors import TamperedError
from carnet.exchange.keys import RandomBytes

CHUNK = 2**20  # bytes of the plain stream in a box
MOST = 2**16  # bytes of a header, and of the contents
_BOX = CHUNK + NONCE_SIZE + TAG_SIZE


class Member(Fields, frozen=True):
    name: str
    size: int  # bytes


class SealedFileError(TamperedError):
    """It is not what was written; nothing of it may be used."""


def write_sealed(
    out: BinaryIO, form: bytes, header: bytes, aead: Aead, members: Sequence[tuple[str, Path]], random: RandomBytes
) -> None:
    """Write `members` (a name, and the file that holds its bytes) to `out`. `form` is the format's line."""
    front = form + len(header).to_bytes(4, "big") + header
    out.write(front)
    bound, chunks = sha256(front).digest(), _plain(members)
    number, chunk = 0, next(chunks)
    while True:
        following = next(chunks, None)
        out.write(aead.encrypt(random(DRAW_SIZE), chunk, _bound(bound, number, last=following is None)))
        if following is None:
            return
        number, chunk = number + 1, following


def _plain(members: Sequence[tuple[str, Path]]) -> Iterator[bytes]:
    """The plain stream in pieces of 1 MiB; the last one is shorter, and may be empty."""
    contents = msgspec.json.encode([Member(name, path.stat().st_size) for name, path in members])
    waiting = len(contents).to_bytes(4, "big") + contents
    for _, path in members:
        with path.open("rb") as file:
            while piece := file.read(CHUNK - len(waiting)):
                waiting += piece
                if len(waiting) == CHUNK:
                    yield waiting
                    waiting = b""
    yield waiting


class SealedFile:
    """A sealed file that is open for reading. Raises SealedFileError wherever it is not as it was written."""

    def __init__(self, file: BinaryIO, form: bytes) -> None:
        self._file = file
        if file.read(len(form)) != form:
            raise SealedFileError("it does not begin as one")
        size = int.from_bytes(file.read(4), "big")
        self.header = file.read(size) if size <= MOST else b""
        if not self.header or len(self.header) != size:
            raise SealedFileError("its header is cut off or too long")
        self._start = file.tell()
        self._bound = sha256(form + size.to_bytes(4, "big") + self.header).digest()

    def check(self, aead: Aead, limits: Mapping[str, int], needed: Sequence[str]) -> list[Member]:
        """Read it to its end and write nothing. `limits`: bytes that each name may have; no other name is taken."""
        plain = _PlainReader(self._opened(aead))
        members = _read_contents(plain, limits, needed)
        for member in members:
            for _ in plain.pieces(member.size):
                pass
        plain.end()
        return members

    def lay(self, aead: Aead, folder: Path, members: Sequence[Member]) -> None:
        """Write the members into `folder`, which is empty, each for its owner alone."""
        plain = _PlainReader(self._opened(aead))
        plain.take(int.from_bytes(plain.take(4), "big"))
        for member in members:
            handle = os.open(folder / member.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                for piece in plain.pieces(member.size):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        plain.end()

    def _opened(self, aead: Aead) -> Iterator[bytes]:
        self._file.seek(self._start)
        number, box = 0, self._file.read(_BOX)
        while True:
            following = self._file.read(_BOX)
            try:
                yield aead.decrypt(box, _bound(self._bound, number, last=not following))
            except InvalidTag as error:
                raise SealedFileError("it was altered, or is not whole") from error
            if not following:
                return
            number, box = number + 1, following


def _bound(bound: bytes, number: int, *, last: bool) -> bytes:
    return b"%b|%d|%b" % (bound, number, b"last" if last else b"more")


def _read_contents(plain: "_PlainReader", limits: Mapping[str, int], needed: Sequence[str]) -> list[Member]:
    """Its writer had the key; still nothing else than what the reader expects is laid anywhere."""
    size = int.from_bytes(plain.take(4), "big")
    if size > MOST:
        raise SealedFileError("its contents are too long")
    try:
        members = msgspec.json.decode(plain.take(size), type=list[Member])
    except msgspec.MsgspecError as error:
        raise SealedFileError("its contents cannot be read") from error
    names = [member.name for member in members]
    if len(set(names)) != len(names) or not set(needed) <= set(names) <= set(limits):
        raise SealedFileError("it holds other files than it must")
    if any(not 0 <= member.size <= limits[member.name] for member in members):
        raise SealedFileError("one of its files is too large")
    return members


class _PlainReader:
    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._waiting = chunks, b""

    def take(self, count: int) -> bytes:
        return b"".join(self.pieces(count))

    def pieces(self, count: int) -> Iterator[bytes]:
        """The next `count` bytes, a piece at a time."""
        while count:
            if not self._waiting:
                chunk = next(self._chunks, None)
                if chunk is None:
                    raise SealedFileError("it is shorter than its contents say")
                self._waiting = chunk
            piece, self._waiting = self._waiting[:count], self._waiting[count:]
            count -= len(piece)
            yield piece

    def end(self) -> None:
        if self._waiting or any(self._chunks):
            raise SealedFileError("it is longer than its contents say")
