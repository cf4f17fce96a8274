"""The Offline License File, vendor to site: signed over a sealed body (encrypt, then sign).

A guard at the border verifies the vendor's signatures without any secret; only the Control Room it is for can open it.
"""

import zlib
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

import msgspec
from msgspec import Meta

from carnet.entitlements import (
    Count,
    Fields,
    Line,
    Quantity,
    Sha256,
    Sku,
    Text,
    Time,
    Uuid,
)
from carnet.exchange.envelope import (
    MAX_DEPTH,
    MAX_FILE,
    Envelope,
    JwsFields,
    Kind,
    bad_signature,
    malformed,
    open_envelope,
    payload_of,
    read_payload,
    upgraded,
    write_envelope,
)
from carnet.exchange.history import CheckpointFields
from carnet.exchange.issuing_log import LogProof
from carnet.exchange.key_set import (
    KeySet,
    Pinned,
    read_inner_key_set,
    verify_issued,
)
from carnet.exchange.keys import (
    AkpKey,
    Opener,
    Signer,
    Thumbprint,
)
from carnet.exchange.reads import VendorReads
from carnet.exchange.sealing import info_for, seal, unseal
from carnet.exchange.strict import (
    MalformedError,
    decode,
    encode,
    from_base64url,
    to_base64url,
)
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.versioning import SEALED_BODY, versions_of
from carnet.exchange.windows import Windows


class Answers(Fields, frozen=True):
    request_id: Uuid
    sha256: Sha256  # of the LFR's bytes


class AddedUnits(Fields, frozen=True):
    """L2: units to add to what a line consumed in a period, once. `sku`: the site may not know the line any more."""

    line_id: Uuid
    sku: Sku
    period_start: Time | None
    units: Quantity


class AcceptedHistory(Fields, frozen=True):
    """L2: the vendor accepted another history than the one it saw; `add` carries over what was consumed in that one."""

    number: Count
    checkpoint: CheckpointFields
    add: Annotated[list[AddedUnits], Meta(max_length=512)]


class SealedBody(Fields, frozen=True):
    account_name: Text
    lines: Annotated[list[Line], Meta(min_length=1, max_length=256)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len({line.line_id for line in self.lines}) != len(self.lines):
            raise ValueError("it grants one line twice")


class OfflineLicenseFile(Fields, frozen=True):
    olf_id: Uuid
    sequence: Count
    answers: Answers
    control_room_id: Uuid
    sealing_key: Thumbprint
    license_guid: Uuid
    issued_at: Time  # the vendor's time
    install_by: Time
    valid_from: Time  # of its first line
    valid_until: Time  # of its last line
    acknowledged: CheckpointFields
    accepts_history: AcceptedHistory | None
    lowers_clock: bool  # T3
    key_set: JwsFields | None  # when newer than what the LFR shows
    sealed_sha256: Sha256  # of the sealed plaintext
    sealed: Annotated[str, Meta(max_length=180_000)]
    windows: Windows  # E18: that the site goes by from the install on
    issuing_log: LogProof | None  # None only while its digest is taken
    reads: VendorReads  # E17

    def content_digest(self, version: int | None = None) -> str:
        """What the issuing log commits to where this is written in `version` (None: the newest); see `content_of`.

        For who writes. Of a file that was received, `ReadLicenseFile.content_digest` asks the bytes.
        """
        return content_of(payload_of(Kind.OLF, self, version))


def content_of(payload: bytes) -> str:
    """SHA-256 of a payload with `null` in the place of the log's own proof; every other byte is as it was written."""
    fields = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    return sha256(encode(fields | {"issuing_log": msgspec.Raw(b"null")})).hexdigest()


@dataclass(frozen=True)
class ReadLicenseFile:
    olf: OfflineLicenseFile
    key_set: KeySet
    envelope: Envelope

    @property
    def content_digest(self) -> str:
        """V2: what the issuing log must have committed to."""
        return content_of(self.envelope.payload)


def seal_body(
    body: SealedBody, key: AkpKey, olf_id: str, control_room_id: str, sequence: int, version: int | None = None
) -> tuple[str, str]:
    """The sealed body as an OLF of `version` carries it (None: the newest), and the SHA-256 of its plaintext."""
    plaintext = payload_of(SEALED_BODY, body, version)
    box = seal(zlib.compress(plaintext, 9), key, info_for(olf_id, control_room_id, sequence))
    return to_base64url(box), sha256(plaintext).hexdigest()


def write_license_file(olf: OfflineLicenseFile, issuers: list[Signer], version: int | None = None) -> bytes:
    return write_envelope(Kind.OLF, olf, issuers, version)


def read_license_file(raw: bytes, pinned: Pinned) -> ReadLicenseFile | Refusal:
    """Form and signatures, by the newest key set: the pinned one, or a newer that the file brings and the roots signed.

    Not here: for whom it is (`open_body`), what it answers and when it is too late (E5, E7, on the site).
    """
    envelope = open_envelope(raw, Kind.OLF)
    if isinstance(envelope, Refusal):
        return envelope
    olf = read_payload(envelope, OfflineLicenseFile)
    if isinstance(olf, Refusal):
        return olf
    key_set = read_inner_key_set(olf.key_set, pinned) if olf.key_set else pinned.newest
    if key_set is None:
        return Refusal(Code.NOT_ENABLED, "No key set is known here yet.", "Install an enablement token first.")
    if isinstance(key_set, Refusal):
        return key_set
    return verify_issued(envelope, key_set) or ReadLicenseFile(olf, key_set, envelope)


def open_body(olf: OfflineLicenseFile, openers: list[Opener], version: int | None = None) -> SealedBody | Refusal:
    """E7: the sealed body, opened with the key that the file names, if it is one of `openers`.

    `version`: of the file; None: the newest.
    """
    opener = next((opener for opener in openers if opener.key.kid == olf.sealing_key), None)
    try:
        packed = None
        if opener:
            info = info_for(olf.olf_id, olf.control_room_id, olf.sequence)
            packed = unseal(from_base64url(olf.sealed), opener, info)
        if packed is None:
            return Refusal(
                Code.WRONG_KEY,
                f"The file is sealed to key {olf.sealing_key[:16]}…, which does not open it here.",
                "Upload this Control Room's newest LFR to CALM, and install the file that answers it.",
            )
        plaintext = _unpack(packed)
        if sha256(plaintext).hexdigest() != olf.sealed_sha256:
            return bad_signature(Kind.OLF, "what is sealed is not what was signed")
        return _body(plaintext, version or versions_of(SEALED_BODY).newest)
    except MalformedError as error:
        return malformed(str(error))


def _body(plaintext: bytes, version: int) -> SealedBody | Refusal:
    """Raises MalformedError where it is not the body of an OLF of `version`."""
    written = decode(plaintext, versions_of(SEALED_BODY).table[version].shape, depth=MAX_DEPTH)
    return upgraded(SEALED_BODY, version, written, SealedBody)


def _unpack(packed: bytes) -> bytes:
    """zlib, bounded: what would grow beyond the largest file is no license."""
    unpacking = zlib.decompressobj()
    try:
        plaintext = unpacking.decompress(packed, MAX_FILE)
    except zlib.error as error:
        raise MalformedError("what is sealed cannot be unpacked") from error
    if not unpacking.eof or unpacking.unused_data:
        raise MalformedError("what is sealed is larger than any license, or cut, or followed by something else")
    return plaintext
