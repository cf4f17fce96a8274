"""The port to the database that holds the ledger. A commit is all or nothing, and on the disk when it returns."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from carnet.control_room.ledger.record import DataKey


class Row(NamedTuple):
    """A record as stored: its index, its leaf, the interior nodes that it completes, joined, from level 1 upwards, and
    the seal of a clear leaf."""

    idx: int
    leaf: bytes
    nodes: bytes
    seal: bytes | None = None


class StoredAnswer(NamedTuple):
    """G5: under which name (`engine.answers`) which record carries an answer."""

    generation: int
    name: bytes
    idx: int


@dataclass(frozen=True)
class Commit:
    rows: list[Row]
    head: bytes | None
    documents: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)
    data_key: tuple[int, DataKey] | None = None  # a new epoch
    answers: list[StoredAnswer] = field(default_factory=list)
    answers_from: int = 0  # of generations before this one, some more are forgotten


class Store(Protocol):
    ledger_id: str

    def row(self, index: int) -> Row | None: ...

    def rows(self, start: int = 0) -> Iterator[Row]: ...

    def count(self) -> int: ...

    def head(self) -> bytes | None: ...

    def document(self, name: str) -> bytes | None: ...

    def secret(self, name: str) -> bytes | None: ...

    def data_keys(self) -> dict[int, DataKey]: ...

    def kept(self) -> Iterator[tuple[str, bytes]]:
        """The documents and secrets, as `document:NAME` and `secret:NAME`."""
        ...

    def answer(self, generation: int, name: bytes) -> int | None:
        """Which record carries the answer of this name."""
        ...

    def answers(self) -> Iterator[StoredAnswer]: ...

    def snapshot(self) -> bytes | None: ...

    def keep_snapshot(self, box: bytes) -> None:
        """Replace the snapshot. May be called in a thread of its own; raises StorageError."""
        ...

    def commit(self, commit: Commit) -> None:
        """Raises StorageError where nothing of it was stored."""
        ...

    def probe(self) -> None:
        """Write something that changes nothing, to see whether the disk takes it. Raises StorageError."""
        ...
