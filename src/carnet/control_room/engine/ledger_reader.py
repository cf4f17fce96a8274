"""The ledger as the engine holds it: reading nodes, leaves and records, and the sealed head that it ends with."""

from collections.abc import Iterable, Iterator
from hashlib import sha256

from carnet.control_room.engine.cipher import Cipher
from carnet.control_room.engine.idempotency_index import IndexMark
from carnet.control_room.engine.store import Row, Store
from carnet.control_room.ledger.record import (
    DataKey,
    Purpose,
    Record,
    id_of,
    joined,
    key_id_of,
    read_leaf,
    read_own,
)
from carnet.control_room.state.trusted_time import Anchor
from carnet.entitlements import Fields, Quantity, Sha256
from carnet.errors import TamperedError
from carnet.exchange.strict import MalformedError, decode, encode
from carnet.merkle import (
    HASH_SIZE,
    Checkpoint,
    Peaks,
    leaf_hash,
    peaks_at,
)

LOOK = ("Verify the ledger: that says which record is wrong, and how.", "control-room ledger verify")


class Head(Fields, frozen=True):
    """Sealed beside the records: how many there are, their root, where trusted time stood (T1), what else is kept, and
    how far the answers are (G5)."""

    size: Quantity
    root: Sha256
    anchor: Anchor
    kept: dict[str, Sha256]
    answers: IndexMark


class LedgerReader:
    """Records and nodes as stored; `peaks` is where the next leaf goes."""

    def __init__(self, store: Store, cipher: Cipher) -> None:
        self.store, self.cipher = store, cipher
        self.head_key_id = 0  # none
        self.head = self._read_head()
        self.peaks = peaks_at(self.head.size, self.node) if self.head else Peaks()
        self.checkpoint = Checkpoint(self.peaks.size, self.peaks.root)
        self.kept = KeptDigests.of(store)

    def _read_head(self) -> Head | None:
        box = self.store.head()
        if box is None:
            return None
        self.head_key_id = id_of(box)
        plain = self.cipher.unbox(Purpose.HEAD, box)
        try:
            if plain is not None:
                return decode(plain, Head, depth=3)
        except MalformedError:
            pass
        raise TamperedError("The ledger's head was altered.", *LOOK)

    def check_head(self) -> None:
        """The stored records end where the head says, at its root. (`verify` looks at every one.)"""
        if self.store.row(self.head.size if self.head else 0) is not None:
            raise TamperedError("The ledger goes on after its head.", *LOOK)
        if self.head is None:
            return
        if self.head.root != self.peaks.root.hex():
            raise TamperedError("The ledger does not end as its head says.", *LOOK)
        if self.head.kept != self.kept.digests:
            raise TamperedError("What is kept beside the records is not what the ledger's head says.", *LOOK)

    def node(self, level: int, index: int) -> bytes:
        """Node (level, index) stands in the row of the record that completed it."""
        return node_in(self._row(((index + 1) << level) - 1), level)

    def leaf(self, index: int) -> bytes:
        return self._row(index).leaf

    def record(self, index: int) -> Record:
        return self._read(self._row(index))

    def records(self, start: int = 0) -> Iterator[Record]:
        return map(self._read, self.store.rows(start))

    def _row(self, index: int) -> Row:
        row = self.store.row(index)
        if row is None:
            raise TamperedError(f"Record {index} is missing.", *LOOK)
        return row

    def _read(self, row: Row) -> Record:
        cipher = self.cipher.of(key_id_of(row.leaf))
        if cipher is None:
            return read_leaf(row.leaf, row.idx, None, self.store.ledger_id)
        return read_own(row.leaf, row.idx, cipher, self.store.ledger_id)

    def seal(self, head: Head, key_id: int, draw: bytes) -> bytes:
        return self.cipher.box(key_id, Purpose.HEAD, encode(head), draw)

    def turn_to(self, head: Head, key_id: int, peaks: Peaks, checkpoint: Checkpoint, kept: "KeptDigests") -> None:
        """What was drafted is on the disk: go on from there."""
        self.head, self.head_key_id, self.peaks, self.checkpoint, self.kept = head, key_id, peaks, checkpoint, kept


class KeptDigests:
    """What is stored beside the records, by its SHA-256, for the head: an altered, missing or older one shows."""

    def __init__(self, digests: dict[str, Sha256], keys: dict[int, DataKey]) -> None:
        self.digests, self._keys = digests | {"data-keys": sha256(joined(keys)).hexdigest()}, keys

    @classmethod
    def of(cls, store: Store) -> "KeptDigests":
        return cls(_digests(store.kept()), store.data_keys())

    def with_(self, new: Iterable[tuple[str, bytes]], new_key: tuple[int, DataKey] | None) -> "KeptDigests":
        keys = self._keys | dict([new_key] if new_key else [])
        return KeptDigests(self.digests | _digests(new), keys)


def _digests(kept: Iterable[tuple[str, bytes]]) -> dict[str, Sha256]:
    return {name: sha256(body).hexdigest() for name, body in kept}


def node_in(row: Row, level: int) -> bytes:
    if level == 0:
        return leaf_hash(row.leaf)
    return row.nodes[HASH_SIZE * (level - 1) : HASH_SIZE * level]
