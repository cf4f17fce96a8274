"""E2: the enablement token, vendor to site, once: an account, its end, a one-time secret, the vendor's key set, and the
windows that the site goes by until its first OLF (E18).
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

from msgspec import Meta

from carnet.entitlements import (
    Fields,
    Text,
    Time,
    Uuid,
)
from carnet.exchange.envelope import (
    Envelope,
    JwsFields,
    Kind,
    open_envelope,
    read_payload,
    write_envelope,
)
from carnet.exchange.key_set import (
    KeySet,
    Pinned,
    read_inner_key_set,
    verify_issued,
)
from carnet.exchange.keys import Signer
from carnet.exchange.reads import VendorReads
from carnet.exchange.strict import from_base64url, to_base64url
from carnet.exchange.verdicts import Refusal
from carnet.exchange.windows import Windows

Version = Annotated[str, Meta(pattern=r"^[0-9]{1,5}(\.[0-9]{1,5}){0,3}$")]
Secret = Annotated[str, Meta(min_length=43, max_length=43)]  # 32 bytes


class Token(Fields, frozen=True):
    """What enrols a site (E2). `enrolment_secret` is 32 bytes in base64url; it is never printed (A2)."""

    token_id: Uuid
    account_id: Uuid
    account_name: Text
    issued_at: Time
    expires_at: Time
    min_control_room_version: Version
    enrolment_secret: Secret
    key_set: JwsFields
    windows: Windows  # E18
    reads: VendorReads  # E17

    def __repr__(self) -> str:  # A2: the secret is never printed
        return f"Token({self.token_id})"


@dataclass(frozen=True)
class ReadToken:
    """A token whose form and signatures are good, with the key set in it."""

    token: Token
    key_set: KeySet
    envelope: Envelope


def write_token(token: Token, issuers: list[Signer], version: int | None = None) -> bytes:
    """The bytes of a token, in `version` (the newest for None), signed by each of `issuers`."""
    return write_envelope(Kind.TOKEN, token, issuers, version)


def read_token(raw: bytes, pinned: Pinned) -> ReadToken | Refusal:
    """Check form and signatures: the roots sign the key set inside, and that key set's keys sign the token.

    Not checked here: whether it is in force (`windows.token_window`), and whether this site may take it (E2, on the
    site).

    Refused as `open_envelope`, `read_key_set` and `verify_issued` do.
    """
    envelope = open_envelope(raw, Kind.TOKEN)
    if isinstance(envelope, Refusal):
        return envelope
    token = read_payload(envelope, Token)
    if isinstance(token, Refusal):
        return token
    key_set = read_inner_key_set(token.key_set, pinned)
    if isinstance(key_set, Refusal):
        return key_set
    return verify_issued(envelope, key_set) or ReadToken(token, key_set, envelope)


def enrolment_proof(secret: str, token_id: str, control_room_id: str, *kids: str) -> str:
    """The proof that a site has the token's secret, bound to its id and its keys: HMAC-SHA-256, in base64url (E2).

    Raises:
        MalformedError: The secret is not canonical base64url.
    """
    message = "|".join(("carnet-enrolment/1", token_id, control_room_id, *kids)).encode()
    return to_base64url(hmac.new(from_base64url(secret), message, sha256).digest())


def version_tuple(version: str) -> tuple[int, ...]:
    """Four numbers to compare releases by: `40` and `40.0.0` are the same version."""
    numbers = [int(number) for number in version.split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))
