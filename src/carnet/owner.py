"""As whom a command works in a data folder: root becomes the folder's owner, before it opens anything in there.

A folder's owner can exchange each name in it at any moment, also by a link to a file of root's. So nothing is done
there with more rights than the owner has: root gives its own up, for good. A file elsewhere that a command names is
opened before, with the rights of the owner of the folder that it lies in, and handed over (`carnet.files`).
"""

import grp
import os
import pwd
import re
import shlex
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

    `reads` and `writes` are files that the command names beside the folder: they are opened first, and handed over.

    Raises:
        UsageError: Somebody else than root and the owner could exchange the folder, or a file cannot be written.
        CarnetError: This process may not become the owner.
    """
    if os.geteuid() != 0:
        return
    place = _nearest(folder)
    found = place.stat()
    own = found.st_uid in _root()
    inside = _folders_in(place) if place == folder.absolute() else ()
    others = changed_by_others(place, {found.st_uid}) or (_others_folder([place, *inside]) if own else None)
    if others:
        raise UsageError(
            f"Root does not work in {folder}: others than its owner can change {others}.",
            "Run the command as the folder's owner, or make a folder of root's first and name that.",
        )
    for path in writes:
        _hand_over_writing(path, found.st_uid)
    if own:
        return
    for path in reads:
        _hand_over_reading(path)
    _become(found.st_uid, found.st_gid)


_OURS = re.compile(
    r".*\.sqlite3(-wal|-shm)?|lock|snapshot|static|keys|engine\.sock|passphrase|.*\.(secret|head|jws)|trust\.json"
)  # what commands of either side need in a data folder; what else lies there is not asked about


def check_usable(folder: Path) -> None:
    """What a command needs in a data folder, and cannot use because it is somebody else's, is told before anything is
    tried: files that root left there, or a folder of another user. What is not there, or is ours, is not looked at.

    Raises:
        UsageError: Names the file, its owner, and the command that gives it to the owner of the folder.
    """
    with suppress(FileNotFoundError, NotADirectoryError):
        if _unusable(folder):
            owner = _name(folder.stat().st_uid)
            raise UsageError(
                f"The data folder {folder} belongs to {owner}, and this command runs as {_name(os.geteuid())}.",
                f"Run it as {owner}; or, if the folder is to change hands, as root: "
                f"chown -R {_name(os.geteuid())}: {shlex.quote(str(folder))}",
            )
        for path in sorted(path for path in folder.iterdir() if _OURS.fullmatch(path.name)):
            _check_usable(path, folder)


def _check_usable(path: Path, folder: Path) -> None:
    parts = [path, *(inner for inner in path.rglob("*") if inner.is_dir())] if path.is_dir() else [path]
    for part in parts:
        if _unusable(part):
            raise UsageError(
                f"{part} belongs to {_name(part.lstat().st_uid)}, and this command runs as {_name(os.geteuid())}, "
                "who cannot use it. Nothing was done.",
                f"Give it back, as root: chown -R {_name(folder.stat().st_uid)}: {shlex.quote(str(folder))}",
            )


def _unusable(path: Path) -> bool:
    if path.is_symlink() or path.stat().st_uid == os.geteuid():
        return False
    needed = os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0)
    return not os.access(path, needed, effective_ids=True)


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)


def changed_by_others(path: Path, users: Iterable[int] = (), links: int = _LINKS) -> Path | None:
    """The first folder on the way to `path` in which somebody else than root and `users` could put something else in
    the place of what is looked up; None where nobody could. In a folder with the sticky bit others exchange only what
    is theirs. Links are followed, each with its own way; what lies *in* a folder at the end is not looked at.

    Raises:
        OSError: There is nothing at `path`.
    """
    ours = {*users, *_root()}
    way = path.absolute()
    for entry in [*reversed(way.parents[:-1]), way]:
        above, own = entry.parent.stat(), entry.lstat()
        kept = own.st_uid in ours if above.st_mode & stat.S_ISVTX else not _open_to_others(above, ours)
        if above.st_uid not in ours or not kept:
            return entry.parent
        if stat.S_ISLNK(own.st_mode):
            other = changed_by_others(entry.parent / entry.readlink(), users, links - 1) if links else entry
            if other:
                return other
    return None


def _folders_in(folder: Path) -> Iterator[Path]:
    return (Path(above) / name for above, names, _ in os.walk(folder) for name in names)


def _others_folder(folders: Iterable[Path]) -> Path | None:
    """The first of them in which others than root can put something."""
    for folder in folders:
        with suppress(FileNotFoundError):  # a running server takes folders away that it made for a moment
            found = folder.stat()
            if found.st_uid not in _root() or _open_to_others(found, _root()) or changed_by_others(folder):
                return folder
    return None


def _open_to_others(folder: os.stat_result, users: set[int]) -> bool:
    """Whether somebody else than `users` may put something there: all may, or the group that it is of, unless nobody
    else is in that. Many systems give each user such a group, and a mask that lets it write."""
    if folder.st_mode & 0o002:
        return True
    return bool(folder.st_mode & 0o020) and not _members(folder.st_gid) <= users


def _members(group: int) -> set[int]:
    """Who is in a group, as far as the system lists its users. -1, who is no user, where it cannot be said."""
    found = {user.pw_uid for user in pwd.getpwall() if user.pw_gid == group}
    try:
        return found | {pwd.getpwnam(name).pw_uid for name in grp.getgrgid(group).gr_mem}
    except KeyError:
        return found or {-1}


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
    """Where only root and the owner of its folder can change what the path leads to. What cannot be opened is left: who
    reads it says so."""
    with suppress(OSError):
        above, own = path.parent.stat(), path.lstat()
        user, group = (own if above.st_mode & stat.S_ISVTX else above).st_uid, above.st_gid
        if not changed_by_others(path, {user}) and (handle := _opened_as(user, group, path)) is not None:
            files.hand_over_reading(path, handle)


def _opened_as(user: int, group: int, path: Path) -> int | None:
    """A handle of a regular file, opened with this user's rights. Raises OSError."""
    if user in _root():
        return _open(path)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        if os.fork() == 0:
            with suppress(OSError, CarnetError):
                _become(user, group)
                handle = _open(path)
                socket.send_fds(theirs, [b"x"], [] if handle is None else [handle])
            os._exit(0)
        theirs.close()
        handles = socket.recv_fds(ours, 1, 1)[1]
    return handles[0] if handles else None


