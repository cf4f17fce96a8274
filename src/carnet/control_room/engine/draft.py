"""A draft: the records of a transaction appended in memory, so that proofs can be made before it is committed."""

from datetime import datetime

import msgspec

from carnet.control_room.engine.book import Book
from carnet.control_room.engine.cipher import Epoch
from carnet.control_room.engine.store import Row
from carnet.control_room.ledger.events import CLEAR, Event, own_event_of
from carnet.control_room.ledger.record import NONCE_SIZE, SYSTEM, Answered, Record, clear_leaf, sealed_leaf
from carnet.entitlements import UnwritableError
from carnet.errors import TamperedError
from carnet.exchange.keys import RandomBytes
from carnet.merkle import Checkpoint, Peaks, consistency_proof, inclusion_proof, leaf_hash

_encode = msgspec.json.Encoder().encode


class Draft:
    def __init__(self, book: Book, epoch: Epoch, random: RandomBytes) -> None:
        self._book, self._epoch, self._random = book, epoch, random
        self._ledger_id = book.store.ledger_id
        self.peaks = book.peaks
        self.rows: list[Row] = []
        self.records: list[Record] = []
        self._start = book.peaks.size
        self._hashes: list[bytes] = []  # of the leaves drafted here

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.peaks.size, self.peaks.root)

    def append(
        self, event: Event, at: datetime, actor: str, key: str | None = None, answered: Answered | None = None
    ) -> Record:
        index, kind = self.peaks.size, event.kind
        if kind in CLEAR:  # what leaves the site names nobody
            actor, key, answered = SYSTEM, None, None
        body = msgspec.Raw(_encode(event))
        record = Record(index=index, at=at, kind=kind, actor=actor, key=key, body=body, answered=answered)
        _check_readable(record, event)
        self._add(index, _encode(record), clear=kind in CLEAR)
        self.records.append(record)
        return record

    def _add(self, index: int, text: bytes, *, clear: bool) -> None:
        if clear:
            leaf = clear_leaf(text)
            seal = self._book.cipher.seal(leaf, index, self._random)
        else:
            epoch = self._epoch
            leaf = sealed_leaf(text, index, epoch.cipher, epoch.key_id, self._random(NONCE_SIZE), self._ledger_id)
            seal = None
        hashed = leaf_hash(leaf)
        self.peaks, completed = self.peaks.append(hashed)
        self.rows.append(Row(index, leaf, b"".join(completed), seal))
        self._hashes.append(hashed)

    def mark(self) -> tuple[Peaks, int]:
        return self.peaks, len(self.rows)

    def back_to(self, mark: tuple[Peaks, int]) -> None:
        """Take back what was appended since: a decision that cannot be written whole is not written at all."""
        self.peaks, count = mark
        del self.rows[count:], self.records[count:], self._hashes[count:]

    def node(self, level: int, index: int) -> bytes:
        completed_by = ((index + 1) << level) - 1
        place = completed_by - self._start
        if place < 0:
            return self._book.node(level, index)
        if level == 0:
            return self._hashes[place]
        return self.rows[place].nodes[32 * (level - 1) : 32 * level]

    def inclusion(self, index: int) -> list[bytes]:
        return inclusion_proof(index, self.peaks.size, self.node)

    def consistency(self, size: int) -> list[bytes]:
        return consistency_proof(size, self.peaks.size, self.node)


def _check_readable(record: Record, event: Event) -> None:
    """Writing does not look at a text's length or pattern; reading does. What could not be read is never written."""
    for text in (record.actor, record.key):
        if text is not None and not (0 < len(text) <= 200 and not text.isspace()):
            raise UnwritableError("a name or key must have 1 to 200 characters, and not only spaces")
    try:
        if own_event_of(record) != event:
            raise UnwritableError("it would be read as something else")
    except TamperedError as error:
        raise UnwritableError(str(error)) from error
