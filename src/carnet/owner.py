"""As whom a command works in a data folder: root becomes the folder's owner, before it opens anything in there.

A folder's owner can exchange each name in it at any moment, also by a link to a file of root's. So nothing is done
there with more rights than the owner has: root gives its own up, for good. Files elsewhere are root's to give where
nobody but root can change what their path leads to; those are opened before (`carnet.files`). Any other file is read
and written with the owner's rights.
"""

import os
import pwd
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from carnet import files
from carnet.errors import CarnetError, UsageError

_LINKS = 40  # as many as Linux follows on one way
_SIZE, _MODE = 8, 4  # bytes of a number on the way to the process that writes


def become_owner_of(folder: Path, reads: Iterable[Path] = (), writes: Iterable[Path] = ()) -> None:
    """Give up root's rights for those of the owner of `folder`; of a folder that is still to be made, for those of the
    owner of the folder that it will lie in. For any other user than root nothing happens.

    `reads` and `writes` are files that the command names beside the folder: root hands over those that are its own.

    Raises:
        UsageError: Somebody else than root and the owner could exchange the folder.
        CarnetError: This process may not become the owner.
    """
    if os.geteuid() != 0:
        return
    place = _nearest(folder)
    found = place.stat()
    others = changed_by_others(place, {found.st_uid}) or _shared(place)
    if others:
        raise UsageError(
            f"Root does not work in {folder}: others than its owner can change {others}.",
            "Run the command as the folder's owner, or make a folder of root's first and name that.",
        )
    if found.st_uid in _root():
        return
    for path in writes:
        _hand_over_writing(path)
    for path in reads:
        _hand_over_reading(path)
    _become(found.st_uid, found.st_gid)


def changed_by_others(path: Path, users: Iterable[int] = (), links: int = _LINKS) -> Path | None:
    """The first place on the way to `path` where somebody else than root and `users` could put something else; None
    where nobody could. In a folder with the sticky bit that is what others own. What lies *in* a folder at the end of
    the way is not looked at."""
    ours = {*users, *_root()}
    way = path.absolute()
    for entry in [*reversed(way.parents), way]:
        own, found = entry.lstat(), entry.stat()
        if stat.S_ISLNK(own.st_mode):
            other = changed_by_others(entry.parent / entry.readlink(), users, links - 1) if links else entry
            if other:
                return other
        writable = entry != way and found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX
        if own.st_uid not in ours or found.st_uid not in ours or writable:
            return entry
    return None


def _shared(folder: Path) -> Path | None:
    """The folder, where it is root's and others can write into it all the same."""
    found = folder.stat()
    return folder if found.st_uid in _root() and found.st_mode & 0o022 else None


def _root() -> set[int]:
    """Root, and who owns `/`: in a container root may have another number outside."""
    return {0, Path("/").stat().st_uid}


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest above it that is there."""
    way = folder.absolute()
    return next(place for place in (way, *way.parents) if place.exists())


def _become(uid: int, gid: int) -> None:
    """For good: no id of root's is kept. Raises CarnetError."""
    groups: list[int] = []
    gid = gid or uid  # a folder of the group root makes nobody a member of it
    with suppress(KeyError):
        known = pwd.getpwuid(uid)
        gid, groups = known.pw_gid, os.getgrouplist(known.pw_name, known.pw_gid)
        os.environ["HOME"] = known.pw_dir
    try:
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise CarnetError(
            f"Root may not become the owner of the data folder here (user {uid}): {error.strerror}.",
            "Run the command as that user.",
        ) from error


def _hand_over_reading(path: Path) -> None:
    """Where it is a file of root's on a way of root's. What cannot be opened is left: who reads it says so."""
    with suppress(OSError):
        if changed_by_others(path):
            return
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            files.hand_over_reading(path, handle)
        else:
            os.close(handle)


# --- a file that root writes for a process that is root no more -----------------------------------------------------


def _hand_over_writing(path: Path) -> None:
    """Where the folder that it goes into is root's: a process that stays root, and can do nothing but write this file.

    Raises:
        UsageError: It cannot be written there.
    """
    place = _nearest(path.parent)
    sticky = place == path.parent.absolute() and place.stat().st_mode & stat.S_ISVTX
    if changed_by_others(place) or (_shared(place) and not sticky):
        return
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _write_for(theirs, path)
    theirs.close()
    stream = cast("BinaryIO", ours.makefile("rwb"))
    ours.close()
    first = stream.readline()
    if first not in (b"new\n", b"there\n"):
        raise UsageError(f"{path} cannot be written: {first.decode().strip()}.", "Nothing was done. Name another file.")

    @contextmanager
    def write(mode: int) -> Iterator[BinaryIO]:
        stream.write(mode.to_bytes(_MODE, "big"))
        yield cast("BinaryIO", _Sent(stream))
        stream.write(bytes(_SIZE))
        stream.flush()
        answer = stream.readline()
        if answer != b"done\n":
            number, _, words = answer.decode().strip().partition(" ")
            raise OSError(int(number or 5), words or "It was not written", str(path))

    files.hand_over_writing(path, write, exists=first == b"there\n")


class _Sent:
    """What is written goes to the other process, each piece with its size before it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> int:
        if data:
            self._stream.write(len(data).to_bytes(_SIZE, "big") + data)
        return len(data)

    def flush(self) -> None:
        self._stream.flush()


def _write_for(asker: socket.socket, path: Path) -> NoReturn:
    """The process that stays root. It ends with the one that asks; what that one did not finish is taken away."""
    stream = cast("BinaryIO", asker.makefile("rwb"))
    try:
        exists = path.exists()
        files.check_can_write(path)
        _say(stream, "there" if exists else "new")
        mode = stream.read(_MODE)
        if mode:
            with files.writing(path, int.from_bytes(mode, "big")) as out:
                _copy(stream, out)
            _say(stream, "done")
    except OSError as error:
        with suppress(OSError):
            _say(stream, f"{error.errno} {error.strerror}")
    finally:
        os._exit(0)


def _say(stream: BinaryIO, words: str) -> None:
    stream.write(f"{words}\n".encode())
    stream.flush()


def _copy(stream: BinaryIO, out: BinaryIO) -> None:
    """Raises OSError where the asker ended before it had sent all."""
    while size := int.from_bytes(_exactly(stream, _SIZE), "big"):
        while size:
            piece = _exactly(stream, min(size, 1024 * 1024))
            size -= len(piece)
            out.write(piece)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise OSError(5, "It was not sent whole")
    return data
