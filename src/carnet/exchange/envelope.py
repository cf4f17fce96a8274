"""The one envelope: a JWS in JSON General serialization (RFC 7515), several signatures, nothing unprotected.

1. `open_envelope` bounds, parses and names what it is; it believes nothing.
2. A verifier (`verify_all`) takes the keys it requires from its own trust, never from the file, and requires all of
   them, each signature verified alone. JOSE libraries call a file valid when *any* signature verifies; here all must.
3. Only then is the payload read. The received bytes are kept; signatures are over them, never over a re-encoding.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, TypeVar

from msgspec import Meta

from carnet.entitlements import Fields
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

MAX_FILE = 256 * 1024  # bytes
MAX_DEPTH = 12  # of any payload; the envelope's own nesting is 3
VERSION = 1

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
        return _WORDS[self]


_WORDS = {
    Kind.TOKEN: "enablement token",
    Kind.LFR: "License File Request (LFR)",
    Kind.OLF: "Offline License File (OLF)",
    Kind.RECEIPT: "receipt",
    Kind.KEY_SET: "key set",
}


class Header(Fields, frozen=True):
    alg: Annotated[str, Meta(max_length=32)]
    kid: Thumbprint
    typ: Annotated[str, Meta(max_length=64)]
    v: Annotated[int, Meta(ge=0, le=1_000_000)]


class SignatureFields(Fields, frozen=True):
    protected: Annotated[str, Meta(max_length=512)]
    signature: Annotated[str, Meta(max_length=4412)]  # an ML-DSA-65 signature


class JwsFields(Fields, frozen=True):
    """The envelope as written; also how one file (a key set) stands inside another."""

    payload: str
    signatures: Annotated[list[SignatureFields], Meta(min_length=1, max_length=16)]


@dataclass(frozen=True)
class Signature:
    header: Header
    value: bytes
    message: bytes  # what was signed: protected header, a dot, payload


@dataclass(frozen=True)
class Envelope:
    kind: Kind
    payload: bytes
    signatures: tuple[Signature, ...]
    raw: bytes

    @property
    def kids(self) -> tuple[str, ...]:
        return tuple(signature.header.kid for signature in self.signatures)

    @property
    def digest(self) -> str:
        """SHA-256 of the file's bytes, in hex: how other files and people name it."""
        return sha256(self.raw).hexdigest()


def open_envelope(raw: bytes, *expected: Kind) -> Envelope | Refusal:
    """Bounds, form and type of a file. Nothing in it is believed yet: see `verify_all`."""
    if len(raw) > MAX_FILE:
        return Refusal(Code.TOO_LARGE, f"The file is larger than {MAX_FILE} bytes; no exchange file is.", _ASK)
    try:
        jws = decode(raw, JwsFields, depth=3)
        return _named(jws, raw, expected or tuple(Kind))
    except MalformedError as error:
        return malformed(str(error))


def _named(jws: JwsFields, raw: bytes, expected: Sequence[Kind]) -> Envelope | Refusal:
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
    if headers[0].v != VERSION:
        return Refusal(
            Code.UNSUPPORTED_VERSION,
            f"The file is of format version {headers[0].v}; this release reads version {VERSION}.",
            "Install a release that reads it, or ask for a file of the version read here.",
        )
    return Envelope(kind, from_base64url(jws.payload), signatures, raw)


def _signature(fields: SignatureFields, payload: str) -> Signature:
    header = decode(from_base64url(fields.protected), Header, depth=1)
    message = f"{fields.protected}.{payload}".encode()
    return Signature(header, from_base64url(fields.signature), message)


def verify_all(envelope: Envelope, required: Iterable[PublicKey]) -> Refusal | None:
    """None where the file carries a good signature of every key in `required`, and no other signature."""
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
    """Whether this one signature is by `key`, and says so in its header."""
    same = signature.header.alg == key.alg and signature.header.kid == key.kid
    return same and check_signature(key, signature.value, signature.message)


def read_payload(envelope: Envelope, shape: type[T]) -> T | Refusal:
    try:
        return decode(envelope.payload, shape, depth=MAX_DEPTH)
    except MalformedError as error:
        return malformed(str(error))


def write_envelope(kind: Kind, payload: object, signers: Sequence[Signer]) -> bytes:
    """The file's bytes: `payload` in its one form, signed by each of `signers`."""
    body = to_base64url(encode(payload))
    signatures = []
    for signer in signers:
        header = encode(Header(alg=signer.key.alg, kid=signer.key.kid, typ=kind.value, v=VERSION))
        protected = to_base64url(header)
        value = signer.sign(f"{protected}.{body}".encode())
        signatures.append(SignatureFields(protected=protected, signature=to_base64url(value)))
    return encode(JwsFields(payload=body, signatures=signatures))


def malformed(why: str) -> Refusal:
    return Refusal(Code.MALFORMED, f"The file cannot be read: {why}.", _ASK)


def bad_signature(kind: Kind, why: str) -> Refusal:
    return Refusal(Code.BAD_SIGNATURE, f"This is no genuine {kind.words}: {why}.", _ASK)


def unknown_signer(kind: Kind, kid: str) -> Refusal:
    return Refusal(
        Code.UNKNOWN_SIGNER,
        f"The {kind.words} is signed by key {kid[:16]}…, which is not known here.",
        "Check where the file comes from. If the keys were rotated, install the newest key set first.",
    )


_ASK = "Copy the file again from where it was made; compare its size and SHA-256 there. Nothing was changed."
