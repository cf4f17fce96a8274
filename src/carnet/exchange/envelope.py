"""The one envelope: a JWS in JSON General serialization (RFC 7515), with several signatures and nothing unprotected.

1. `open_envelope` checks bounds and form, and finds out what the file is; it believes nothing. 2. A verifier
(`verify_all`) takes the keys that it requires from its own trust, never from the file. It requires all of them, and
verifies each signature alone. JOSE libraries call a file valid when *any* signature verifies; here all must. 3. Only
then is the payload read, in the version that the header names (E17). The received bytes are kept; signatures are over
them, never over a re-encoding.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from carnet.entitlements import Fields, UnwritableError
from carnet.exchange.file_kinds import kind_of
from carnet.exchange.keys import (
    PublicKey,
    Signer,
    Thumbprint,
    check_signature,
)
from carnet.exchange.strict import (
    MalformedError,
    decode,
    encode,
    from_base64url,
    to_base64url,
)
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.versioning import versions_of
from carnet.printable import FIELD, printable

MAX_FILE = 256 * 1024  # bytes
MAX_CARRYING = 1024 * 1024  # bytes of an LFR that carries the license (L6): the largest license, twice, and its totals
MAX_DEPTH = 12  # of any payload; the envelope's own nesting is 3

T = TypeVar("T")


class Kind(StrEnum):
    """What a file is, as its signed header says. A file's name says nothing."""

    TOKEN = "carnet-token+jws"  # noqa: S105 - a media type
    LFR = "carnet-lfr+jws"
    OLF = "carnet-olf+jws"
    RECEIPT = "carnet-receipt+jws"
    KEY_SET = "carnet-keyset+jws"

    @property
    def words(self) -> str:
        """The name that people read, e.g. `receipt`."""
        return _WORDS[self]

    @property
    def writer(self) -> str:
        """The side that writes such a file."""
        return "the Control Room" if self in _BY_SITE else "CALM"

    @property
    def reader(self) -> str:
        """The side that reads such a file."""
        return "CALM" if self in _BY_SITE else "the Control Room"


_BY_SITE = (Kind.LFR, Kind.RECEIPT)
_WORDS = {
    Kind.TOKEN: "enablement token",
    Kind.LFR: "License File Request (LFR)",
    Kind.OLF: "Offline License File (OLF)",
    Kind.RECEIPT: "receipt",
    Kind.KEY_SET: "key set",
}


class Header(Fields, frozen=True):
    """The protected header of a signature. `v` is the version of the kind (E17)."""

    alg: Annotated[str, Meta(max_length=32)]
    kid: Thumbprint
    typ: Annotated[str, Meta(max_length=64)]
    v: Annotated[int, Meta(ge=0, le=1_000_000)]


class SignatureFields(Fields, frozen=True):
    """One signature as written: header and signature in base64url."""

    protected: Annotated[str, Meta(max_length=512)]
    signature: Annotated[str, Meta(max_length=4412)]  # an ML-DSA-65 signature


class JwsFields(Fields, frozen=True):
    """The envelope as written. A key set inside another file has this form too."""

    payload: str
    signatures: Annotated[list[SignatureFields], Meta(min_length=1, max_length=16)]


@dataclass(frozen=True)
class Signature:
    """One signature, decoded. It is not verified yet."""

    header: Header
    value: bytes
    message: bytes  # what was signed: protected header, a dot, payload


@dataclass(frozen=True)
class Envelope:
    """A file whose form and version are good. Its signatures are not verified yet."""

    kind: Kind
    version: int
    payload: bytes
    signatures: tuple[Signature, ...]
    raw: bytes

    @property
    def kids(self) -> tuple[str, ...]:
        """The thumbprints of the keys that signed it, as it says itself."""
        return tuple(signature.header.kid for signature in self.signatures)

    @property
    def digest(self) -> str:
        """SHA-256 of the file's bytes, in hex. Other files and people name it by this."""
        return sha256(self.raw).hexdigest()


def open_envelope(raw: bytes, *expected: Kind, stored: bool = False) -> Envelope | Refusal:
    """Check bounds, form, kind and version of a file. Nothing in it is believed yet: see `verify_all`.

    `expected`: the kinds that are taken; all of them by default. `stored`: this side kept the file, and reads it in
    every version that a release wrote (E17).

    Refused as `too_large`, `malformed`, `wrong_type` or `unsupported_version`.
    """
    kinds = expected or tuple(Kind)
    most = MAX_CARRYING if Kind.LFR in kinds else MAX_FILE
    if len(raw) > most:
        told = told_by_kind(raw, kinds)
        return told if told and told.code is Code.WRONG_TYPE else too_large(most)
    try:
        found = _named(decode(raw, JwsFields, depth=3), raw, kinds, stored=stored)
    except MalformedError as error:
        return told_by_kind(raw, kinds) or malformed(str(error))
    too_long = len(raw) > MAX_FILE and isinstance(found, Envelope) and found.kind is not Kind.LFR
    return too_large(MAX_FILE) if too_long else found


