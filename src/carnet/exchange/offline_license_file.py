"""The Offline License File, vendor to site: signed over a sealed body (encrypt, then sign).

A guard at the border verifies the vendor's signatures without any secret; only the Control Room that it is for can open
it.
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

STEP = 256  # bytes: a sealed body is as long as so many steps, whatever is in it
MAX_LINES = 256
MAX_SETTLED = 512  # as many as an LFR states
MAX_ADDED = 512
MAX_SEALED = 180_000  # characters
BOX = 1136  # bytes that sealing adds: an encapsulated X-Wing key, and the tag of AES-GCM


class Answers(Fields, frozen=True):
    """The LFR that an OLF answers: its id, and the SHA-256 of its bytes."""

    request_id: Uuid
    sha256: Sha256  # of the LFR's bytes


class AddedUnits(Fields, frozen=True):
    """Units to add once to what a line consumed in a period (L2). `sku` is stated because the site may not know the
    line.
    """

    line_id: Uuid
    sku: Sku
    period_start: Time | None
    units: Quantity


class AcceptedHistory(Fields, frozen=True):
    """The vendor accepted another history than it saw (L2). `add` carries over what was consumed in the one it saw."""

    number: Count
    checkpoint: CheckpointFields
    add: Annotated[list[AddedUnits], Meta(max_length=MAX_ADDED)]


class SealedBody(Fields, frozen=True):
    """What only the Control Room can read: what is granted, and what is settled (Q3).

    `blinding` is 32 fresh random bytes: without them, who guesses the lines would see by `sealed_sha256` that they
    guessed right. With them the hash commits to the body and tells nothing of it.

    `enrolment` and `purchases` are the vendor's own ids, of which line ids follow: a CALM that was restored from a
    backup learns them again from here (L6).

    Raises:
        ValueError: It grants or settles one line twice, or `blinding` is not 32 bytes, or there is not one purchase for
            each line.
    """

    blinding: Annotated[str, Meta(min_length=43, max_length=43)]
    account_name: Text
    lines: Annotated[list[Line], Meta(min_length=1, max_length=MAX_LINES)]
    settled: Annotated[list[Uuid], Meta(max_length=MAX_SETTLED)]  # lines that the site states no more (Q3)
    enrolment: Uuid
    purchases: Annotated[list[Uuid], Meta(min_length=1, max_length=MAX_LINES)]  # of each line, in the order of `lines`

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.purchases) != len(self.lines):
            raise ValueError("it does not name one purchase for each line")
        if len({line.line_id for line in self.lines}) != len(self.lines):
            raise ValueError("it grants one line twice")
        if len({*self.settled, *(line.line_id for line in self.lines)}) != len(self.settled) + len(self.lines):
            raise ValueError("it settles one line twice, or one that it grants")
        from_base64url(self.blinding)


class OfflineLicenseFile(Fields, frozen=True):
    """What the vendor grants to one Control Room (E7, E9). The lines are in the sealed body."""

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
    key_set: JwsFields | None  # where it is newer than the one that the LFR names
    sealed_sha256: Sha256  # of the sealed plaintext, which is blinded
    sealed: Annotated[str, Meta(max_length=MAX_SEALED)]
    windows: Windows  # that the site goes by after the install (E18)
    issuing_log: LogProof | None  # None only while the digest is computed
    reads: VendorReads  # E17

    def content_digest(self, version: int | None = None) -> str:
        """What the issuing log commits to where this is written in `version` (the newest for None): see `content_of`.

        It is for the writer. For a received file, `ReadLicenseFile.content_digest` asks the received bytes.
        """
        return content_of(payload_of(Kind.OLF, self, version))


def content_of(payload: bytes) -> str:
    """SHA-256, in hex, of a payload with `null` in the place of the log's own proof; every other byte is as written."""
    fields = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    return sha256(encode(fields | {"issuing_log": msgspec.Raw(b"null")})).hexdigest()


