"""L5: the log's head, kept apart from the database, so that a database restored from a backup is noticed."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Protocol

import msgspec

from carnet.errors import TamperedError
from carnet.exchange.history import CheckpointFields

_RECORD = 256  # bytes: within one sector of any disk, which a power cut leaves as it was or as it was to be


class LogHead(Protocol):
    def read(self) -> CheckpointFields | None: ...

    def write(self, head: CheckpointFields) -> None: ...


class FileHead:
    """One small record that each act writes over. It is not synced: after a power cut it may be some acts old, which is
    no fault. Only a database that is older than its head is one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._turn = Lock()  # of this process's threads: they share the handle, and a file's lock is the handle's

    def read(self) -> CheckpointFields | None:
        if not self._path.exists():
            return None
        with self._locked(fcntl.LOCK_SH):
            return self._read()

    def write(self, head: CheckpointFields) -> None:
        """Never backwards: of two processes, the one that writes last may have acted first."""
        with self._locked(fcntl.LOCK_EX):
            known = self._read()
            if known is None or known.size < head.size:
                os.pwrite(self._handle, msgspec.json.encode(head).ljust(_RECORD), 0)
            if known is None:
                os.fsync(self._handle)  # from here on, the record has its place on the disk

    @cached_property
    def _handle(self) -> int:
        """Open for as long as the process runs."""
        return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        with self._turn:
            fcntl.flock(self._handle, how)
            try:
                yield
            finally:
                fcntl.flock(self._handle, fcntl.LOCK_UN)

    def _read(self) -> CheckpointFields | None:
        """None also where the file was made and nothing written yet."""
        record = os.pread(self._handle, _RECORD, 0)
        try:
            return msgspec.json.decode(record, type=CheckpointFields) if record else None
        except msgspec.MsgspecError as error:
            raise TamperedError(
                f"The log's head in {self._path} cannot be read: {error}", "Restore a backup."
            ) from error
