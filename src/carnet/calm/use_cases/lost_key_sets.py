"""L6: key sets that CALM made in the time that it forgot. Where they have other roots, sites that took them take
nothing that the older roots alone signed; so CALM goes on with the newer roots, whose key files are kept apart from a
backup.
"""

from collections.abc import Mapping
from typing import Any

from carnet.calm.use_cases import restorations
from carnet.calm.use_cases.context import Act
from carnet.calm.use_cases.key_sets import keep_key_set, key_set_of, make_joined, newest_row
from carnet.calm.use_cases.models import IssuedKeySet
from carnet.calm.use_cases.unremembered import known_key_sets, pinned_by
from carnet.exchange.key_set import KeySet, read_key_set
from carnet.exchange.strict import from_base64url, to_base64url
from carnet.exchange.verdicts import Code, Refusal


def as_text(raw: bytes | None) -> str:
    """A key set's file as a proposal keeps it; empty for none."""
    return to_base64url(raw) if raw else ""


def read_lost(raw: bytes) -> KeySet | Refusal:
    """A key set of CALM's own: the roots of one that is known here signed it, and a newer one brings it on (E16).

    Refused as `read_key_set` does; `nothing_to_accept` where sites that took it take the newest one already.
    """
    tries = [read_key_set(raw, pinned_by(known), stored=True) for known in known_key_sets()]
    found = next((each for each in tries if isinstance(each, KeySet)), None)
    if found is None:
        refusal = tries[-1]
        assert isinstance(refusal, Refusal)
        return refusal
    if takes_newest(found) and IssuedKeySet.objects.filter(version=found.version).exists():
        return Refusal(
            Code.NOTHING_TO_ACCEPT,
            f"CALM knows key set {found.version}, and sites that took it take the newest one.",
            "Nothing is to be done.",
        )
    return found


def takes_newest(known: KeySet) -> bool:
    """Whether a site that knows this key set takes the newest one (E16)."""
    return takes(known, newest_row())


def takes(known: KeySet, row: IssuedKeySet) -> bool:
    """Whether a site that knows this key set takes that one (E16)."""
    return isinstance(read_key_set(bytes(row.raw), pinned_by(known), stored=True), KeySet)


def has_other_roots(lost: KeySet) -> bool:
    """Whether its roots are others than those that sign here now."""
    return {key.kid for key in lost.roots} != {key.kid for key in key_set_of(newest_row()).roots}


def words(lost: KeySet) -> tuple[str, ...]:
    """What taking it back does."""
    known = f"key set {lost.version}, which CALM’s own roots signed, is known here again"
    if not has_other_roots(lost):
        return (known,)
    return (
        known,
        "its roots are others: CALM goes on with them, in a new key set that they sign and the roots of before, too; "
        "sites take it with their next file. The key files of both must be in keys/roots",
    )


def words_of(text: str) -> tuple[str, ...] | Refusal:
    """What taking it back does. `text`: as `as_text` wrote it."""
    lost = read_lost(from_base64url(text)) if text else None
    return lost if isinstance(lost, Refusal) else words(lost) if lost else ()


def resume(doing: Act, stated: Mapping[str, Any], reason: str, first: str) -> tuple[str, ...] | Refusal:
    """State that CALM was restored (`restorations.resume`), and go on with the roots of the key set of the time that
    was lost, where one is named; what was done, in words. `stated`: size and root of the log, and the key set as text.
    """
    raw = from_base64url(stated["key_set"])
    lost = read_lost(raw) if raw else None
    if isinstance(lost, Refusal):
        return lost
    more = words(lost) if lost else ()
    goes_on = restorations.resume(doing, stated["size"], stated["root"], reason, first, lost)
    if isinstance(goes_on, Refusal):
        return goes_on
    if lost:
        keep(raw, lost)
    return (*goes_on.words(), *more)


def keep(raw: bytes, lost: KeySet) -> None:
    """Its row, where there is none."""
    if not IssuedKeySet.objects.filter(version=lost.version).exists():
        keep_key_set(lost, raw)


def take_key_set(doing: Act, text: str) -> tuple[str, ...] | Refusal:
    """Keep it, and go on with its roots; what was done, in words. `text`: as `as_text` wrote it. Raises NotSetUpError
    where key files of its roots are not here."""
    raw = from_base64url(text)
    lost = read_lost(raw)
    if isinstance(lost, Refusal):
        return lost
    did = words(lost)
    if has_other_roots(lost):
        made = make_joined(doing, lost)
        did = (*did, f"key set {made.version} issues from now on")
    keep(raw, lost)
    return did
