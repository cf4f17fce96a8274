"""L5: the log's head, kept apart from the database, so that a database restored from a backup is noticed."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from carnet.cli_support import write_file
from carnet.errors import TamperedError
from carnet.exchange.history import CheckpointFields

_RECORD = 256  # bytes: within one sector of any disk, which a power cut leaves as it was or as it was to be


class LogHead(Protocol):
    def read(self) -> CheckpointFields | None: ...

    def write(self, head: CheckpointFields) -> None: ...

    def is_lost(self) -> bool: ...

    def start_over(self, head: CheckpointFields) -> None: ...


class FileHead:
    """One small record that each act writes over. It is not synced: after a power cut it may be some acts old, which is
    no fault. Only a database that is older than its head is one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> CheckpointFields | None:
        if not self._path.exists():
            return None
        with self._locked(fcntl.LOCK_SH) as handle:
            return self._read(handle)

    def write(self, head: CheckpointFields) -> None:
        """Never backwards: of two processes, the one that writes last may have acted first."""
        with self._locked(fcntl.LOCK_EX) as handle:
            known = self._read(handle)
            if known is None or known.size < head.size:
                os.pwrite(handle, msgspec.json.encode(head).ljust(_RECORD), 0)
            if known is None:
                os.fsync(handle)  # from here on, the record has its place on the disk

    def is_lost(self) -> bool:
        """L6: whether a database was put back here while there was no head to compare it with."""
        return self._lost.exists()

    def note_lost(self) -> None:
        """A database is put back here. A head that is here says what is missing; else this does."""
        if not self._path.exists():
            write_file(self._lost, b"", 0o600)

    def start_over(self, head: CheckpointFields) -> None:
        """L6: the log goes on from an older state, as two people stated it."""
        with self._locked(fcntl.LOCK_EX) as handle:
            os.pwrite(handle, msgspec.json.encode(head).ljust(_RECORD), 0)
            os.fsync(handle)
        self._lost.unlink(missing_ok=True)

    @property
    def _lost(self) -> Path:
        return self._path.with_suffix(".lost")

    @contextmanager
    def _locked(self, how: int) -> Iterator[int]:
        """Opened again each time: a file's lock belongs to the opened file, which threads and forks would share."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, how)
            yield handle
        finally:
            os.close(handle)  # and with it the lock

    def _read(self, handle: int) -> CheckpointFields | None:
        """None also where the file was made and nothing written yet."""
        record = os.pread(handle, _RECORD, 0)
        try:
            return msgspec.json.decode(record, type=CheckpointFields) if record else None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TamperedError(
                f"The log's head in {self._path} cannot be read: {error}", "Restore a backup."
            ) from error
