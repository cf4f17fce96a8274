"""The ledger as the engine holds it: appending records as leaves, reading nodes and leaves, and the sealed head."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carnet.control_room.authority.trusted_time import Anchor
from carnet.control_room.engine.store import Row, Store
from carnet.control_room.ledger.events import CLEAR, Event, event_of
from carnet.control_room.ledger.record import (
    HEAD_KEY,
    NONCE_SIZE,
    SYSTEM,
    Record,
    clear_leaf,
    data_key,
    key_id_of,
    read_leaf,
    sealed_leaf,
    write_record,
)
from carnet.entitlements import Fields, Quantity, UnwritableError
from carnet.errors import TamperedError
from carnet.exchange.keys import RandomBytes
from carnet.exchange.strict import MalformedError, decode, encode
from carnet.merkle import HASH_SIZE, Checkpoint, Peaks, consistency_proof, inclusion_proof, leaf_hash, peaks_at

EPOCH_RECORDS = 2**24  # records under one data key


class Head(Fields, frozen=True):
    """Sealed beside the records: how many there are, their root, and where trusted time stood (T1)."""

    size: Quantity
    root: str
    anchor: Anchor


@dataclass(frozen=True)
class Epoch:
    """A data key in use: since process start, the last OLF, or 2^24 records."""

    key_id: int
    salt: bytes
    cipher: AESGCM
    since: int


class Cipher:
    """The keys of the ledger's epochs, derived from the master key and each epoch's stored salt."""

    def __init__(self, master: bytes, store: Store) -> None:
        self._master, self._store = master, store
        self._ciphers: dict[int, AESGCM] = {}

    def of(self, key_id: int) -> AESGCM | None:
        if key_id == 0:
            return None
        if key_id not in self._ciphers:
            salts = self._store.data_keys()
            if key_id not in salts:
                raise TamperedError(f"its data key {key_id} is missing")
            self._ciphers[key_id] = self._derive(salts[key_id], key_id)
        return self._ciphers[key_id]

    def new_epoch(self, size: int, random: RandomBytes) -> Epoch:
        key_id, salt = max(self._store.data_keys(), default=0) + 1, random(32)
        self._ciphers[key_id] = self._derive(salt, key_id)
        return Epoch(key_id, salt, self._ciphers[key_id], size)

    def box(self, key_id: int, plaintext: bytes, random: RandomBytes) -> bytes:
        nonce = random(NONCE_SIZE)
        return nonce + self._derive(b"", key_id).encrypt(nonce, plaintext, self._store.ledger_id.encode())

    def unbox(self, key_id: int, box: bytes) -> bytes | None:
        cipher = self._derive(b"", key_id)
        try:
            return cipher.decrypt(box[:NONCE_SIZE], box[NONCE_SIZE:], self._store.ledger_id.encode())
        except (InvalidTag, ValueError):
            return None

    def _derive(self, salt: bytes, key_id: int) -> AESGCM:
        return data_key(self._master, salt, self._store.ledger_id, key_id)


class Book:
    """Records and nodes as stored; `peaks` is where the next leaf goes."""

    def __init__(self, store: Store, cipher: Cipher) -> None:
        self.store, self.cipher = store, cipher
        self.head = self._read_head()
        self.peaks = peaks_at(self.head.size, self.node) if self.head else Peaks()

    def _read_head(self) -> Head | None:
        box = self.store.head()
        if box is None:
            return None
        plain = self.cipher.unbox(HEAD_KEY, box)
        try:
            if plain is not None:
                return decode(plain, Head, depth=3)
        except MalformedError:
            pass
        raise TamperedError("The ledger's head was altered.", "Run: control-room ledger verify")

    def check_head(self) -> None:
        """The stored records end where the head says, at its root. (`verify` looks at every one.)"""
        if self.head and (self.head.root != self.peaks.root.hex() or self.store.row(self.head.size) is not None):
            raise TamperedError("The ledger does not end as its head says.", "Run: control-room ledger verify")

    def node(self, level: int, index: int) -> bytes:
        """Node (level, index) stands in the row of the record that completed it."""
        row = self.store.row(((index + 1) << level) - 1)
        if row is None:
            raise TamperedError(f"Record {((index + 1) << level) - 1} is missing.", "Run: control-room ledger verify")
        return node_in(row, level)

    def records(self, start: int = 0) -> Iterator[Record]:
        for row in self.store.rows(start):
            cipher = self.cipher.of(key_id_of(row.leaf))
            yield read_leaf(row.leaf, row.index, cipher, self.store.ledger_id)

    def seal(self, head: Head, random: RandomBytes) -> bytes:
        return self.cipher.box(HEAD_KEY, encode(head), random)

    def turn_to(self, head: Head, peaks: Peaks) -> None:
        """What was drafted is on the disk: go on from there."""
        self.head, self.peaks = head, peaks


def _check_readable(record: Record) -> None:
    """Writing does not look at a text's length or pattern; reading does. What could not be read is never written."""
    try:
        decode(encode(record), Record, depth=12)
        event_of(record)
    except (MalformedError, TamperedError) as error:
        raise UnwritableError(str(error)) from error


def node_in(row: Row, level: int) -> bytes:
    if level == 0:
        return leaf_hash(row.leaf)
    return row.nodes[HASH_SIZE * (level - 1) : HASH_SIZE * level]


class Pages:
    """A draft: the records of a transaction appended in memory, so that proofs can be made before it is committed."""

    def __init__(self, book: Book, epoch: Epoch, random: RandomBytes) -> None:
        self._book, self._epoch, self._random = book, epoch, random
        self.peaks = book.peaks
        self.rows: list[Row] = []
        self.records: list[Record] = []
        self._nodes: dict[tuple[int, int], bytes] = {}

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.peaks.size, self.peaks.root)

    def append(self, event: Event, at: datetime, actor: str, key: str | None) -> Record:
        index, clear = self.peaks.size, event.kind in CLEAR
        named = (SYSTEM, None) if clear else (actor, key)  # what leaves the site names nobody
        record = write_record(index, at, event.kind, named[0], event, named[1])
        _check_readable(record)
        leaf = clear_leaf(record) if clear else self._sealed(record)
        self.peaks, completed = self.peaks.append(leaf_hash(leaf))
        self.rows.append(Row(index, leaf, b"".join(completed)))
        self.records.append(record)
        self._nodes[0, index] = leaf_hash(leaf)
        for level, node in enumerate(completed, 1):
            self._nodes[level, index >> level] = node
        return record

    def _sealed(self, record: Record) -> bytes:
        nonce = self._random(NONCE_SIZE)
        return sealed_leaf(record, self._epoch.cipher, self._epoch.key_id, nonce, self._book.store.ledger_id)

    def node(self, level: int, index: int) -> bytes:
        key = (level, index)
        if key not in self._nodes:
            self._nodes[key] = self._book.node(level, index)
        return self._nodes[key]

    def inclusion(self, index: int) -> list[bytes]:
        return inclusion_proof(index, self.peaks.size, self.node)

    def consistency(self, size: int) -> list[bytes]:
        return consistency_proof(size, self.peaks.size, self.node)