def _open(path: Path) -> int | None:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    return None


# --- a file that another process writes -----------------------------------------------------------------------------


def _hand_over_writing(path: Path, owner: int) -> None:
    """A process with the rights of the owner of the folder that the file goes into, that can do nothing but write it.
    None is needed where this process will be that owner.

    Raises:
        UsageError: It cannot be written there; or root stays root, and others can change where `path` leads to.
    """
    place = _nearest(path.parent)
    found = place.stat()
    sticky = found.st_mode & stat.S_ISVTX and place == path.parent.absolute()
    free = _open_to_others(found, {found.st_uid, *_root()}) and not sticky
    others = changed_by_others(place, {found.st_uid}) or (place if found.st_uid in _root() and free else None)
    if others and owner in _root():
        raise UsageError(f"Root writes nothing to {path}: others can change {others}.", "Name a folder of root's.")
    if others or found.st_uid == owner:
        return
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        ours.close()
        _write_for(theirs, path, found)
    theirs.close()
    stream = cast("BinaryIO", ours.makefile("rwb"))
    ours.close()
    first = stream.readline()
    if first not in (b"new\n", b"there\n"):
        words = first.decode().strip().partition(" ")[2]
        raise UsageError(f"{path} cannot be written: {words}.", "Nothing was done. Name another file.")

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
        self._stream, self._size = stream, 0

    def write(self, data: bytes) -> int:
        if data:
            self._stream.write(len(data).to_bytes(_SIZE, "big") + data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        self._stream.flush()


def _write_for(asker: socket.socket, path: Path, folder: os.stat_result) -> NoReturn:
    """The process that writes. It ends with the one that asks; what that one did not finish is taken away."""
    stream = cast("BinaryIO", asker.makefile("rwb"))
    try:
        if folder.st_uid not in _root():
            _become(folder.st_uid, folder.st_gid)
        exists = os.path.lexists(path)
        files.check_can_write(path)
        _say(stream, "there" if exists else "new")
        mode = stream.read(_MODE)
        if mode:
            with files.replacing(path, int.from_bytes(mode, "big")) as out:
                _copy(stream, out)
            _say(stream, "done")
    except OSError as error:
        with suppress(OSError):
            _say(stream, f"{error.errno} {error.strerror}")
    except CarnetError as error:
        _say(stream, f"0 {error}")
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
