"""The files that people name for what a command writes (`--out`, `--receipt`): where one may be written, in which
words it is said that one was not, and what was done all the same.
"""

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from carnet import files
from carnet.csv_cells import WHY
from carnet.errors import CarnetError, UsageError
from carnet.exchange.file_kinds import EMPTY, HEAD, kind_of

LFR, OLF, RECEIPT = "License File Request (LFR)", "Offline License File (OLF)", "receipt"
TOKEN, KEY_SET, TRUST = "enablement token", "key set", "the vendor's trust file"
LEDGER, API_KEY, REFUSED_ROWS = "an export of a ledger", "an API key", "a CSV file of refused rows"
NOTHING = "Nothing was done. Name another file."
MOST = 1024 * 1024  # bytes that are looked at of a file that is there
_DATA_FOLDER = ("*.sqlite3", "issuing-log.head")  # what only a data folder has; one of CALM's may have no database
_FIRST = {b'{"vendor":': TRUST, f"user,product,action,{WHY}".encode(): REFUSED_ROWS}
_PULLED = "it is not there any more; was the stick pulled out?"
_WORDS = {
    errno.ENOSPC: "no space is left there",
    errno.EDQUOT: "no space is left there for this user",
    errno.EROFS: "it is write-protected",
    errno.ENOENT: _PULLED,
    errno.ENODEV: _PULLED,
    errno.ENXIO: _PULLED,
    errno.EIO: "the device failed; was the stick pulled out?",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.EFBIG: "no file may be so large there",
    errno.EPIPE: "its reader has ended",
}


class NotWrittenError(CarnetError):
    """What was asked for was done, and its file was not written. The message says both."""


def is_stdout(path: Path) -> bool:
    """Whether the answer's file goes to the standard output, and what people read to the error output."""
    return str(path) in files.STDOUT


def words_of(error: OSError) -> str:
    """Why a file was not written, in a few words that people know."""
    return _WORDS.get(error.errno or 0, error.strerror or "it failed")


def check_place(path: Path, kind: str = "", *, force: bool = False) -> None:
    """Whether a command may write there: a file of `kind`, as `kind_at` names it; none where it replaces nothing.

    Raises:
        UsageError: It is no place for a file, or holds one that is something else and `force` is not given.
    """
    if is_stdout(path):
        files.hand_over_writing(path, _to_stdout, exists=False)
        return
    if not path.parent.is_dir():
        raise UsageError(
            f"There is no folder {path.parent}.", "Nothing was done. Plug the stick in and mount it, or name another."
        )
    if path.is_symlink():
        raise UsageError(f"{path} is a symbolic link.", "Nothing was done. Name the file itself.")
    if not path.exists():
        return
    if path.is_dir() or any(any(path.parent.glob(sign)) for sign in _DATA_FOLDER):
        raise UsageError(f"{path} is a folder, or part of a data folder.", NOTHING)
    if not stat.S_ISREG(path.stat().st_mode):
        raise UsageError(f"{path} is a device or a pipe, not a file.", NOTHING)
    found = kind_at(path)
    if kind and not force and found not in (kind, EMPTY.words):
        raise UsageError(
            f"{path} is there already: {found or 'a file of another kind'}.",
            "Nothing was done. Name another file, or replace this one with --force.",
        )


def kind_at(path: Path) -> str:
    """What a file is, or nothing where it cannot be said."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return ""
    from carnet.exchange.envelope import Envelope, open_envelope  # only where a file is there

    with os.fdopen(handle, "rb") as file:
        head = file.read(HEAD)
        found = open_envelope(head + file.read(MOST - HEAD), stored=True) if head.startswith(b"{") else None
    if isinstance(found, Envelope):
        return found.kind.words
    kind = kind_of(head)
    return kind.words if kind else next((words for first, words in _FIRST.items() if head.startswith(first)), "")


def check_writable(path: Path) -> None:
    """Whether a file can be written there, asked before an act whose answer must not be lost. Raises UsageError."""
    if files.is_handed_over(path):
        return  # asked before it was handed over
    try:
        files.check_can_write(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {words_of(error)}.", NOTHING) from error


def write_out(path: Path, data: bytes, mode: int = 0o644, *, done: str, again: str, run: str = "") -> None:
    """Write the file of an act that is done. `done` says what that is; `again` and `run` how to get the file.

    Raises:
        NotWrittenError: It was not written.
    """
    try:
        files.write_file(path, data, mode)
    except OSError as error:
        _raise_not_written(path, error, done, again, run)


def _raise_not_written(path: Path, error: OSError, done: str, again: str, run: str) -> NoReturn:
    raise NotWrittenError(f"{path} was not written: {words_of(error)}. {done}", again, run) from error


@contextmanager
def _to_stdout(mode: int) -> Iterator[BinaryIO]:
    del mode
    out = sys.stdout.buffer
    yield cast("BinaryIO", _Counted(out))
    out.flush()


class _Counted:
    """A stream that need not know where it is."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._size = stream, 0

    def write(self, data: bytes) -> int:
        self._size += len(data)
        return self._stream.write(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        self._stream.flush()
