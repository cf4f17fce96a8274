"""E16: the vendor's key set. Roots sign it, its version rises, and it names the keys and the suite that issue files.

Roots are trusted by thumbprint as a product ships them (`Trust`), and later as the newest key set names them. A new set
needs the threshold of the old roots *and* of its own, for each algorithm of the suite. So issuing keys and roots both
rotate without provisioning the sites again, and to break one algorithm is not enough.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from carnet.entitlements import (
    Count,
    Fields,
    Text,
    Time,
)
from carnet.exchange.envelope import (
    Envelope,
    JwsFields,
    Kind,
    bad_signature,
    holds,
    malformed,
    open_envelope,
    payload_of,
    read_payload,
    unknown_signer,
    verify_all,
    write_envelope,
)
from carnet.exchange.file_kinds import kind_of
from carnet.exchange.issuing_log import LogBreak
from carnet.exchange.keys import (
    ED25519,
    ML_DSA_65,
    PublicKey,
    Signer,
    Thumbprint,
    grouped,
)
from carnet.exchange.strict import MalformedError, decode, encode
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.versioning import versions_of

SUITES = {"std": (ED25519, ML_DSA_65)}  # room is left for `gov` and `small`

Keys = Annotated[list[PublicKey], Meta(min_length=1, max_length=16)]
Threshold = Annotated[int, Meta(ge=1, le=8)]
MAX_BREAKS = 32  # of the issuing log, the newest
LogBreaks = Annotated[list[LogBreak], Meta(max_length=MAX_BREAKS)]


class KeySet(Fields, frozen=True):
    """The vendor's public keys: `issuers` sign files, `roots` sign key sets, and `threshold` roots of each algorithm
    must.

    Raises:
        ValueError: It names a key twice, or has too few keys for an algorithm of its suite.
    """

    version: Count
    issued_at: Time
    suite: Literal["std"]
    issuers: Keys
    roots: Keys
    threshold: Threshold
    log_breaks: LogBreaks  # L6: where the issuing log goes on from, oldest first

    def __post_init__(self) -> None:
        super().__post_init__()
        for keys in (self.issuers, self.roots):
            if len({key.kid for key in keys}) != len(keys):
                raise ValueError("it names one key twice")
        for alg in SUITES[self.suite]:
            if not any(key.alg == alg for key in self.issuers):
                raise ValueError(f"no issuing key is for {alg}")
            if sum(key.alg == alg for key in self.roots) < self.threshold:
                raise ValueError(f"fewer roots for {alg} than the threshold")


class Trust(Fields, frozen=True):
    """What a product ships with: the thumbprints of the vendor's roots. It is not signed; the product brings it."""

    vendor: Text
    suite: Literal["std"]
    roots: Annotated[list[Thumbprint], Meta(min_length=1, max_length=16)]
    threshold: Threshold


@dataclass(frozen=True)
class Pinned:
    """What a verifier trusts: the shipped thumbprints, and the newest key set that it took."""

    trust: Trust
    newest: KeySet | None = None

    @property
    def version(self) -> int:
        """The version of the newest key set; 0 where none is known yet."""
        return self.newest.version if self.newest else 0

    def root_kids(self) -> set[str]:
        """The thumbprints of the roots that are trusted now."""
        return {key.kid for key in self.newest.roots} if self.newest else set(self.trust.roots)

    def threshold(self) -> int:
        """How many of them must sign, of each algorithm."""
        return self.newest.threshold if self.newest else self.trust.threshold


def read_trust(raw: bytes) -> Trust | Refusal:
    """A trust file. Refused as `malformed`."""
    try:
        return decode(raw.strip(), Trust, depth=3)
    except MalformedError as error:
        found = kind_of(raw)
        if found is None:
            return malformed(str(error))
        code = Code.WRONG_TYPE if found.foreign else Code.MALFORMED
        return Refusal(code, f"The file is {found.words}. Expected: the vendor's trust file.", found.mend)


def roots_words(roots: Iterable[str]) -> tuple[str, ...]:
    """E16: the thumbprints of roots, each as one line to compare by eye: both sides show them like this, and in one
    order."""
    return tuple(f"{number}  {grouped(kid)}" for number, kid in enumerate(sorted(roots), 1))


