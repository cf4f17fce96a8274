"""N5: a form acts on what its page showed. What somebody did since to the same thing is told first, and by whom.

One place for all acts: the frame of an act (`context.act`) asks here before each record that it writes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from carnet.calm.issuing_log.models import LogEntry
from carnet.errors import UsageError
from carnet.times import stamp
from carnet.vouching import is_same

_PERSON = {
    "person.role_changed": "gave this person another role",
    "person.activated": "reactivated this person",
    "person.deactivated": "deactivated this person",
    "person.link_given": "gave this person a new link to choose a password with",
    "person.second_factors_removed": "removed the second factors of this person",
}
_NAMES = ({"account.renamed": "renamed this account"}, {"guid.renamed": "renamed this License GUID"})
_ARCHIVED = (
    {"account.archived": "archived this account", "account.brought_back": "brought this account back"},
    {"guid.archived": "archived this License GUID", "guid.brought_back": "brought this License GUID back"},
)
_ISSUER = {
    "account.issuer_named": "named another issuer of single sign-on",
    "account.issuer_removed": "removed the issuer of single sign-on",
}
# Each: the acts that change one and the same thing, by the kind of their record, in words.
_OF_SUBJECT = (_PERSON, *_NAMES, *_ARCHIVED, _ISSUER, {"purchase.lowered": "lowered this purchase"})
# Acts that add to an account what somebody else may just have added. `_SAME`: what of the record must be the same.
_TO_ACCOUNT = {
    "purchase.added": "added a purchase of the same product to this account",
    "token.downloaded": "downloaded a token for this account",
}
_SAME = {"purchase.added": ("account", "sku"), "token.downloaded": ("account",)}
_PROPOSED = ".proposed"


@dataclass(frozen=True)
class Record:
    """One that an act is about to write."""

    kind: str
    subject: str
    detail: dict[str, Any]


def check(seen: int, before: int, record: Record, by: str) -> None:
    """`seen`: how many records the log had when the page was made; `before`: how many before this act.

    Raises:
        UsageError: Somebody changed the same thing between the two.
    """
    for first in _between(seen, before, record):
        raise UsageError(
            f"{'You' if is_same(first.who, by) else first.who} {first.did} at {stamp(first.at)}, after this page was "
            "opened. What you asked for was not done.",
            "Look at what is there now. Where yours is still wanted, send it again.",
        )


@dataclass(frozen=True)
class _First:
    who: str
    did: str
    at: datetime


def _between(seen: int, before: int, record: Record) -> Iterator[_First]:
    """The newest such act, if there is one."""
    did = _kinds(record.kind)
    same = _SAME.get(record.kind, ("about",) if record.kind.endswith(_PROPOSED) else ())
    rows = LogEntry.objects.filter(index__gte=seen, index__lt=before, kind__in=list(did)).order_by("-index")
    rows = rows.filter(about=record.detail.get(same[0], "")) if same else rows.filter(subject=record.subject)
    for row in rows.iterator():
        if all(_detail(row).get(name) == record.detail.get(name) for name in same):
            yield _First(row.who, did[row.kind], row.at)


def _kinds(kind: str) -> dict[str, str]:
    if kind in _TO_ACCOUNT:
        return {kind: _TO_ACCOUNT[kind]}
    if kind.endswith(_PROPOSED):
        return {kind: "asked for the same"}
    return next((kinds for kinds in _OF_SUBJECT if kind in kinds), {})


def _detail(row: LogEntry) -> dict[str, Any]:
    return msgspec.json.decode(bytes(row.detail), type=dict[str, Any])
