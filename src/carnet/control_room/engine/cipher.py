"""The keys of the ledger's epochs, derived from the master key and each epoch's stored salt; and the boxes beside the
records: the head, the snapshot, and the seals of clear leaves.
"""

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from carnet.control_room.engine.store import Store
from carnet.control_room.ledger.record import (
    NONCE_SIZE,
    SEAL_KEY,
    data_key,
    seal_of,
)
from carnet.errors import TamperedError
from carnet.exchange.keys import RandomBytes


@dataclass(frozen=True)
class Epoch:
    """A data key in use: since process start, the last OLF, or 2^24 records."""

    key_id: int
    salt: bytes
    cipher: AESGCM
    since: int


class Cipher:
    def __init__(self, master: bytes, store: Store) -> None:
        self._master, self._store = master, store
        self._bound = store.ledger_id.encode()
        self._ciphers: dict[int, AESGCM] = {}
        self._boxes: dict[int, AESGCM] = {}

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
        return nonce + self._box_of(key_id).encrypt(nonce, plaintext, self._bound)

    def unbox(self, key_id: int, box: bytes) -> bytes | None:
        try:
            return self._box_of(key_id).decrypt(box[:NONCE_SIZE], box[NONCE_SIZE:], self._bound)
        except (InvalidTag, ValueError):
            return None

    def seal(self, leaf: bytes, index: int, random: RandomBytes) -> bytes:
        return seal_of(leaf, index, self._box_of(SEAL_KEY), random(NONCE_SIZE), self._store.ledger_id)

    def _box_of(self, key_id: int) -> AESGCM:
        if key_id not in self._boxes:
            self._boxes[key_id] = self._derive(b"", key_id)
        return self._boxes[key_id]

    def _derive(self, salt: bytes, key_id: int) -> AESGCM:
        return data_key(self._master, salt, self._store.ledger_id, key_id)
