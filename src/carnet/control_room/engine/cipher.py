"""The keys of the ledger's epochs, derived from a master key and each epoch's stored salt; and what they encrypt beside
the records: the head, the snapshot, and the seals of clear leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag

from carnet.aead import Aead
from carnet.control_room.engine.store import Store
from carnet.control_room.ledger.record import KEY_ID_SIZE, DataKey, Purpose, derived_key, id_of, seal_of, with_id
from carnet.control_room.state.trusted_time import Reading, goes_on_from
from carnet.errors import TamperedError
from carnet.exchange.keys import RandomBytes

EPOCH_RECORDS = 2**24  # records under one data key


@dataclass(frozen=True)
class Epoch:
    """The data keys in use: since the process started, the last OLF, 2^24 records, or a cut in time."""

    key_id: int
    key: DataKey
    cipher: Aead
    since: int


class Cipher:
    """`masters`: the master keys by number; the highest one makes new epochs."""

    def __init__(self, masters: Mapping[int, bytes], store: Store) -> None:
        self._masters, self._store = masters, store
        self._bound = store.ledger_id.encode()
        self._keys: dict[int, DataKey] = {}
        self._derived: dict[tuple[int, Purpose], bytes] = {}
        self._ciphers: dict[tuple[int, Purpose], Aead] = {}

    def of(self, key_id: int, purpose: Purpose = Purpose.RECORD) -> Aead | None:
        """None for a clear leaf. Raises TamperedError where the key is missing."""
        if key_id == 0:
            return None
        name = key_id, purpose
        if name not in self._ciphers:
            self._ciphers[name] = Aead(self._derive(key_id, purpose))
        return self._ciphers[name]

    def new_epoch(self, size: int, random: RandomBytes) -> Epoch:
        key_id = max(self._store.data_keys(), default=0) + 1
        key = DataKey(random(32), max(self._masters))
        for purpose in Purpose:  # an epoch of this id may have been drafted, and not stored
            self._derived.pop((key_id, purpose), None)
            self._ciphers.pop((key_id, purpose), None)
        self._keys[key_id] = key
        cipher = self.of(key_id)
        assert cipher is not None  # the first id is 1
        return Epoch(key_id, key, cipher, size)

    def box(self, key_id: int, purpose: Purpose, plaintext: bytes, draw: bytes) -> bytes:
        cipher = self.of(key_id, purpose)
        assert cipher is not None
        return with_id(key_id, cipher.encrypt(draw, plaintext, self._bound))

    def unbox(self, purpose: Purpose, box: bytes) -> bytes | None:
        """None where it was altered, or its key is missing."""
        try:
            cipher = self.of(id_of(box), purpose)
            return cipher.decrypt(box[KEY_ID_SIZE:], self._bound) if cipher else None
        except (InvalidTag, TamperedError):
            return None

    def seal(self, leaf: bytes, index: int, key_id: int) -> bytes:
        return seal_of(leaf, index, self._derive(key_id, Purpose.SEAL), key_id, self._store.ledger_id)

    def _derive(self, key_id: int, purpose: Purpose) -> bytes:
        name = key_id, purpose
        if name not in self._derived:
            key = self._stored(key_id)
            if key.master not in self._masters:
                raise TamperedError(f"its master key {key.master} is missing")
            master = self._masters[key.master]
            self._derived[name] = derived_key(master, key.salt, self._store.ledger_id, key_id, purpose)
        return self._derived[name]

    def _stored(self, key_id: int) -> DataKey:
        if key_id not in self._keys:
            self._keys |= self._store.data_keys()
        if key_id not in self._keys:
            raise TamperedError(f"its data key {key_id} is missing")
        return self._keys[key_id]


class Epochs:
    """Which epoch a transaction belongs to. Two processes that go on from one memory never share one."""

    def __init__(self, cipher: Cipher, random: RandomBytes) -> None:
        self._cipher, self._random = cipher, random
        self._current: Epoch | None = None
        self._last: Reading | None = None

    def at(self, size: int, reading: Reading) -> Epoch:
        """The epoch of what is written now, as record `size` or later."""
        last, self._last = self._last, reading
        epoch = self._current
        if epoch and last and goes_on_from(last, reading) and size - epoch.since < EPOCH_RECORDS:
            return epoch
        self._current = self._cipher.new_epoch(size, self._random)
        return self._current

    def end(self) -> None:
        """At each OLF, and wherever it is not known what the disk holds."""
        self._current = None