def write_key_set(key_set: KeySet, roots: list[Signer], version: int | None = None) -> bytes:
    """The bytes of a key set, in `version` (the newest for None), signed by each of `roots`."""
    return write_envelope(Kind.KEY_SET, key_set, roots, version)


def read_key_set(raw: bytes, pinned: Pinned, *, stored: bool = False) -> KeySet | Refusal:
    """A key set that `pinned` may take: signed by old and new roots, its version not lower than the known one (E16).

    `stored`: this side kept the file (E17).

    Refused as `key_set_too_old`, `unknown_signer` or `bad_signature`, or as `open_envelope` does.
    """
    envelope = open_envelope(raw, Kind.KEY_SET, stored=stored)
    return envelope if isinstance(envelope, Refusal) else _judge(envelope, pinned)


def read_inner_key_set(jws: JwsFields, pinned: Pinned) -> KeySet | Refusal:
    """The key set that stands in a token or an OLF. Refused as `read_key_set` does."""
    return read_key_set(encode(jws), pinned)


def _judge(envelope: Envelope, pinned: Pinned) -> KeySet | Refusal:
    key_set = read_payload(envelope, KeySet)
    if isinstance(key_set, Refusal):
        return key_set
    if key_set.version < pinned.version:
        return Refusal(
            Code.KEY_SET_TOO_OLD,
            f"The key set is version {key_set.version}; version {pinned.version} is already known here.",
            "Ask the vendor for a file made with the newest key set.",
        )
    refused = _check_roots(envelope, key_set, pinned)
    if refused:
        return refused
    if key_set.version == pinned.version and not (pinned.newest and _is_same(key_set, pinned.newest)):
        return bad_signature(Kind.KEY_SET, "its version was used before")
    return key_set


def _is_same(one: KeySet, other: KeySet) -> bool:
    """E17: one set can be written in two versions. What only the newer one states does not make it another set."""
    return any(_written(one, version) == _written(other, version) for version in versions_of(Kind.KEY_SET).taken)


def _written(key_set: KeySet, version: int) -> bytes:
    return payload_of(Kind.KEY_SET, key_set, version)


def _check_roots(envelope: Envelope, key_set: KeySet, pinned: Pinned) -> Refusal | None:
    """Check both thresholds.

    A signature by a key that neither set names counts for nothing: after a rotation of the roots the old ones still
    stand in the file, and a site that starts with the new ones has no key to judge them by.
    """
    known = {key.kid: key for key in (*(pinned.newest.roots if pinned.newest else ()), *key_set.roots)}
    signed: set[str] = set()
    for signature in envelope.signatures:
        key = known.get(signature.header.kid)
        if key is None:
            continue
        if not holds(signature, key):
            return bad_signature(Kind.KEY_SET, f"the {key.alg} signature of a root does not hold")
        signed.add(key.kid)
    old = [known[kid] for kid in signed if kid in pinned.root_kids()]
    new = [key for key in key_set.roots if key.kid in signed]
    if not _enough(old, pinned.threshold()):
        return unknown_signer(Kind.KEY_SET, envelope.kids[0]) if not old else _too_few("the roots trusted here")
    return None if _enough(new, key_set.threshold) else _too_few("its own roots")


def _enough(keys: Iterable[PublicKey], threshold: int) -> bool:
    by_algorithm = [str(key.alg) for key in keys]
    return all(by_algorithm.count(alg) >= threshold for alg in SUITES["std"])


def _too_few(whose: str) -> Refusal:
    return bad_signature(Kind.KEY_SET, f"too few of {whose} signed it")


def verify_issued(envelope: Envelope, key_set: KeySet) -> Refusal | None:
    """Check that one issuing key for each algorithm of the suite signed this file, and no other key did. None where it
    is so.

    Refused as `unknown_signer` or `bad_signature`.
    """
    named = set(envelope.kids)
    required = []
    for alg in SUITES[key_set.suite]:
        issuers = [key for key in key_set.issuers if key.alg == alg]
        required.append(next((key for key in issuers if key.kid in named), issuers[0]))
    return verify_all(envelope, required)
