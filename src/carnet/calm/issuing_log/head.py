"""L5: the log's head, kept apart from the database, so that a database restored from a backup is noticed."""

import os
from pathlib import Path
from typing import Protocol

import msgspec

from carnet.errors import TamperedError
from carnet.exchange.history import CheckpointFields


class LogHead(Protocol):
    def read(self) -> CheckpointFields | None: ...

    def write(self, head: CheckpointFields) -> None: ...


class FileHead:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> CheckpointFields | None:
        if not self._path.exists():
            return None
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=CheckpointFields)
        except msgspec.MsgspecError as error:
            raise TamperedError(
                f"The log's head in {self._path} cannot be read: {error}", "Restore a backup."
            ) from error

    def write(self, head: CheckpointFields) -> None:
        """Never backwards: of two processes, the one that writes last may have acted first."""
        known = self.read()
        if known is None or known.size < head.size:
            _replace(self._path, msgspec.json.encode(head))


def _replace(path: Path, data: bytes) -> None:
    """Whole or not at all. The folder is not synced: after a power cut the head may be one act old, never half."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


class MemoryHead:
    def __init__(self) -> None:
        self.head: CheckpointFields | None = None

    def read(self) -> CheckpointFields | None:
        return self.head

    def write(self, head: CheckpointFields) -> None:
        self.head = head