def told_by_kind(raw: bytes, expected: Sequence[Kind]) -> Refusal | None:
    """A file that is none of the exchange's, named for what it is (E13); None where that is not known.

    Refused as `wrong_type`, or as `malformed` where it may be the right file that was changed on the way.
    """
    found = kind_of(raw)
    if found is None:
        return None
    wanted = " or ".join(kind.words for kind in expected)
    if found.foreign:
        return Refusal(Code.WRONG_TYPE, f"The file is {found.words}. Expected: {wanted}.", found.mend)
    return Refusal(Code.MALFORMED, f"The file is {found.words}. Expected: {wanted}.", found.mend)


def _named(jws: JwsFields, raw: bytes, expected: Sequence[Kind], *, stored: bool) -> Envelope | Refusal:
    signatures = tuple(_signature(fields, jws.payload) for fields in jws.signatures)
    headers = [signature.header for signature in signatures]
    if len({(header.typ, header.v) for header in headers}) != 1:
        return malformed("its signatures do not agree on what the file is")
    if len({header.kid for header in headers}) != len(headers):
        return malformed("it carries two signatures of one key")
    names = {kind.value: kind for kind in Kind}
    kind = names.get(headers[0].typ)
    if kind is None or kind not in expected:
        found = kind.words if kind else f"“{headers[0].typ}”"
        wanted = " or ".join(kind.words for kind in expected)
        return Refusal(Code.WRONG_TYPE, f"The file is: {found}. Expected: {wanted}.", "Choose the right file.")
    versions = versions_of(kind)
    if headers[0].v not in (versions.table if stored else versions.taken):
        return unsupported(kind, headers[0].v)
    return Envelope(kind, headers[0].v, from_base64url(jws.payload), signatures, raw)


def _signature(fields: SignatureFields, payload: str) -> Signature:
    header = decode(from_base64url(fields.protected), Header, depth=1)
    message = f"{fields.protected}.{payload}".encode()
    return Signature(header, from_base64url(fields.signature), message)


def verify_all(envelope: Envelope, required: Iterable[PublicKey]) -> Refusal | None:
    """Check that a file has a good signature of every key in `required`, and no other signature. None where it has.

    Refused as `unknown_signer` or `bad_signature`.
    """
    keys = {key.kid: key for key in required}
    for signature in envelope.signatures:
        if signature.header.kid not in keys:
            return unknown_signer(envelope.kind, signature.header.kid)
    for kid, key in keys.items():
        found = [signature for signature in envelope.signatures if signature.header.kid == kid]
        if not found:
            return bad_signature(envelope.kind, f"the {key.alg} signature is missing")
        if not holds(found[0], key):
            return bad_signature(envelope.kind, f"the {key.alg} signature does not hold")
    return None


def holds(signature: Signature, key: PublicKey) -> bool:
    """True where this one signature is by `key`, and its header says so."""
    same = signature.header.alg == key.alg and signature.header.kid == key.kid
    return same and check_signature(key, signature.value, signature.message)


def read_written(envelope: Envelope) -> Any | Refusal:
    """The payload as its version writes it. Refused as `malformed`."""
    try:
        return decode(envelope.payload, versions_of(envelope.kind).table[envelope.version].shape, depth=MAX_DEPTH)
    except MalformedError as error:
        return malformed(str(error))


def read_payload(envelope: Envelope, value: type[T]) -> T | Refusal:
    """The payload as the value object of its kind, `value`, whatever its version (E17). Refused as `malformed`."""
    written = read_written(envelope)
    return written if isinstance(written, Refusal) else upgraded(envelope.kind, envelope.version, written, value)


def upgraded(kind: str, version: int, written: Any, value: type[T]) -> T | Refusal:
    """The value object of what `version` wrote (E17). Refused as `malformed`."""
    try:
        found = versions_of(kind).table[version].upgrade(written)
    except ValueError as error:
        return malformed(str(error))
    assert isinstance(found, value)
    return found


