"""Snapshots of the state: encrypted, naming the checkpoint they stand on. They only save time: one that is damaged, or
of another history, is left aside and the ledger is folded from its first record.
"""

import json
from functools import cache
from hashlib import sha256

import msgspec

from carnet.control_room.engine.idempotency_index import BloomFilters
from carnet.control_room.engine.ledger_reader import LedgerReader
from carnet.control_room.ledger.record import Purpose
from carnet.control_room.state.state import State
from carnet.merkle import root_at

SNAPSHOT_EVERY = 50_000  # records: about what a start folds at most, unless the state's own shape changed


class _Snapshot(msgspec.Struct):
    size: int
    root: str
    shape: str  # of the state in the release that wrote it
    state: msgspec.Raw
    filters: BloomFilters


FOLD = 13  # raised whenever `evolve` folds a record to something else than before; a test on a frozen ledger says so


@cache
def shape_of(state: type[State] = State) -> str:
    """What a snapshot must have been written with to be read: the fold's number, and the whole schema of the state.

    The schema holds every struct within the state, so that a field added deep inside leaves older snapshots aside too.
    """
    schema = json.dumps(msgspec.json.schema(state), sort_keys=True).encode()
    return f"{FOLD}:{sha256(schema).hexdigest()}"


def write_snapshot(state: State, filters: BloomFilters, reader: LedgerReader, draw: bytes) -> bytes:
    """The snapshot's box, under the epoch of the head: its data key is stored."""
    checkpoint = reader.checkpoint
    encoded = msgspec.Raw(msgspec.json.encode(state))
    snapshot = _Snapshot(checkpoint.size, checkpoint.root.hex(), shape_of(), encoded, filters)
    return reader.cipher.box(reader.head_key_id, Purpose.SNAPSHOT, msgspec.json.encode(snapshot), draw)


def read_snapshot(reader: LedgerReader) -> tuple[State, BloomFilters | None]:
    """The state to start from, and the answers' filters: an empty one, and none, where no snapshot can be used."""
    stored = reader.store.snapshot()
    plain = reader.cipher.unbox(Purpose.SNAPSHOT, stored) if stored else None
    if plain is None or reader.head is None:
        return State(), None
    try:
        snapshot = msgspec.json.decode(plain, type=_Snapshot)
        fits = snapshot.shape == shape_of() and snapshot.size <= reader.head.size
        if fits and root_at(snapshot.size, reader.node).hex() == snapshot.root:
            return msgspec.json.decode(snapshot.state, type=State), snapshot.filters
    except msgspec.MsgspecError:
        pass
    return State(), None
