"""E16: the vendor's key sets: the first at set-up, the next at each rotation. All are kept; the newest issues."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from carnet.calm.signing.keyring import Group
from carnet.calm.use_cases.context import Act, Calm, act
from carnet.calm.use_cases.models import IssuedKeySet
from carnet.calm.use_cases.written_for import key_set_for_all
from carnet.errors import NotSetUpError, UsageError
from carnet.exchange.envelope import Kind, readable, stored_value
from carnet.exchange.issuing_log import LogBreak
from carnet.exchange.key_set import (
    MAX_BREAKS,
    SUITES,
    KeySet,
    Trust,
    write_key_set,
)
from carnet.exchange.keys import PublicKey, Signer, new_signer
from carnet.exchange.strict import encode
from carnet.exchange.versioning import versions_of


@dataclass(frozen=True)
class KeysMade:
    """A key set that has just been made: its version, and the bytes to hand out."""

    version: int
    issuers: tuple[str, ...]
    roots: tuple[str, ...]
    raw: bytes
    made_at: datetime


def make_first(doing: Act) -> KeysMade:
    """Set-up: new roots, new issuers, version 1."""
    roots, issuers = _new_keys(doing, "roots"), _new_keys(doing, "issuers")
    return _publish(doing, 1, _public(issuers), _public(roots), signed_by=roots)


def make_next(doing: Act, *, with_roots: bool) -> KeysMade:
    """A rotation. Old roots sign, and the new ones beside them: verifiers ask for both."""
    newest = newest_row()
    current = key_set_of(newest)
    old = [doing.calm.keys.signer("roots", key.kid) for key in current.roots]
    roots = _new_keys(doing, "roots") if with_roots else old
    signers, breaks = [*old, *roots] if with_roots else old, current.log_breaks
    issuers = _public(_new_keys(doing, "issuers"))
    return _publish(doing, newest.version + 1, issuers, _public(roots), signed_by=signers, breaks=breaks)


def make_broken(doing: Act, stated: LogBreak, lost: KeySet | None = None) -> KeysMade:
    """L6: the same keys, and one more break of the issuing log. Key sets of the time that was lost may be out there:
    the version rises by the seconds since, so that it is beyond them, also if it is forgotten in its turn.

    `lost`: the newest of these, where it has other roots: they are the roots from now on.
    """
    current = key_set_of(newest_row())
    breaks = [*current.log_breaks, stated][-MAX_BREAKS:]
    rise = max(1, int((doing.now - current.issued_at).total_seconds()))
    return _go_on(doing, current, lost or current, rise, breaks)


def make_joined(doing: Act, lost: KeySet) -> KeysMade:
    """L6: a key set with the roots of `lost`, of the time that was lost, which sites with either roots take."""
    current = key_set_of(newest_row())
    return _go_on(doing, current, lost, 1, current.log_breaks)


def _go_on(doing: Act, current: KeySet, lost: KeySet, rise: int, breaks: Sequence[LogBreak]) -> KeysMade:
    """CALM issues with the keys that it has. The roots of both sign, so that each site takes it; the older ones may
    have been destroyed once newer ones were made."""
    signers = _roots_of(doing, lost)
    if set(_kids(current.roots)) != set(_kids(lost.roots)):
        with suppress(NotSetUpError):
            signers += [doing.calm.keys.signer("roots", kid) for kid in _kids(current.roots)]
    version = max(current.version, lost.version) + rise
    return _publish(doing, version, current.issuers, lost.roots, signed_by=signers, breaks=breaks)


def _roots_of(doing: Act, key_set: KeySet) -> list[Signer]:
    """Raises NotSetUpError, with what to do."""
    try:
        return [doing.calm.keys.signer("roots", kid) for kid in _kids(key_set.roots)]
    except NotSetUpError as error:
        missing = ", ".join(f"{kid[:16]}…" for kid in _kids(key_set.roots))
        raise NotSetUpError(
            f"A root key of key set {key_set.version} is not here. Its roots: {missing}. {error}",
            "Bring the key files of these roots from their safe into keys/roots, and run this again. Where new roots "
            "were made in the time that CALM forgot, name the newest key set of that time, too. Where such key files "
            "are lost for good, the sites that took them go on with what is installed, but take no newer file: set "
            "each up again with a new trust file.",
            "calm log resume --key-set FILE --reason …",
        ) from error


def _kids(keys: Sequence[PublicKey]) -> list[str]:
    return [key.kid for key in keys]


def _new_keys(doing: Act, group: Group) -> list[Signer]:
    """Stored before the act commits: a key that no key set names does no harm."""
    signers = [new_signer(alg, doing.random) for alg in SUITES["std"]]
    for signer in signers:
        doing.calm.keys.store(group, signer, doing.random)
    return signers


def _publish(
    doing: Act,
    version: int,
    issuers: Sequence[PublicKey],
    roots: Sequence[PublicKey],
    *,
    signed_by: list[Signer],
    breaks: Sequence[LogBreak] = (),
) -> KeysMade:
    key_set = KeySet(
        version=version,
        issued_at=doing.now,
        suite="std",
        issuers=list(issuers),
        roots=list(roots),
        threshold=1,
        log_breaks=list(breaks),
    )
    raw, older = readable(Kind.KEY_SET, write_key_set(key_set, signed_by)), _older(key_set, signed_by)
    return keep_key_set(key_set, raw, older)


def keep_key_set(key_set: KeySet, raw: bytes, older: bytes = b"") -> KeysMade:
    """The row of a signed key set: made here, or taken back (L6)."""
    kids = tuple(key.kid for key in key_set.issuers), tuple(key.kid for key in key_set.roots)
    IssuedKeySet(
        version=key_set.version,
        raw=raw,
        older=older,
        issuers="\n".join(kids[0]),
        roots="\n".join(kids[1]),
        made_at=key_set.issued_at,
        has_breaks=bool(key_set.log_breaks),
    ).save(force_insert=True)
    return KeysMade(key_set.version, kids[0], kids[1], raw, key_set.issued_at)


def _older(key_set: KeySet, signers: list[Signer]) -> bytes:
    """E17: the roots sign for both format versions at once, because they may not be at hand later."""
    before = versions_of(Kind.KEY_SET).newest - 1
    return write_key_set(key_set, signers, before) if before else b""


def _public(signers: Sequence[Signer]) -> list[PublicKey]:
    return [signer.key for signer in signers]


def newest_row() -> IssuedKeySet:
    row = IssuedKeySet.objects.defer("raw", "older").order_by("-version").first()
    if row is None:
        raise NotSetUpError("CALM is not set up here.", run="calm init")
    return row


def issuers_of(calm: Calm, row: IssuedKeySet) -> list[Signer]:
    return [calm.keys.signer("issuers", kid) for kid in row.issuers.split()]


def key_set_of(row: IssuedKeySet) -> KeySet:
    return stored_value(bytes(row.raw), Kind.KEY_SET, KeySet)


def export_key_set(calm: Calm, *, now: datetime, by: str, version: int | None = None) -> KeysMade:
    """The signed key set as a file of its own: the newest, or an older one for a site that is more than one behind."""
    with act(calm, now=now, by=by) as doing:
        row = newest_row() if version is None else IssuedKeySet.objects.filter(version=version).first()
        if row is None:
            raise UsageError(f"There is no key set of version {version}.")
        doing.record("key_set.exported", str(row.version))
        kids = tuple(row.issuers.split()), tuple(row.roots.split())
        return KeysMade(row.version, *kids, key_set_for_all(row), row.made_at)


def root_thumbprints() -> tuple[str, ...]:
    """Of the newest roots, as the trust file has them and a site's administrator compares them (E16)."""
    return tuple(key.kid for key in key_set_of(newest_row()).roots)


def export_trust(vendor: str) -> bytes:
    """What a product ships with: the thumbprints of the newest roots."""
    newest = key_set_of(newest_row())
    roots = [key.kid for key in newest.roots]
    return encode(Trust(vendor=vendor, suite=newest.suite, roots=roots, threshold=newest.threshold)) + b"\n"
