"""Reading the issuing log (V1), checking it against what is stored, and the audit log: its records by who, what, about
what and when, read a page at a time, or exported.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import Q, QuerySet

from carnet import times
from carnet.calm.control_rooms.models import LicenseFile
from carnet.calm.database import newest_copy
from carnet.calm.issuing_log import log
from carnet.calm.issuing_log.models import LogEntry
from carnet.calm.issuing_log.verify import OF_FILES, LogVerified, Row, verify_rows
from carnet.calm.use_cases.context import Calm
from carnet.csv_cells import csv_line
from carnet.errors import TamperedError
from carnet.exchange.envelope import JwsFields
from carnet.exchange.issuing_log import LogRecord
from carnet.exchange.offline_license_file import content_of
from carnet.exchange.strict import from_base64url, to_base64url


@dataclass(frozen=True)
class LogShown:
    index: int
    at: datetime
    kind: str
    subject: str
    who: str
    why: str
    detail: dict[str, Any]


_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError)


def show_log(*, last: int | None = None, subject: str | None = None) -> list[LogShown]:
    rows = LogEntry.objects.order_by("-index")
    found: list[LogShown] = []
    for row in rows.iterator():
        one = shown(row)
        if subject is None or subject in (one.subject, *map(str, one.detail.values())):
            found.append(one)
        if last is not None and len(found) >= last:
            break
    return found[::-1]


def shown(row: LogEntry) -> LogShown:
    """Raises TamperedError where the record is not what was written (D4)."""
    try:
        record = msgspec.json.decode(bytes(row.leaf), type=LogRecord)
        detail = msgspec.json.decode(bytes(row.detail), type=dict[str, Any])
    except _UNREADABLE as error:
        raise TamperedError(f"Record {row.index} of the issuing log is not what was written.", newest_copy()) from error
    detail.pop("salt", None)
    who, why = detail.pop("who", ""), detail.pop("why", "")
    return LogShown(record.index, record.at, record.kind, record.subject, who, why, detail)


def log_size() -> int:
    return log.size()


def verify_log(calm: Calm, tick: Callable[[], None] = lambda: None) -> LogVerified:
    """Every leaf, node and private half, each issued file, and the head that is kept apart."""
    head = calm.head.read()
    contents = dict(_contents())  # before the records: what is issued meanwhile has one, and is not asked for
    peaks, problems = verify_rows(_rows(), head.checkpoint if head else None, contents, tick)
    logged = set(_issued_ids())
    problems += [f"license file {file} has no record in the log" for file in contents if file not in logged]
    return LogVerified(peaks.size, to_base64url(peaks.root), tuple(problems))


def _rows() -> Iterator[Row]:
    found = ("at", "kind", "subject", "about", "who")
    rows = LogEntry.objects.order_by("index").values_list("index", "leaf", "detail", "nodes", *found)
    for index, leaf, detail, nodes, *columns in rows.iterator():
        yield index, bytes(leaf), bytes(detail), bytes(nodes), (*columns,)


def _contents() -> Iterator[tuple[str, str]]:
    """The digest of each issued file, taken again from its bytes."""
    for file, raw in LicenseFile.objects.values_list("id", "raw").iterator():
        try:
            yield file, content_of(from_base64url(msgspec.json.decode(bytes(raw), type=JwsFields).payload))
        except (*_UNREADABLE, ValueError):
            yield file, ""  # it cannot be the one that was issued


def _issued_ids() -> Iterator[str]:
    for leaf in LogEntry.objects.values_list("leaf", flat=True).iterator():
        with suppress(*_UNREADABLE):  # that is told of its record
            record = msgspec.json.decode(bytes(leaf), type=LogRecord)
            if record.kind in OF_FILES:
                yield record.subject


PAGE = 50
_PART = 500


@dataclass(frozen=True)
class AuditQuery:
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


def read_audit(wanted: AuditQuery, *, before: int | None = None, size: int = PAGE) -> AuditPage:
    rows = _audit_rows(wanted).order_by("-index")
    found = list((rows.filter(index__lt=before) if before is not None else rows)[: size + 1])
    return AuditPage(_shown(found[:size]), found[size - 1] if len(found) > size else None)


def _shown(found: list[int]) -> tuple[LogShown, ...]:
    """The records of these numbers, in their order."""
    rows = LogEntry.objects.in_bulk(found)
    return tuple(shown(rows[index]) for index in found)


def export_csv(wanted: AuditQuery) -> Iterator[str]:
    """Lines, the oldest first, with a head. A cell that a spreadsheet would compute is written as text."""
    yield csv_line(["number", "when", "who", "what", "about", "why", "detail"])
    for one in _all(wanted):
        detail = "; ".join(f"{name}: {value}" for name, value in sorted(one.detail.items()))
        cells = [str(one.index), times.iso(one.at), one.who, one.kind, one.subject, one.why, detail]
        yield csv_line(cells)


def _all(wanted: AuditQuery) -> Iterator[LogShown]:
    """The oldest first, read a part at a time."""
    after = -1
    while part := list(_audit_rows(wanted).filter(index__gt=after).order_by("index")[:_PART]):
        yield from _shown(part)
        after = part[-1]


def _audit_rows(wanted: AuditQuery) -> "QuerySet[LogEntry, int]":
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
