"""A ledger record and its leaf: the format, and nothing else. The writer and the independent checker share this file.

Leaf = format byte ‖ key id (4 bytes) ‖ nonce (12) ‖ AES-256-GCM(record), additional data = ledger id ‖ index. A clear
leaf has key id 0, no nonce, and the record itself. Nonces are random: a counter would repeat after a restored snapshot,
and that breaks GCM.
"""

from datetime import datetime

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from carnet.entitlements import Fields, Quantity, Text, Time
from carnet.errors import TamperedError
from carnet.exchange.license_file_request import CLEAR_LEAF
from carnet.exchange.strict import decode, encode

FORMAT = b"\x01"
KEY_ID_SIZE, NONCE_SIZE = 4, 12  # bytes
SYSTEM = "control-room"  # the actor of what no person did, and of every record that leaves the site
HEAD_KEY, SNAPSHOT_KEY = 2**32 - 1, 2**32 - 2  # data key ids set apart for what is no record
_PREFIX = len(FORMAT) + KEY_ID_SIZE
_DEPTH = 12


class Record(Fields, frozen=True):
    """One fact. `at` is trusted time; `actor` who acted; `key` the caller's idempotency key; `body` by its kind."""

    index: Quantity
    at: Time
    kind: Text
    actor: Text
    key: Text | None
    body: msgspec.Raw


def write_record(index: int, at: datetime, kind: str, actor: str, body: object, key: str | None = None) -> Record:
    return Record(index=index, at=at, kind=kind, actor=actor, key=key, body=msgspec.Raw(encode(body)))


def data_key(master: bytes, salt: bytes, ledger_id: str, key_id: int) -> AESGCM:
    """The key of one epoch; `salt` (random, stored) makes it another one even where a restored copy reuses its id."""
    info = f"carnet-ledger/1|{ledger_id}|{key_id}".encode()
    return AESGCM(HKDF(SHA256(), 32, salt, info).derive(master))


def clear_leaf(record: Record) -> bytes:
    return CLEAR_LEAF + encode(record)


def sealed_leaf(record: Record, cipher: AESGCM, key_id: int, nonce: bytes, ledger_id: str) -> bytes:
    box = cipher.encrypt(nonce, encode(record), _bound(ledger_id, record.index))
    return FORMAT + key_id.to_bytes(KEY_ID_SIZE, "big") + nonce + box


def key_id_of(leaf: bytes) -> int:
    """0 for a clear leaf. Raises TamperedError where it is no leaf of this format."""
    if len(leaf) <= _PREFIX or not leaf.startswith(FORMAT):
        raise TamperedError("it is no leaf of this format")
    return int.from_bytes(leaf[len(FORMAT) : _PREFIX], "big")


def read_leaf(leaf: bytes, index: int, cipher: AESGCM | None, ledger_id: str) -> Record:
    """The record in a leaf; `cipher` None for a clear one. Raises TamperedError where it is not record `index`."""
    try:
        if cipher is None:
            text = leaf[_PREFIX:]
        else:
            nonce, box = leaf[_PREFIX : _PREFIX + NONCE_SIZE], leaf[_PREFIX + NONCE_SIZE :]
            text = cipher.decrypt(nonce, box, _bound(ledger_id, index))
        record = decode(text, Record, depth=_DEPTH)
    except (InvalidTag, ValueError) as error:
        what = "it cannot be decrypted" if isinstance(error, InvalidTag) else f"it cannot be read ({error})"
        raise TamperedError(what) from error
    if record.index != index:
        raise TamperedError(f"it says that it is record {record.index}")
    return record


def _bound(ledger_id: str, index: int) -> bytes:
    return f"{ledger_id}|{index}".encode()
