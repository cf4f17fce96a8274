"""Files on this machine: read within a limit, written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from carnet.errors import UsageError


def read_file(path: Path, limit: int = 1024 * 1024) -> bytes:
    """A file's bytes, at most one more than `limit`: enough to see that it is too large."""
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    with path.open("rb") as file:
        return file.read(limit + 1)


def write_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file whole or not at all: beside it, fsynced, then moved into its place."""
    with replacing(path, mode) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A file to write that takes its place at the end, fsynced; it does not where anything is raised before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(mode)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)  # half a file would only keep a full disk full
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def private_folder(path: Path) -> None:
    """Make `path`, or take it over, for its owner alone. For the files in it see `keep_new_files_private`."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)


def keep_new_files_private() -> None:
    """Whatever this process writes from here on is its owner's alone, also what a library writes (A2)."""
    os.umask(0o077)
