"""Any exchange file in plain words, with the verdict of each signature: what anyone may know without a secret.

Bytes in, a value out. A file that its reader refuses is refused here too, with the verdict of each signature as
evidence. Two things are not shown: the enrolment secret (A2), and a sealed body, which only its Control Room can open.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from carnet.exchange.describe import Row, carried_rows, in_short, rows_of
from carnet.exchange.enablement_token import Token, read_token
from carnet.exchange.envelope import (
    Envelope,
    Kind,
    Signature,
    bad_signature,
    holds,
    open_envelope,
    read_payload,
    read_written,
    upgraded,
)
from carnet.exchange.free_text import ALL_ELSE, free_texts, warnings
from carnet.exchange.key_set import (
    KeySet,
    Pinned,
    Trust,
    read_inner_key_set,
    read_key_set,
    read_trust,
)
from carnet.exchange.keys import PublicKey
from carnet.exchange.license_file_request import LicenseFileRequest, read_lfr
from carnet.exchange.offline_license_file import OfflineLicenseFile, read_license_file
from carnet.exchange.receipt import Receipt, read_receipt
from carnet.exchange.verdicts import Refusal

BROKEN = "does not hold"
FREE_TEXT = "Text in it that people or programs chose"
ALL_THAT_LEAVES = "This is all that leaves"
_HOW = "The vendor's signatures were not checked. To check them, give --trust FILE and --key-set FILE, or --data DIR."
_ALL = "All signatures that the trust given asks for hold."
_SELF = "Signed by the key that the file names. Whether that key is the Control Room's, CALM knows."
_VALUES: dict[Kind, type[Any]] = {
    Kind.TOKEN: Token,
    Kind.LFR: LicenseFileRequest,
    Kind.OLF: OfflineLicenseFile,
    Kind.RECEIPT: Receipt,
    Kind.KEY_SET: KeySet,
}
_READERS: dict[Kind, Callable[[bytes, Pinned], object]] = {
    Kind.TOKEN: read_token,
    Kind.LFR: lambda raw, _: read_lfr(raw, stored=True),  # `open_envelope` has judged the version
    Kind.OLF: read_license_file,
    Kind.RECEIPT: lambda raw, _: read_receipt(raw),
    Kind.KEY_SET: read_key_set,
}


@dataclass(frozen=True)
class Section:
    """A title, and rows of label and value."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class SignatureVerdict:
    """One signature, and what was found out about it. `who` says whose key it is."""

    alg: str
    kid: str
    verdict: str  # `holds`, `does not hold`, `unknown signer`, `not checked`
    who: str


@dataclass(frozen=True)
class Inspection:
    """All that is shown of a file. `sha256` is in hex; `bytes` is the size of the file."""

    kind: str
    words: str
    version: int  # of its format
    bytes: int
    sha256: str
    checked: bool  # the signatures were judged by a trust that does not come from the file
    verdict: str
    signatures: tuple[SignatureVerdict, ...]
    sections: tuple[Section, ...]


def inspect(raw: bytes, pinned: Pinned | None = None, *, stored: bool = False) -> Inspection | Refusal:
    """What `raw` is and says. Without `pinned` the vendor's signatures are not judged; those of a site always are.

    `stored`: an LFR that this side kept, of whatever version (E17).

    Refused as the reader of its kind refuses it.
    """
    envelope = open_envelope(raw, stored=stored)
    if isinstance(envelope, Refusal):
        return envelope
    written = read_written(envelope)
    if isinstance(written, Refusal):
        return written
    payload = upgraded(envelope.kind, envelope.version, written, _VALUES[envelope.kind])
    if isinstance(payload, Refusal):
        return payload
    by_vendor = envelope.kind not in (Kind.LFR, Kind.RECEIPT)
    checked = not by_vendor or _can_judge(payload, pinned)
    verdicts = tuple(_verdicts(envelope, _signers(payload, pinned if checked else None), checked=checked))
    if checked:
        read = _READERS[envelope.kind](raw, pinned or _nobody())
        if isinstance(read, Refusal):
            return replace(read, evidence=(*read.evidence, *(f"{v.alg} by {v.who}: {v.verdict}" for v in verdicts)))
    if any(found.verdict == BROKEN for found in verdicts):  # also where a reader would take the content
        return bad_signature(envelope.kind, "a signature does not hold")
    return Inspection(
        kind=envelope.kind.value,
        words=envelope.kind.words,
        version=envelope.version,
        bytes=len(raw),
        sha256=envelope.digest,
        checked=checked and by_vendor,
        verdict=(_ALL if by_vendor else _SELF) if checked else _HOW,
        signatures=verdicts,
        sections=tuple(_sections(payload, written)),
    )


def as_text(inspection: Inspection) -> str:
    """The sections as plain text: each row on a line of its own, with the values aligned."""
    parts = []
    for section in inspection.sections:
        width = max((len(label) for label, _ in section.rows), default=0)
        rows = (f"{label.ljust(width)}  {said}".rstrip() for label, said in section.rows)
        parts.append("\n".join((section.title, "", *rows)))
    return "\n\n".join(parts) + "\n"


