"""E17: in which version CALM writes what it issues: the newest that both it and the site read.

Which versions a site reads, its newest LFR says; the LFR that is answered for an OLF, the rows for a token. CALM needs
to know nothing else of another release.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.customers.models import Account
from carnet.calm.use_cases.models import IssuedKeySet
from carnet.exchange.envelope import (
    JwsFields,
    Kind,
    version_in,
    words_of,
)
from carnet.exchange.reads import SiteReads
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.versioning import versions_of


@dataclass(frozen=True)
class OlfForm:
    olf: int  # the version that it is written in
    key_set: JwsFields | None  # that it brings


@dataclass(frozen=True)
class TokenForm:
    token: int  # the version that it is written in
    key_set: JwsFields


def form_for_site(name: str, reads: SiteReads, brought: IssuedKeySet | None) -> OlfForm | Refusal:
    """How an OLF is written for a site that reads `reads`; `brought`: the key set that it must bring, if any.

    A refusal where no version of either is known to both sides; it names the side to upgrade.
    """
    versions = versions_of(Kind.OLF)
    olf = versions.to_write(reads.olf)
    if olf is None:
        return _unreadable(name, Kind.OLF, reads.olf, versions.taken)
    if brought is None:
        return OlfForm(olf, None)
    key_set = jws_of(brought, reads.key_set)
    if key_set is None:
        return _unreadable(name, Kind.KEY_SET, reads.key_set, versions_made(brought))
    return OlfForm(olf, key_set)


def form_for_account(account: Account, newest: IssuedKeySet, *, for_older: bool) -> TokenForm:
    """How a token is written, which any Control Room of the account may install: in the newest version that all of
    them read, and in the newest of all where none is known yet. `for_older`: in the oldest that is written."""
    known = list(reads_of(ControlRoom.objects.filter(account=account)))
    tokens, key_sets = [reads.token for reads in known], [reads.key_set for reads in known]
    written, made = versions_of(Kind.TOKEN).taken, versions_made(newest)
    token = min(written) if for_older else _for_all(written, tokens)
    key_set = jws_of(newest, [min(made) if for_older else _for_all(made, key_sets)])
    assert key_set is not None
    return TokenForm(token, key_set)


def key_set_for_all(row: IssuedKeySet) -> bytes:
    """A key set as a file of its own, written for the release that reads it."""
    known = reads_of(ControlRoom.objects.all())
    raw = form_of(row, [_for_all(versions_made(row), [reads.key_set for reads in known])])
    assert raw is not None
    return raw


def form_of(row: IssuedKeySet, reads: Collection[int]) -> bytes | None:
    """E17: the signed set in the newest format version that is in `reads`; None where it was made in none of them."""
    forms = {version_in(raw): raw for raw in (bytes(row.older), bytes(row.raw)) if raw}
    return next((forms[version] for version in sorted(forms, reverse=True) if version in reads), None)


def versions_made(row: IssuedKeySet) -> list[int]:
    """The format versions in which the set was signed."""
    return sorted(version_in(raw) for raw in (bytes(row.older), bytes(row.raw)) if raw)


def jws_of(row: IssuedKeySet, reads: Collection[int]) -> JwsFields | None:
    """The key set as it stands inside a token or an OLF, for a side that reads these format versions."""
    raw = form_of(row, reads)
    return msgspec.json.decode(raw, type=JwsFields) if raw else None


def reads_of(rooms: Iterable[ControlRoom]) -> Iterable[SiteReads]:
    return (msgspec.json.decode(room.reads, type=SiteReads) for room in rooms if room.reads)


def _for_all(written: Sequence[int], reads: list[list[int]]) -> int:
    """The newest of `written` that every site reads. A site that reads none of them does not count: nothing that is
    written here helps it, and the others must not wait until it is upgraded."""
    counted = [each for each in reads if set(each) & set(written)]
    common = [version for version in written if all(version in each for each in counted)]
    return max(common, default=max(written))


def _unreadable(name: str, kind: Kind, reads: Sequence[int], written: Sequence[int]) -> Refusal:
    said = f"{name} reads {kind.words} {words_of(reads)}; this release of CALM writes {words_of(written)}."
    if min(reads) > max(written):
        mend = f"Upgrade CALM to a release that writes version {min(reads)}. Then issue again."
    else:
        mend = f"Upgrade the Control Room to a release that reads version {min(written)}. Then bring a new LFR."
    return Refusal(Code.UNSUPPORTED_VERSION, said, mend)