def payload_of(kind: str, value: object, version: int | None = None) -> bytes:
    """A value object in the one form of `version`; of the newest version for None."""
    versions = versions_of(kind)
    return encode(versions.table[version or versions.newest].downgrade(value))


def stored_value(raw: bytes, kind: Kind, value: type[T]) -> T:
    """The value object of a file that was verified in full before it was kept. It is read in any version, and not
    checked again.

    Raises:
        msgspec.MsgspecError, KeyError, ValueError: The stored bytes were altered.
    """
    jws = msgspec.json.decode(raw, type=JwsFields)
    version = _version_in(jws.signatures[0])
    table = versions_of(kind).table[version]
    found = table.upgrade(msgspec.json.decode(from_base64url(jws.payload), type=table.shape))
    assert isinstance(found, value)
    return found


def version_in(raw: bytes) -> int:
    """The version that a file's header names. For files that were verified before they were kept.

    Raises:
        msgspec.MsgspecError, ValueError: The stored bytes were altered.
    """
    return _version_in(msgspec.json.decode(raw, type=JwsFields).signatures[0])


def _version_in(signature: SignatureFields) -> int:
    return msgspec.json.decode(from_base64url(signature.protected), type=Header).v


def write_envelope(kind: Kind, value: object, signers: Sequence[Signer], version: int | None = None) -> bytes:
    """The bytes of a file: `value` in the one form of `version` (the newest for None), signed by each of `signers`."""
    version = version or versions_of(kind).newest
    body = to_base64url(payload_of(kind, value, version))
    signatures = []
    for signer in signers:
        header = encode(Header(alg=signer.key.alg, kid=signer.key.kid, typ=kind.value, v=version))
        protected = to_base64url(header)
        signature = signer.sign(f"{protected}.{body}".encode())
        signatures.append(SignatureFields(protected=protected, signature=to_base64url(signature)))
    return encode(JwsFields(payload=body, signatures=signatures))


def readable(kind: Kind, raw: bytes) -> bytes:
    """A file that was just written, where the other side can read it: the limits of its format hold (E19).

    Raises:
        UnwritableError: It is too large, or a field is beyond its limit; the message says which.
    """
    envelope = open_envelope(raw, kind, stored=True)
    written = envelope if isinstance(envelope, Refusal) else read_written(envelope)
    if isinstance(written, Refusal):
        raise UnwritableError(written.message)
    return raw


def unsupported(kind: Kind, version: int) -> Refusal:
    """The refusal of a version that is not taken here (E17). It names the side to upgrade."""
    versions = versions_of(kind)
    said = f"The {kind.words} is of format version {version}; this release of {kind.reader} reads"
    said = f"{said} {words_of(versions.taken)}."
    if version > versions.newest:
        mend = f"Upgrade {kind.reader} to a release that reads version {version}, then use the file again."
    else:
        mend = f"Upgrade {kind.writer} to a release that writes version {versions.taken[0]} or newer."
        mend = f"{mend} Then make the file again there."
    return Refusal(Code.UNSUPPORTED_VERSION, said, mend)


def words_of(versions: Sequence[int]) -> str:
    """Versions in words: `version 1`, `versions 1 and 2`."""
    if len(versions) == 1:
        return f"version {versions[0]}"
    return f"versions {', '.join(map(str, versions[:-1]))} and {versions[-1]}"


def too_large(most: int) -> Refusal:
    """The refusal of a file of more than `most` bytes (E19)."""
    return Refusal(Code.TOO_LARGE, f"The file is larger than {most} bytes; exchange files are smaller.", _ASK)


def malformed(why: str) -> Refusal:
    """The refusal of a file that cannot be read. `why` is a sentence without its full stop."""
    return Refusal(Code.MALFORMED, f"The file cannot be read: {printable(why, FIELD)}.", _ASK)


def bad_signature(kind: Kind, why: str) -> Refusal:
    """The refusal of a file whose signature is missing or wrong. `why` is a sentence without its full stop."""
    return Refusal(Code.BAD_SIGNATURE, f"This is not a genuine {kind.words}: {why}.", _ASK)


def unknown_signer(kind: Kind, kid: str) -> Refusal:
    """The refusal of a file that is signed by a key that is not known here."""
    return Refusal(
        Code.UNKNOWN_SIGNER,
        f"The {kind.words} is signed by key {kid[:16]}…, which is not known here.",
        "Check where the file comes from. If the keys were rotated, install the newest key set first.",
    )


_ASK = "Copy the file again from where it was made; compare its size and SHA-256 there. Nothing was changed."
