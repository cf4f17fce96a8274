"""The port to whatever database the ledger lies in. A commit is all or nothing, and on the disk when it returns."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Row:
    """A record as stored: its leaf, and the interior nodes that it completes, joined, from level 1 upwards."""

    index: int
    leaf: bytes
    nodes: bytes


@dataclass(frozen=True)
class Commit:
    rows: list[Row]
    head: bytes | None
    documents: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)
    data_key: tuple[int, bytes] | None = None  # a new epoch: its id and salt
    snapshot: tuple[int, bytes] | None = None  # the size it stands on, and its box


class Store(Protocol):
    ledger_id: str

    def row(self, index: int) -> Row | None: ...

    def rows(self, start: int = 0) -> Iterator[Row]: ...

    def count(self) -> int: ...

    def head(self) -> bytes | None: ...

    def document(self, name: str) -> bytes | None: ...

    def secret(self, name: str) -> bytes | None: ...

    def data_keys(self) -> dict[int, bytes]: ...

    def snapshot(self) -> tuple[int, bytes] | None: ...

    def commit(self, commit: Commit) -> None:
        """Raises StorageError where nothing of it was stored."""
        ...
