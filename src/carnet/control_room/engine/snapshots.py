"""Snapshots of the state: encrypted, naming the checkpoint they stand on. They only save time: one that is damaged, or
of another history, is left aside and the ledger is folded from its first record.
"""

import msgspec

from carnet.control_room.engine.cipher import Cipher
from carnet.control_room.engine.idempotency_index import BloomFilters
from carnet.control_room.engine.ledger_reader import LedgerReader
from carnet.control_room.ledger.record import SNAPSHOT_KEY
from carnet.control_room.state.state import State
from carnet.exchange.keys import RandomBytes
from carnet.merkle import Checkpoint, root_at

SNAPSHOT_EVERY = 50_000  # records: about what a start folds at most, unless the state's own shape changed


class _Snapshot(msgspec.Struct):
    size: int
    root: str
    shape: str  # of the state in the release that wrote it
    state: msgspec.Raw
    sieves: BloomFilters


FOLD = 4  # raised whenever `evolve` folds a record to something else than before
_SHAPE = f"{FOLD}:" + ",".join(State.__struct_fields__)


def write_snapshot(
    state: State, sieves: BloomFilters, checkpoint: Checkpoint, cipher: Cipher, random: RandomBytes
) -> bytes:
    """The snapshot's box."""
    encoded = msgspec.Raw(msgspec.json.encode(state))
    snapshot = _Snapshot(checkpoint.size, checkpoint.root.hex(), _SHAPE, encoded, sieves)
    return cipher.box(SNAPSHOT_KEY, msgspec.json.encode(snapshot), random)


def read_snapshot(book: LedgerReader) -> tuple[State, BloomFilters | None]:
    """The state to start from, and the sieves of the answers: an empty one, and none, where no snapshot can be used."""
    stored = book.store.snapshot()
    plain = book.cipher.unbox(SNAPSHOT_KEY, stored) if stored else None
    if plain is None or book.head is None:
        return State(), None
    try:
        snapshot = msgspec.json.decode(plain, type=_Snapshot)
        fits = snapshot.shape == _SHAPE and snapshot.size <= book.head.size
        if fits and root_at(snapshot.size, book.node).hex() == snapshot.root:
            return msgspec.json.decode(snapshot.state, type=State), snapshot.sieves
    except msgspec.MsgspecError:
        pass
    return State(), None
