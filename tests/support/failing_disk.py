"""A disk that fails when it is told to: a VFS of SQLite around the system's own, in which one call fails, or all do.

It is registered in the very library that Python's `sqlite3` uses, as the default, so that the code under test opens its
database as ever.
"""

from __future__ import annotations

import _sqlite3
import ctypes
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

IOERR, FULL, CANTOPEN = 10, 13, 14
ERRORS = {  # what SQLite's own VFS answers where the system's call fails
    "write": IOERR | 3 << 8,
    "torn": IOERR | 3 << 8,  # half of it is written
    "full": FULL,
    "sync": IOERR | 4 << 8,
    "truncate": IOERR | 6 << 8,
    "map": IOERR | 21 << 8,
    "read": IOERR | 1 << 8,
}
_ALIVE: list[object] = []  # a connection that could not be opened is closed whenever its memory is freed
_int, _p, _i64 = ctypes.c_int, ctypes.c_void_p, ctypes.c_int64
_Read = ctypes.CFUNCTYPE(_int, _p, _p, _int, _i64)
_Truncate = ctypes.CFUNCTYPE(_int, _p, _i64)
_Sync = ctypes.CFUNCTYPE(_int, _p, _int)
_Map = ctypes.CFUNCTYPE(_int, _p, _int, _int, _int, _p)
_Open = ctypes.CFUNCTYPE(_int, _p, _p, _p, _int, _p)


class _Methods(ctypes.Structure):
    """sqlite3_io_methods, version 3."""

    _fields_ = (
        ("iVersion", _int),
        ("xClose", _p),
        ("xRead", _Read),
        ("xWrite", _Read),
        ("xTruncate", _Truncate),
        ("xSync", _Sync),
        *((name, _p) for name in ("xFileSize", "xLock", "xUnlock", "xCheckReservedLock", "xFileControl")),
        *((name, _p) for name in ("xSectorSize", "xDeviceCharacteristics")),
        ("xShmMap", _Map),
        *((name, _p) for name in ("xShmLock", "xShmBarrier", "xShmUnmap", "xFetch", "xUnfetch")),
    )


class _Vfs(ctypes.Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = (
        *((name, _int) for name in ("iVersion", "szOsFile", "mxPathname")),
        *((name, _p) for name in ("pNext", "zName", "pAppData")),
        ("xOpen", _Open),
        *((name, _p) for name in ("xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError", "xDlSym", "xDlClose")),
        *((name, _p) for name in ("xRandomness", "xSleep", "xCurrentTime", "xGetLastError", "xCurrentTimeInt64")),
        *((name, _p) for name in ("xSetSystemCall", "xGetSystemCall", "xNextSystemCall")),
    )


@dataclass
class Disk:
    """`fail` says which call fails: the N-th of these kinds from then on, and, where it `stays`, all after it."""

    calls: Counter[str] = field(default_factory=Counter)
    fired: int = 0
    _kinds: tuple[str, ...] = ()
    _left: int = 0
    stays: bool = False

    def fail(self, *kinds: str, at: int = 1, stays: bool = False) -> None:
        self._kinds, self._left, self.stays, self.fired = kinds, at, stays, 0

    def heal(self) -> None:
        self._kinds = ()

    @contextmanager
    def sound(self) -> Iterator[None]:
        """For a look at what is there: meanwhile nothing fails, and nothing is counted."""
        kinds, self._kinds, calls = self._kinds, (), self.calls.copy()
        yield
        self._kinds, self.calls = kinds, calls

    def error(self, *kinds: str) -> str:
        """Which of these kinds is to fail now, if any."""
        self.calls[kinds[0]] += 1
        kind = next((kind for kind in kinds if kind in self._kinds), "")
        if kind:
            self._left -= 1
            if self._left == 0 or (self.stays and self._left < 0):
                self.fired += 1
                return kind
        return ""


@contextmanager
def failing_disk() -> Iterator[Disk]:
    """All databases that are opened within lie on it; close them within."""
    library, disk = _library(), Disk()
    system = _Vfs.from_address(library.sqlite3_vfs_find(None))
    vfs = _Vfs.from_buffer_copy(system)
    name = ctypes.create_string_buffer(b"failing")
    vfs.zName, vfs.pNext = ctypes.addressof(name), None
    kept: dict[int, _Methods] = {}
    vfs.xOpen = _Open(_opening(system, disk, kept))
    _ALIVE.extend((vfs, name, kept))
    assert library.sqlite3_vfs_register(ctypes.byref(vfs), 1) == 0
    try:
        yield disk
    finally:
        assert library.sqlite3_vfs_unregister(ctypes.byref(vfs)) == 0
        assert library.sqlite3_vfs_register(ctypes.byref(system), 1) == 0


def _library() -> Any:
    library = ctypes.CDLL(_sqlite3.__file__)
    try:
        library.sqlite3_vfs_find.restype = _p
        library.sqlite3_vfs_find.argtypes = [ctypes.c_char_p]
        assert library.sqlite3_vfs_register
    except AttributeError as error:
        raise AssertionError(
            f"SQLite's sqlite3_vfs_find is not found through {_sqlite3.__file__}: this Python hides its SQLite, and no "
            "fault of the disk can be tried. Run the tests with a Python that is linked with the system's libsqlite3."
        ) from error
    return library


def _opening(system: _Vfs, disk: Disk, kept: dict[int, _Methods]) -> Callable[..., int]:
    def open_file(vfs: int, name: int, file: int, flags: int, out: int) -> int:
        code: int = system.xOpen(vfs, name, file, flags, out)
        methods = _p.from_address(file)  # the first field of a sqlite3_file
        if methods.value:
            if methods.value not in kept:
                kept[methods.value] = _around(_Methods.from_address(methods.value), disk)
            methods.value = ctypes.addressof(kept[methods.value])
        return code

    return open_file


def _around(real: _Methods, disk: Disk) -> _Methods:
    around = _Methods.from_buffer_copy(real)

    def write(file: int, data: int, size: int, offset: int) -> int:
        kind = disk.error("write", "torn", "full")
        if kind == "torn":
            real.xWrite(file, data, size // 2, offset)
        return ERRORS[kind] if kind else real.xWrite(file, data, size, offset)

    def read(file: int, data: int, size: int, offset: int) -> int:
        kind = disk.error("read")
        return ERRORS[kind] if kind else real.xRead(file, data, size, offset)

    def truncate(file: int, size: int) -> int:
        kind = disk.error("truncate")
        return ERRORS[kind] if kind else real.xTruncate(file, size)

    def sync(file: int, flags: int) -> int:
        kind = disk.error("sync")
        return ERRORS[kind] if kind else real.xSync(file, flags)

    def share(file: int, region: int, size: int, extend: int, out: int) -> int:
        kind = disk.error("map")
        return ERRORS[kind] if kind else real.xShmMap(file, region, size, extend, out)

    around.xWrite, around.xRead = _Read(write), _Read(read)
    around.xTruncate, around.xSync = _Truncate(truncate), _Sync(sync)
    if real.iVersion >= 2:
        around.xShmMap = _Map(share)
    return around