def pinned_by(trust: bytes | None, key_set: bytes | None) -> Pinned | Refusal | None:
    """The trust to judge by, from a trust file, a key set file, or both; None where neither is given.

    A key set that comes alone is believed: its roots are the keys that signed it. With a trust file, they must be the
    roots that it names; after two rotations of the roots only a Control Room's own copy still bridges that.

    Refused as `read_trust` and `read_key_set` do.
    """
    named = read_trust(trust) if trust is not None else None
    if isinstance(named, Refusal) or key_set is None:
        return named if named is None or isinstance(named, Refusal) else Pinned(named)
    pinned = Pinned(named) if named else _at_its_word(key_set)
    if isinstance(pinned, Refusal):
        return pinned
    newest = read_key_set(key_set, pinned, stored=True)
    return newest if isinstance(newest, Refusal) else Pinned(pinned.trust, newest)


def _at_its_word(key_set: bytes) -> Pinned | Refusal:
    envelope = open_envelope(key_set, Kind.KEY_SET, stored=True)
    payload = envelope if isinstance(envelope, Refusal) else read_payload(envelope, KeySet)
    if isinstance(payload, Refusal):
        return payload
    roots = [key.kid for key in payload.roots]
    return Pinned(Trust(vendor="as the key set says", suite=payload.suite, roots=roots, threshold=payload.threshold))


def _nobody() -> Pinned:
    """A trust without keys: a site's own files are judged by the key that they name."""
    return Pinned(Trust(vendor="nobody", suite="std", roots=["-" * 43], threshold=1))


def _can_judge(payload: object, pinned: Pinned | None) -> bool:
    if pinned is None:
        return False
    return pinned.newest is not None or not isinstance(payload, OfflineLicenseFile) or payload.key_set is not None


def _signers(payload: object, pinned: Pinned | None) -> dict[str, tuple[str, PublicKey]]:
    """The keys by which each signature is judged, with whose they are, by thumbprint."""
    if isinstance(payload, LicenseFileRequest):
        new = [("the new key that it brings", payload.new_keys.signing_key)] if payload.new_keys else []
        named: list[tuple[str, PublicKey]] = [*new, ("the Control Room", payload.control_room.signing_key)]
    elif isinstance(payload, Receipt):
        named = [("the Control Room", payload.signing_key)]
    elif isinstance(payload, KeySet):
        old = pinned.newest.roots if pinned and pinned.newest else []
        named = [("a root", key) for key in (*old, *payload.roots)]
    else:
        named = [("an issuing key of the vendor", key) for key in _issuers(payload, pinned)]
    return {key.kid: (who, key) for who, key in named}


def _issuers(payload: Any, pinned: Pinned | None) -> list[PublicKey]:
    if pinned is None:
        return []
    key_set = read_inner_key_set(payload.key_set, pinned) if payload.key_set else pinned.newest
    return [] if key_set is None or isinstance(key_set, Refusal) else key_set.issuers


def _verdicts(
    envelope: Envelope, signers: dict[str, tuple[str, PublicKey]], *, checked: bool
) -> Iterator[SignatureVerdict]:
    for signature in envelope.signatures:
        header = signature.header
        who, key = signers.get(header.kid, (f"key {header.kid[:16]}…", None))
        yield SignatureVerdict(header.alg, header.kid, _verdict(signature, key, checked=checked), who)


def _verdict(signature: Signature, key: PublicKey | None, *, checked: bool) -> str:
    if key is None:
        return "unknown signer" if checked else "not checked"
    good = holds(signature, key)
    if good and not checked:
        return "holds, by a key that the file itself names"
    return "holds" if good else BROKEN


def _text_rows(lfr: LicenseFileRequest) -> Iterator[Row]:
    for text in free_texts(lfr):
        yield text.label, text.said
    for warning in warnings(lfr):
        yield "note", warning
    yield "all else", ALL_ELSE


def _sections(payload: Any, written: Any) -> Iterator[Section]:
    """`written`: the fields as its version has them, so that nothing is shown that the file does not say."""
    if isinstance(payload, LicenseFileRequest):
        yield Section("In short", in_short(payload))
        yield Section(FREE_TEXT, tuple(_text_rows(payload)))
        yield Section(ALL_THAT_LEAVES, rows_of(written))
        if payload.license:
            yield Section("The license file in it, opened", carried_rows(payload.license))
        return
    yield Section("What it says", rows_of(written))
    if isinstance(payload, Token | OfflineLicenseFile) and payload.key_set:
        inner = open_envelope(msgspec.json.encode(payload.key_set), Kind.KEY_SET)
        key_set = inner if isinstance(inner, Refusal) else read_payload(inner, KeySet)
        if isinstance(key_set, KeySet):
            yield Section("The key set in it", rows_of(key_set))
