"""A ledger record and its leaf: the format, and nothing else. The writer and the independent checker share this file.

Leaf = format byte ‖ key id (4 bytes) ‖ nonce (12) ‖ AES-256-GCM(record), additional data = ledger id ‖ index. A clear
leaf has the key id 0, no nonce, and the record itself. Nonces are random: a counter would repeat after a snapshot was
restored, and that breaks GCM.
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
SYSTEM = "control-room"  # the actor where it was not a person, and of each record that leaves the site
PAGES = "pages"  # the actor where the pages let nobody in
API_KEY = "cnk_"  # an API key is the actor of this and its id
HEAD_KEY, SNAPSHOT_KEY, SEAL_KEY = 2**32 - 1, 2**32 - 2, 2**32 - 3  # data key ids reserved for what is not a record
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
        if not (names.isascii() and names.isprintable() and self.at.tzinfo is UTC):
            super().__post_init__()


def data_key(master: bytes, salt: bytes, ledger_id: str, key_id: int) -> AESGCM:
    """The key (AES-256) of one epoch. `salt` is random and stored: it makes another key where a restored copy reuses an
    id.
    """
    info = f"carnet-ledger/1|{ledger_id}|{key_id}".encode()
    return AESGCM(HKDF(SHA256(), 32, salt, info).derive(master))


def clear_leaf(text: bytes) -> bytes:
    """The leaf of a record that is not encrypted. `text` is the record in its one written form."""
    return CLEAR_LEAF + text


def sealed_leaf(text: bytes, index: int, cipher: AESGCM, key_id: int, nonce: bytes, ledger_id: str) -> bytes:
    """The leaf of an encrypted record. `text` is the record in its one written form; `nonce` is 12 random bytes."""
    head = FORMAT + key_id.to_bytes(KEY_ID_SIZE, "big") + nonce
    return head + cipher.encrypt(nonce, text, bound(ledger_id, index))


def seal_of(leaf: bytes, index: int, cipher: AESGCM, nonce: bytes, ledger_id: str) -> bytes:
    """What is stored beside a clear leaf, so that `verify` can tell an altered one from its neighbour.

    It is the nonce (12 random bytes) and the tag (16 bytes) over the hash of the leaf.
    """
    return nonce + cipher.encrypt(nonce, b"", bound(ledger_id, index) + b"|" + leaf_hash(leaf))


def is_sealed(seal: bytes, leaf: bytes, index: int, cipher: AESGCM, ledger_id: str) -> bool:
    """True where `seal` is the one that `seal_of` made for this leaf at this index."""
    try:
        cipher.decrypt(seal[:NONCE_SIZE], seal[NONCE_SIZE:], bound(ledger_id, index) + b"|" + leaf_hash(leaf))
    except (InvalidTag, ValueError):
        return False
    return True


def key_id_of(leaf: bytes) -> int:
    """The id of the data key of a leaf; 0 for a clear one.

    Raises:
        TamperedError: It is not a leaf of this format.
    """
    if len(leaf) <= _PREFIX or leaf[:1] != FORMAT:
        raise TamperedError("it is not a leaf of this format")
    return int.from_bytes(leaf[len(FORMAT) : _PREFIX], "big")


def read_leaf(leaf: bytes, index: int, cipher: AESGCM | None, ledger_id: str) -> Record:
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


def read_own(leaf: bytes, index: int, cipher: AESGCM, ledger_id: str) -> Record:
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


def _text_of(leaf: bytes, index: int, cipher: AESGCM | None, ledger_id: str) -> bytes:
    if cipher is None:
        return leaf[_PREFIX:]
    nonce, box = leaf[_PREFIX : _PREFIX + NONCE_SIZE], leaf[_PREFIX + NONCE_SIZE :]
    return cipher.decrypt(nonce, box, bound(ledger_id, index))


def _unreadable(error: Exception) -> TamperedError:
    return TamperedError("it cannot be decrypted" if isinstance(error, InvalidTag) else f"it cannot be read ({error})")


def joined(salts: dict[int, bytes]) -> bytes:
    """The salts of all data keys as one text, for the head: key id (4 bytes) ‖ salt, by key id."""
    return b"".join(key_id.to_bytes(KEY_ID_SIZE, "big") + salt for key_id, salt in sorted(salts.items()))


def answer_name(actor: str, key: str) -> bytes:
    """The 16 bytes by which a key is found (G5). They depend on the actor: two callers never share an answer."""
    return sha256(f"{len(actor)}|{actor}|{key}".encode()).digest()[:ANSWER_NAME_SIZE]


def bound(ledger_id: str, index: int) -> bytes:
    """The additional data of AES-GCM: binds a text to its ledger and its index."""
    return f"{ledger_id}|{index}".encode("ascii")