@dataclass(frozen=True)
class ReadLicenseFile:
    """An OLF whose form and signatures are good. `key_set` is the one that it was judged by."""

    olf: OfflineLicenseFile
    key_set: KeySet
    envelope: Envelope

    @property
    def content_digest(self) -> str:
        """What the issuing log must have committed to (V2): SHA-256, in hex."""
        return content_of(self.envelope.payload)


def seal_body(
    body: SealedBody, key: AkpKey, olf_id: str, control_room_id: str, sequence: int, version: int | None = None
) -> tuple[str, str]:
    """The sealed body as an OLF of `version` carries it (the newest for None), and the SHA-256 of its plaintext, in
    hex. It is padded, so that its length says little of how much is granted.
    """
    plaintext = payload_of(SEALED_BODY, body, version)
    packed = zlib.compress(plaintext, 9)
    box = seal(packed + bytes(-len(packed) % STEP), key, info_for(olf_id, control_room_id, sequence))
    return to_base64url(box), sha256(plaintext).hexdigest()


def write_license_file(olf: OfflineLicenseFile, issuers: list[Signer], version: int | None = None) -> bytes:
    """The bytes of an OLF, in `version` (the newest for None), signed by each of `issuers`."""
    return write_envelope(Kind.OLF, olf, issuers, version)


def read_license_file(raw: bytes, pinned: Pinned) -> ReadLicenseFile | Refusal:
    """Check form and signatures, by the newest key set: the pinned one, or a newer one that the file brings and the
    roots signed.

    Not checked here: for whom it is (`open_body`), what it answers, and whether it is too late (E5, E7; on the site).

    Refused as `not_enabled`, `unknown_signer` or `bad_signature`, or as `open_envelope` and `read_key_set` do.
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
    """The sealed body, opened with the key that the file names, where it is one of `openers` (E7).

    `version` is that of the file; the newest for None.

    Refused as `wrong_key`, `bad_signature` or `malformed`.
    """
    opener = next((opener for opener in openers if opener.key.kid == olf.sealing_key), None)
    try:
        plaintext = unseal_body(olf, opener) if opener else None
    except MalformedError as error:
        return malformed(str(error))
    if plaintext is None:
        return Refusal(
            Code.WRONG_KEY,
            f"The file is sealed to key {olf.sealing_key[:16]}…, which does not open it here.",
            "Upload this Control Room's newest LFR to CALM, and install the file that answers it.",
        )
    return read_body(olf, plaintext, version)


def unseal_body(olf: OfflineLicenseFile, opener: Opener) -> bytes | None:
    """The sealed plaintext; None where `opener` does not open it.

    Raises:
        MalformedError: It is not packed as a body is.
    """
    packed = unseal(from_base64url(olf.sealed), opener, info_for(olf.olf_id, olf.control_room_id, olf.sequence))
    return None if packed is None else _unpack(packed)


def read_body(olf: OfflineLicenseFile, plaintext: bytes, version: int | None = None) -> SealedBody | Refusal:
    """The body, where it is the one that the signed file commits to. `version` is that of the file; the newest for
    None.

    Refused as `bad_signature` or `malformed`.
    """
    if sha256(plaintext).hexdigest() != olf.sealed_sha256:
        return bad_signature(Kind.OLF, "what is sealed is not what was signed")
    version = version or versions_of(SEALED_BODY).newest
    try:
        written = decode(plaintext, versions_of(SEALED_BODY).table[version].shape, depth=MAX_DEPTH)
    except MalformedError as error:
        return malformed(str(error))
    return upgraded(SEALED_BODY, version, written, SealedBody)


def _unpack(packed: bytes) -> bytes:
    """Decompress, at most to the size of the largest file, what zeros fill up to a whole step. Raises MalformedError
    where it is anything else.
    """
    unpacking = zlib.decompressobj()
    try:
        plaintext = unpacking.decompress(packed, MAX_FILE)
    except zlib.error as error:
        raise MalformedError("what is sealed cannot be unpacked") from error
    padding = unpacking.unused_data
    if not unpacking.eof or len(packed) % STEP or len(padding) >= STEP or padding.strip(b"\0"):
        raise MalformedError("what is sealed is larger than any license, or cut, or followed by something else")
    return plaintext
