"""Files on this machine: read within a limit, written whole or not at all.

Root works in a data folder as the folder's owner (`carnet.owner`). A file elsewhere is opened before that, and handed
over here: one to read as an open handle, one to write as a process that can write this one file.
"""

import errno
import fcntl
import glob
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from carnet.errors import StorageError, UsageError

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
MARGIN = 2**20  # bytes that are left free beside a copy
PART = f"{'[0-9a-f]' * 16}.part"  # what the name of a file that is begun ends with
_TRIES = 16  # names tried for a file beside; each is random

STDOUT = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")  # names of the standard output
Writing = Callable[[int], AbstractContextManager[BinaryIO]]
_to_read: dict[Path, int] = {}
_to_write: dict[Path, tuple[Writing, bool]] = {}


def hand_over_reading(path: Path, handle: int) -> None:
    """From here on `path` is read from an open handle, whoever this process has become."""
    _to_read[path] = handle


def hand_over_writing(path: Path, write: Writing, *, exists: bool) -> None:
    """From here on `path` is written by `write`. `exists`: whether there was such a file."""
    _to_write[path] = write, exists


def is_on_stdout() -> bool:
    """Whether the standard output is the file that this process writes, and so not what people read."""
    return any(str(path) in STDOUT for path in _to_write)


def is_there(path: Path) -> bool:
    """Whether there is something at `path`, also where this process may not look."""
    if path in _to_read:
        return True
    return _to_write[path][1] if path in _to_write else path.exists()


def is_empty(path: Path) -> bool:
    """Whether it is a file without a byte, which a command began to write and did not end."""
    return path not in _to_write and path.is_file() and not path.stat().st_size


def is_handed_over(path: Path) -> bool:
    """Whether it was opened for this process."""
    return path in _to_read or path in _to_write


def mode_of(path: Path) -> int:
    """The permission bits of a file."""
    return stat.S_IMODE((os.fstat(_to_read[path]) if path in _to_read else path.stat()).st_mode)


def read_file(path: Path, limit: int = 1024 * 1024) -> bytes:
    """A file's bytes, at most one more than `limit`: enough to see that it is too large."""
    with reading(path) as file:
        return file.read(limit + 1)


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """A file to read from its beginning. Raises UsageError where there is none."""
    if path in _to_read:
        with os.fdopen(os.dup(_to_read[path]), "rb") as file:
            file.seek(0)
            yield file
        return
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    with path.open("rb") as file:
        yield file


def write_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all: beside it, fsynced, then moved into its place."""
    with replacing(path, mode) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A file to write, that takes its place whole when the block ends, or not at all where it raises.

    It is made beside, under a name that nobody can guess, in the folder as it was opened: no link is followed.
    """
    if path in _to_write:
        with _to_write[path][0](mode) as stream:
            yield stream
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)  # none is made: a stick's may not be mounted
    try:
        beside, handle = _make_beside(folder, path.name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fchmod(handle, mode)
                os.fsync(handle)
            os.replace(beside, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(beside, dir_fd=folder)  # half a file would only keep a full disk full
            raise
        os.fsync(folder)
        if not os.path.samestat(os.fstat(folder), path.parent.stat()):  # a stick was pulled out meanwhile
            raise OSError(errno.ENODEV, "another folder is there now", str(path))
    finally:
        os.close(folder)


def check_can_write(path: Path) -> None:
    """Make a file beside `path` and take it away again; so goes what a process that was killed left of it there.
    Raises OSError."""
    remove_parts(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        beside, handle = _make_beside(folder, path.name)
        os.close(handle)
        os.unlink(beside, dir_fd=folder)
    finally:
        os.close(folder)


def remove_parts(path: Path) -> None:
    """What processes that were killed left beside `path`. One that is still written is locked, and stays."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.{PART}"):
        remove_part(part)


def remove_part(part: Path) -> None:
    """A file that was begun, unless a process still writes it, or it cannot be taken away."""
    with suppress(OSError):
        handle = os.open(part, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()
        finally:
            os.close(handle)


def _make_beside(folder: int, name: str) -> tuple[str, int]:
    """A new file of its owner's alone in an opened folder. Raises OSError."""
    for _ in range(_TRIES):
        beside = f".{name}.{os.urandom(8).hex()}.part"  # noqa: TID251 - a name; no answer depends on it
        with suppress(FileExistsError):
            handle = os.open(beside, _NEW, 0o600, dir_fd=folder)
            with suppress(OSError):  # some file systems of sticks lock nothing
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return beside, handle
    raise FileExistsError(17, "No name is free", name)


MEMORY = Path("/dev/shm")  # noqa: S108 - folders of ours there are their owner's alone


def place_for(size: int, folder: Path) -> Path:
    """Where copies of `size` bytes can be made for a moment: beside what is copied, or where the environment says
    (TMPDIR), or in memory. Never where a file is carried away: its disk keeps what was deleted from it.

    Raises:
        StorageError: Nowhere is so much room.
    """
    named = os.environ.get("TMPDIR")
    places = [folder, *([Path(named)] if named else []), MEMORY]
    for place in places:
        with suppress(OSError):
            found = os.statvfs(place)
            if found.f_bavail * found.f_frsize >= size + MARGIN and os.access(place, os.W_OK):
                return place
    needed = -(-(size + MARGIN) // 2**20)
    raise StorageError(
        f"A backup needs {needed:,} MiB for a moment, and there is not so much room in {folder} or in memory.",
        "Set TMPDIR to a folder with room, on a disk that stays here, and try again. Nothing was written.",
    )


def clear_scratch(folder: Path, *prefixes: str) -> None:
    """Folders of copies that a process that was killed left in `folder`. One that is in use is locked."""
    for prefix in prefixes:
        for old in folder.glob(f"{prefix}*"):
            if old.is_dir() and (handle := _locked(old)) is not None:
                shutil.rmtree(old, ignore_errors=True)
                os.close(handle)


@contextmanager
def scratch_folder(folder: Path, prefix: str) -> Iterator[Path]:
    """A folder in `folder` for copies that are made and taken away again. What a process that was killed left there
    under this prefix goes first: one that is in use is locked."""
    clear_scratch(folder, prefix)
    with tempfile.TemporaryDirectory(dir=folder, prefix=prefix) as made:
        handle = _locked(Path(made))
        try:
            yield Path(made)
        finally:
            if handle is not None:
                os.close(handle)


def _locked(folder: Path) -> int | None:
    """A handle of a folder that is locked by it; None where another process has it, or it is gone."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def private_folder(path: Path) -> None:
    """Make `path`, or take it over, for its owner alone. For the files in it see `keep_new_files_private`."""
    path.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fchmod(handle, 0o700)
    finally:
        os.close(handle)


def keep_new_files_private() -> None:
    """Whatever this process writes from here on is its owner's alone, also what a library writes (A2)."""
    os.umask(0o077)
