"""The audit log: the issuing log's records by who, what, about what and when; read a page at a time, or exported."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from carnet.calm.issuing.log_book import LogShown, shown
from carnet.calm.issuing.spreadsheets import csv_line
from carnet.calm.issuing_log.models import LogEntry

PAGE = 50
_PART = 500


@dataclass(frozen=True)
class Wanted:
    """Empty: any. `kind` and `who` by how they begin; `subject`: the id of what it was done to, or of the Control Room
    or account that this is of."""

    who: str = ""
    kind: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class AuditPage:
    records: tuple[LogShown, ...]  # the newest first
    older: int | None  # where the next page begins: `before`


def read_audit(wanted: Wanted, *, before: int | None = None, size: int = PAGE) -> AuditPage:
    rows = _rows(wanted).order_by("-index")
    found = list((rows.filter(index__lt=before) if before is not None else rows)[: size + 1])
    return AuditPage(_shown(found[:size]), found[size - 1] if len(found) > size else None)


def _shown(found: list[int]) -> tuple[LogShown, ...]:
    """The records of these numbers, in their order."""
    rows = LogEntry.objects.in_bulk(found)
    return tuple(shown(rows[index]) for index in found)


def export_csv(wanted: Wanted) -> Iterator[str]:
    """Lines, the oldest first, with a head. A cell that a spreadsheet would compute is written as text."""
    yield csv_line(["number", "when", "who", "what", "about", "why", "detail"])
    for one in _all(wanted):
        detail = "; ".join(f"{name}: {value}" for name, value in sorted(one.detail.items()))
        cells = [str(one.index), f"{one.at:%Y-%m-%dT%H:%M:%SZ}", one.who, one.kind, one.subject, one.why, detail]
        yield csv_line(cells)


def _all(wanted: Wanted) -> Iterator[LogShown]:
    """The oldest first, read a part at a time."""
    after = -1
    while part := list(_rows(wanted).filter(index__gt=after).order_by("index")[:_PART]):
        yield from _shown(part)
        after = part[-1]


def _rows(wanted: Wanted) -> "QuerySet[LogEntry, int]":
    """Their numbers alone: these are found in the log's index, without reading a record."""
    chosen = Q()
    if wanted.who:
        chosen &= Q(who__startswith=wanted.who)
    if wanted.kind:
        chosen &= Q(kind__startswith=wanted.kind)
    if wanted.subject:
        chosen &= Q(subject=wanted.subject) | Q(about=wanted.subject)
    if wanted.since:
        chosen &= Q(at__gte=wanted.since)
    if wanted.until:
        chosen &= Q(at__lt=wanted.until)
    return LogEntry.objects.filter(chosen).values_list("index", flat=True)
