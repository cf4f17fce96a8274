"""A ledger record and its leaf: the format, and nothing else. The writer and the independent checker share this file.

Leaf = format byte ‖ key id (4 bytes) ‖ nonce (12) ‖ AES-256-GCM(record), additional data = ledger id ‖ index. A clear
leaf has key id 0, no nonce, and the record itself. Nonces are random: a counter would repeat after a restored snapshot,
and that breaks GCM.
"""

from datetime import UTC
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta

from carnet.entitlements import (
    Fields,
    Quantity,
    Sha256,
    Text,
    Time,
)
from carnet.errors import TamperedError
from carnet.exchange.license_file_request import CLEAR_LEAF
from carnet.exchange.strict import decode
from carnet.merkle import leaf_hash

FORMAT = b"\x01"
KEY_ID_SIZE, NONCE_SIZE, ANSWER_NAME_SIZE = 4, 12, 16  # bytes
SYSTEM = "control-room"  # the actor of what no person did, and of every record that leaves the site
HEAD_KEY, SNAPSHOT_KEY, SEAL_KEY = 2**32 - 1, 2**32 - 2, 2**32 - 3  # data key ids set apart for what is no record
_PREFIX = len(FORMAT) + KEY_ID_SIZE
_DEPTH = 12


RecordVersion = Annotated[int, Meta(ge=1, le=1_000_000)]


class Answered(Fields, frozen=True):
    """G5: the change that this record ends came with an idempotency key; what was asked, and what was answered."""

    request_sha256: Sha256
    answer: msgspec.Raw  # as the command's own struct

    def __post_init__(self) -> None:
        """Nothing to look at: no text of it comes from outside, and this is asked very often."""


class Record(Fields, frozen=True, omit_defaults=True):
    """One fact. `at` is trusted time; `actor` who acted; `key` the caller's idempotency key; `body` by its kind."""

    index: Quantity
    at: Time
    kind: Text
    actor: Text
    key: Text | None
    body: msgspec.Raw
    answered: Answered | None = None
    version: RecordVersion = 1  # E17: of its kind; left out while it is 1

    def __post_init__(self) -> None:
        names = self.actor + self.key if self.key else self.actor
        if not (
            names.isascii() and names.isprintable() and self.at.tzinfo is UTC
        ):  # else all is well; asked very often
            super().__post_init__()


def data_key(master: bytes, salt: bytes, ledger_id: str, key_id: int) -> AESGCM:
    """The key of one epoch; `salt` (random, stored) makes it another one even where a restored copy reuses its id."""
    info = f"carnet-ledger/1|{ledger_id}|{key_id}".encode()
    return AESGCM(HKDF(SHA256(), 32, salt, info).derive(master))


def clear_leaf(text: bytes) -> bytes:
    return CLEAR_LEAF + text


def sealed_leaf(text: bytes, index: int, cipher: AESGCM, key_id: int, nonce: bytes, ledger_id: str) -> bytes:
    """`text` is a record in its one written form."""
    head = FORMAT + key_id.to_bytes(KEY_ID_SIZE, "big") + nonce
    return head + cipher.encrypt(nonce, text, bound(ledger_id, index))


def seal_of(leaf: bytes, index: int, cipher: AESGCM, nonce: bytes, ledger_id: str) -> bytes:
    """What is stored beside a clear leaf, which carries no seal of its own, so that `verify` can tell an altered one
    from its neighbour. Nonce ‖ tag, over the leaf's hash."""
    return nonce + cipher.encrypt(nonce, b"", bound(ledger_id, index) + b"|" + leaf_hash(leaf))


def is_sealed(seal: bytes, leaf: bytes, index: int, cipher: AESGCM, ledger_id: str) -> bool:
    try:
        cipher.decrypt(seal[:NONCE_SIZE], seal[NONCE_SIZE:], bound(ledger_id, index) + b"|" + leaf_hash(leaf))
    except (InvalidTag, ValueError):
        return False
    return True


def key_id_of(leaf: bytes) -> int:
    """0 for a clear leaf. Raises TamperedError where it is no leaf of this format."""
    if len(leaf) <= _PREFIX or leaf[:1] != FORMAT:
        raise TamperedError("it is no leaf of this format")
    return int.from_bytes(leaf[len(FORMAT) : _PREFIX], "big")


def read_leaf(leaf: bytes, index: int, cipher: AESGCM | None, ledger_id: str) -> Record:
    """The record in a leaf; `cipher` None for a clear one. Raises TamperedError where it is not record `index`."""
    try:
        record = decode(_text_of(leaf, index, cipher, ledger_id), Record, depth=_DEPTH)
    except (InvalidTag, ValueError) as error:
        raise _unreadable(error) from error
    if record.index != index:
        raise TamperedError(f"it says that it is record {record.index}")
    return record


def read_own(leaf: bytes, index: int, cipher: AESGCM, ledger_id: str) -> Record:
    """The record in a sealed leaf, many times a second: its seal says that the writer wrote it, in its one form."""
    try:
        record: Record = _DECODER.decode(_text_of(leaf, index, cipher, ledger_id))
    except (InvalidTag, ValueError) as error:
        raise _unreadable(error) from error
    return record


_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Record)


def _text_of(leaf: bytes, index: int, cipher: AESGCM | None, ledger_id: str) -> bytes:
    if cipher is None:
        return leaf[_PREFIX:]
    nonce, box = leaf[_PREFIX : _PREFIX + NONCE_SIZE], leaf[_PREFIX + NONCE_SIZE :]
    return cipher.decrypt(nonce, box, bound(ledger_id, index))


def _unreadable(error: Exception) -> TamperedError:
    return TamperedError("it cannot be decrypted" if isinstance(error, InvalidTag) else f"it cannot be read ({error})")


def joined(salts: dict[int, bytes]) -> bytes:
    """All data keys' salts as one text, for the head."""
    return b"".join(key_id.to_bytes(KEY_ID_SIZE, "big") + salt for key_id, salt in sorted(salts.items()))


def answer_name(actor: str, key: str) -> bytes:
    """What an idempotency key is found by. A key belongs to who uses it: two callers never share an answer."""
    return sha256(f"{len(actor)}|{actor}|{key}".encode()).digest()[:ANSWER_NAME_SIZE]


def bound(ledger_id: str, index: int) -> bytes:
    return f"{ledger_id}|{index}".encode("ascii")
