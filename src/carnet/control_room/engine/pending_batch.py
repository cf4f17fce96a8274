"""A draft: the records of a transaction appended in memory, so that proofs can be made before it is committed."""

from datetime import datetime

import msgspec

from carnet.control_room.engine.cipher import Epoch
from carnet.control_room.engine.ledger_reader import LedgerReader
from carnet.control_room.engine.store import Row
from carnet.control_room.ledger.events import (
    CLEAR,
    Event,
    Granting,
    own_event_of,
)
from carnet.control_room.ledger.record import (
    SYSTEM,
    Answered,
    Record,
    clear_leaf,
    sealed_leaf,
)
from carnet.entitlements import UnwritableError
from carnet.errors import TamperedError
from carnet.merkle import (
    HASH_SIZE,
    Checkpoint,
    Peaks,
    append_leaf,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
)

_encode = msgspec.json.Encoder().encode
_Mark = tuple[int, list[bytes]]


class PendingBatch:
    def __init__(self, reader: LedgerReader, epoch: Epoch, draw: bytes) -> None:
        self._reader, self._epoch, self._draw = reader, epoch, draw
        self._ledger_id = reader.store.ledger_id
        self._start = self._size = reader.peaks.size
        self._peaks = list(reader.peaks.hashes)
        self._hashes: list[bytes] = []  # of the leaves drafted here
        self.rows: list[Row] = []
        self.records: list[Record] = []

    @property
    def peaks(self) -> Peaks:
        return Peaks(self._size, tuple(self._peaks))

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self._size, self.peaks.root)

    def append(
        self, event: Event, at: datetime, actor: str, key: str | None = None, answered: Answered | None = None
    ) -> Record:
        kind = event.kind
        clear = kind in CLEAR
        if clear:  # what leaves the site names nobody
            actor, key, answered = SYSTEM, None, None
        body = msgspec.Raw(_encode(event))
        record = Record(
            index=self._size,
            at=at,
            kind=kind,
            actor=actor,
            key=key,
            body=body,
            answered=answered,
            version=event.form,
        )
        _check_names(record)
        if not isinstance(event, Granting):
            _check_readable(record)
        self._add(_encode(record), clear=clear)
        self.records.append(record)
        return record

    def _add(self, text: bytes, *, clear: bool) -> None:
        index, epoch = self._size, self._epoch
        if clear:
            leaf = clear_leaf(text)
            seal = self._reader.cipher.seal(leaf, index, epoch.key_id)
        else:
            leaf = sealed_leaf(text, index, epoch.cipher, epoch.key_id, self._draw, self._ledger_id)
            seal = None
        hashed = leaf_hash(leaf)
        completed = append_leaf(self._peaks, index, hashed)
        self._size = index + 1
        self._hashes.append(hashed)
        self.rows.append(Row(index, leaf, b"".join(completed), seal))

    def mark(self) -> _Mark:
        return len(self.rows), self._peaks.copy()

    def back_to(self, mark: _Mark) -> None:
        """Take back what was appended since: a decision that cannot be written whole is not written at all."""
        count, self._peaks = mark
        self._size = self._start + count
        del self.rows[count:], self.records[count:], self._hashes[count:]

    def node(self, level: int, index: int) -> bytes:
        place = ((index + 1) << level) - 1 - self._start  # of the record that completed it
        if place < 0:
            return self._reader.node(level, index)
        if level == 0:
            return self._hashes[place]
        return self.rows[place].nodes[HASH_SIZE * (level - 1) : HASH_SIZE * level]

    def inclusion(self, index: int) -> list[bytes]:
        return inclusion_proof(index, self._size, self.node)

    def consistency(self, size: int) -> list[bytes]:
        return consistency_proof(size, self._size, self.node)


def _check_names(record: Record) -> None:
    for text in (record.actor, record.key):
        if text is not None and not (0 < len(text) <= 200 and not text.isspace()):
            raise UnwritableError("a name or key must have 1 to 200 characters, and not only spaces")


def _check_readable(record: Record) -> None:
    """Writing does not look at a text's length or pattern; reading does. What could not be read is never written."""
    try:
        own_event_of(record)
    except TamperedError as error:
        raise UnwritableError(str(error)) from error
