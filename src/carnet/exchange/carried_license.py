"""L6: the installed OLF as a site carries it back in an LFR, with its body opened: for a CALM that was restored from a
backup and no longer knows what it issued.

CALM's own signatures prove the file, and the hash in it proves the body: nobody states less or more than was granted.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from carnet.entitlements import Fields
from carnet.exchange.envelope import (
    MAX_FILE,
    Envelope,
    JwsFields,
    Kind,
    bad_signature,
    malformed,
    open_envelope,
    read_payload,
    stored_value,
)
from carnet.exchange.key_set import KeySet, verify_issued
from carnet.exchange.keys import Opener
from carnet.exchange.offline_license_file import OfflineLicenseFile, SealedBody, content_of, read_body, unseal_body
from carnet.exchange.strict import MalformedError, decode, encode, from_base64url, to_base64url
from carnet.exchange.verdicts import Refusal


class CarriedLicense(Fields, frozen=True):
    """The installed OLF as it was received, its body as it was sealed, packed, and the newest key set of the site."""

    file: JwsFields
    body: Annotated[str, Meta(min_length=1, max_length=180_000)]  # zlib, base64url
    key_set: JwsFields


@dataclass(frozen=True)
class ReadCarried:
    """A carried OLF that CALM issued, with the lines that it granted."""

    olf: OfflineLicenseFile
    body: SealedBody
    envelope: Envelope

    @property
    def content_digest(self) -> str:
        """What the issuing log committed to (V2): SHA-256, in hex."""
        return content_of(self.envelope.payload)


def carry(file: bytes, key_set: bytes, opener: Opener) -> CarriedLicense:
    """`file`: an installed OLF; `opener`: the key that it is sealed to.

    Raises:
        MalformedError: It does not open, although it was installed.
    """
    plaintext = unseal_body(stored_value(file, Kind.OLF, OfflineLicenseFile), opener)
    if plaintext is None:
        raise MalformedError("the installed license file does not open any more")
    return CarriedLicense(
        file=decode(file, JwsFields, depth=3),
        body=to_base64url(zlib.compress(plaintext, 9)),
        key_set=decode(key_set, JwsFields, depth=3),
    )


def open_carried(carried: CarriedLicense) -> ReadCarried | Refusal:
    """What it says, where the body is the one that the file commits to. Whose file it is, is not checked: see
    `read_carried`.

    Refused as `bad_signature` or `malformed`, or as `open_envelope` does.
    """
    envelope = open_envelope(encode(carried.file), Kind.OLF, stored=True)
    if isinstance(envelope, Refusal):
        return envelope
    olf = read_payload(envelope, OfflineLicenseFile)
    if isinstance(olf, Refusal):
        return olf
    try:
        body = read_body(olf, _unpacked(carried.body), envelope.version)
    except MalformedError as error:
        return malformed(str(error))
    return body if isinstance(body, Refusal) else ReadCarried(olf, body, envelope)


def read_carried(carried: CarriedLicense, key_sets: Iterable[KeySet]) -> ReadCarried | Refusal:
    """Check that one of `key_sets`, the vendor's own, issued the file, and that the body is the one it commits to.

    Not checked here: for which Control Room it is, and whether that one had it installed.

    Refused as `unknown_signer`, `bad_signature` or `malformed`, or as `open_envelope` does.
    """
    opened = open_carried(carried)
    if isinstance(opened, Refusal):
        return opened
    refusals = [verify_issued(opened.envelope, key_set) for key_set in key_sets]
    if None in refusals:
        return opened
    return next((each for each in refusals if each), bad_signature(Kind.OLF, "no key set is known"))


def _unpacked(text: str) -> bytes:
    """At most as much as the largest file holds. Raises MalformedError."""
    unpacking = zlib.decompressobj()
    try:
        plaintext = unpacking.decompress(from_base64url(text), MAX_FILE)
    except zlib.error as error:
        raise MalformedError("the body that it carries cannot be unpacked") from error
    if not unpacking.eof or unpacking.unused_data:
        raise MalformedError("the body that it carries is larger than any license, or cut, or followed by something")
    return plaintext
