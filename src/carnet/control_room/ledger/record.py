"""A ledger record and its leaf: the format, and nothing else. The writer and the independent checker share this file.

Leaf = format byte ‖ key id (4 bytes) ‖ box of the record (`carnet.aead`), additional data = ledger id ‖ index. A clear
leaf has the key id 0 and the record itself, and a seal is stored beside it. Each purpose has its own key of each epoch.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta

from carnet.aead import KEY_SIZE, Aead
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
from carnet.printable import is_printable

FORMAT = b"\x01"
KEY_ID_SIZE, ANSWER_NAME_SIZE = 4, 16  # bytes
SYSTEM = "control-room"  # the actor where it was not a person, and of each record that leaves the site
PAGES = "pages"  # the actor where the pages let nobody in
API_KEY = "cnk_"  # an API key is the actor of this and its id
_PREFIX = len(FORMAT) + KEY_ID_SIZE
_DEPTH = 12


RecordVersion = Annotated[int, Meta(ge=1, le=1_000_000)]


class Answered(Fields, frozen=True):
    """What was asked with an idempotency key, and what was answered (G5); in the last record of the change."""

    request_sha256: Sha256
    answer: msgspec.Raw  # the answer of the command, as JSON

    def __post_init__(self) -> None:
        """No check: the text does not come from outside, and this is called for each record."""


class Record(Fields, frozen=True, omit_defaults=True):
    """One fact (L1). `at` is trusted time, `actor` who acted, `key` the caller's idempotency key; `body` is of its
    kind.

    Raises:
        UnwritableError: A text or the time cannot stand in a record.
    """

    index: Quantity
    at: Time
    kind: Text
    actor: Text
    key: Text | None
    body: msgspec.Raw
    answered: Answered | None = None
    version: RecordVersion = 1  # of its kind (E17); not written where it is 1

    def __post_init__(self) -> None:
        names = self.actor + self.key if self.key else self.actor
        # called for each record: the full check only where this cheap one does not suffice
        if not (names.isascii() and is_printable(names) and self.at.tzinfo is UTC):
            super().__post_init__()


class Purpose(StrEnum):
    """What a key of an epoch is for."""

    RECORD = "record"
    SEAL = "seal"  # beside a clear leaf
    HEAD = "head"
    SNAPSHOT = "snapshot"


class DataKey(NamedTuple):
    """What is stored of an epoch: the salt, 32 random bytes, and the number of the master key that it goes with.

    The salt makes another key where two copies of a ledger use the same id.
    """

    salt: bytes
    master: int


def derived_key(master: bytes, salt: bytes, ledger_id: str, key_id: int, purpose: Purpose) -> bytes:
    """The key (64 bytes) of one epoch for one purpose."""
    info = f"carnet-ledger/1|{ledger_id}|{key_id}|{purpose}".encode()
    return HKDF(SHA256(), KEY_SIZE, salt, info).derive(master)


def clear_leaf(text: bytes) -> bytes:
    """The leaf of a record that is not encrypted. `text` is the record in its one written form."""
    return CLEAR_LEAF + text


def sealed_leaf(text: bytes, index: int, cipher: Aead, key_id: int, draw: bytes, ledger_id: str) -> bytes:
    """The leaf of an encrypted record. `text` is the record in its one written form; `draw` is 16 random bytes."""
    return FORMAT + with_id(key_id, cipher.encrypt(draw, text, bound(ledger_id, index)))


def seal_of(leaf: bytes, index: int, key: bytes, key_id: int, ledger_id: str) -> bytes:
    """What is stored beside a clear leaf, so that `verify` can tell an altered one from its neighbour.

    It is the key id (4 bytes) and an HMAC-SHA-256 over the hash of the leaf.
    """
    return with_id(key_id, hmac.digest(key, bound(ledger_id, index) + b"|" + leaf_hash(leaf), sha256))


def is_sealed(seal: bytes, leaf: bytes, index: int, key: bytes, ledger_id: str) -> bool:
    """True where `seal` is the one that `seal_of` made for this leaf at this index."""
    return hmac.compare_digest(seal, seal_of(leaf, index, key, id_of(seal), ledger_id))


def with_id(key_id: int, box: bytes) -> bytes:
    """A box, or a seal, after the id (4 bytes) of the epoch whose key made it."""
    return key_id.to_bytes(KEY_ID_SIZE, "big") + box


def id_of(box: bytes) -> int:
    """The id that `with_id` wrote; 0, which no epoch has, where the bytes are too few."""
    return int.from_bytes(box[:KEY_ID_SIZE], "big") if len(box) > KEY_ID_SIZE else 0


def key_id_of(leaf: bytes) -> int:
    """The id of the data key of a leaf; 0 for a clear one.

    Raises:
        TamperedError: It is not a leaf of this format.
    """
    if len(leaf) <= _PREFIX or leaf[:1] != FORMAT:
        raise TamperedError("it is not a leaf of this format")
    return int.from_bytes(leaf[len(FORMAT) : _PREFIX], "big")


def read_leaf(leaf: bytes, index: int, cipher: Aead | None, ledger_id: str) -> Record:
    """The record in a leaf, read strictly. `cipher` is None for a clear one.

    Raises:
        TamperedError: It cannot be decrypted or read, or it is not the record `index`.
    """
    try:
        record = decode(_text_of(leaf, index, cipher, ledger_id), Record, depth=_DEPTH)
    except (InvalidTag, ValueError) as error:
        raise _unreadable(error) from error
    if record.index != index:
        raise TamperedError(f"it says that it is record {record.index}")
    return record


def read_own(leaf: bytes, index: int, cipher: Aead, ledger_id: str) -> Record:
    """The record in an encrypted leaf that the writer wrote. It is called many times a second.

    The tag of the encryption proves the writer and its one written form, so that the form is not checked again.

    Raises:
        TamperedError: It cannot be decrypted or read.
    """
    try:
        record: Record = _DECODER.decode(_text_of(leaf, index, cipher, ledger_id))
    except (InvalidTag, ValueError) as error:
        raise _unreadable(error) from error
    return record


_DECODER: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Record)


def _text_of(leaf: bytes, index: int, cipher: Aead | None, ledger_id: str) -> bytes:
    if cipher is None:
        return leaf[_PREFIX:]
    return cipher.decrypt(leaf[_PREFIX:], bound(ledger_id, index))


def _unreadable(error: Exception) -> TamperedError:
    return TamperedError("it cannot be decrypted" if isinstance(error, InvalidTag) else f"it cannot be read ({error})")


def joined(keys: Mapping[int, DataKey]) -> bytes:
    """All data keys as one text, for the head: key id (4 bytes) ‖ number of its master key (4) ‖ salt, by key id."""
    return b"".join(
        with_id(key_id, key.master.to_bytes(KEY_ID_SIZE, "big") + key.salt) for key_id, key in sorted(keys.items())
    )


def answer_name(actor: str, key: str) -> bytes:
    """The 16 bytes by which a key is found (G5). They depend on the actor: two callers never share an answer."""
    return sha256(f"{len(actor)}|{actor}|{key}".encode()).digest()[:ANSWER_NAME_SIZE]


def bound(ledger_id: str, index: int) -> bytes:
    """The additional data of an encrypted record: binds a text to its ledger and its index."""
    return f"{ledger_id}|{index}".encode("ascii")
