"""What happened, newest first: of one Control Room (its cycles), or of a whole account."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from django.db.models import Q

from carnet.calm.control_rooms.models import (
    Acceptance,
    AcceptedLfr,
    AccountChange,
    Enrolment,
    LicenseFile,
    LossReport,
    RefusedFile,
)
from carnet.calm.use_cases.carrying import accepted_numbers

T = TypeVar("T")


class EventKind(StrEnum):
    CAME_TO_ACCOUNT = "came_to_account"
    ENROLLED = "enrolled"
    REQUEST_SUPERSEDED = "request_superseded"
    REQUEST_ACCEPTED = "request_accepted"
    REQUEST_REFUSED = "request_refused"
    RECEIPT_REFUSED = "receipt_refused"
    FILE_ISSUED = "file_issued"
    FILE_CONFIRMED = "file_confirmed"
    FILE_DISPROVED = "file_disproved"
    HISTORY_ACCEPTED = "history_accepted"
    REPORTED_LOST = "reported_lost"
    LOSS_SETTLED = "loss_settled"
    RELEASED = "released"
    WRITTEN_OFF = "written_off"
    LEFT_ACCOUNT = "left_account"


_ORDER = {kind: place for place, kind in enumerate(EventKind)}  # of one moment: as they follow from one another


@dataclass(frozen=True)
class Event:
    """`number`: of the LFR, or of the OLF. `what`: the LFR's kind, the refusal's code, or how a file was settled.
    `target`: the id of the LFR, OLF or refused file (its number)."""

    kind: EventKind
    at: datetime
    room: str
    room_name: str
    guid: str
    number: int = 0
    what: str = ""
    by: str = ""
    target: str = ""
    cycle: str = ""
    opened: bool = False  # this LFR opened the cycle
    newer: int = 0  # the LFR that superseded it
    note: str = ""
    numbers: tuple[str, ...] = ()  # L2: what an accepted history came to


@dataclass(frozen=True)
class Page(Generic[T]):
    items: tuple[T, ...]
    number: int  # from 1
    has_more: bool


def page_of(items: list[T], number: int, size: int) -> Page[T]:
    """`items` are the first `number * size + 1`, or fewer."""
    start = (number - 1) * size
    return Page(tuple(items[start : start + size]), number, len(items) > start + size)


@dataclass(frozen=True)
class Whose:
    """All of an account; or of it a Control Room and the License GUID (whatever was bound to it, and files uploaded
    for it). Of a Control Room that came from another account (E11), only what was in the time of this one."""

    account: str
    room: str = ""
    guid: str = ""

    def of(self, guid: str) -> Q:
        """`guid`: the path to the GUID of what a row belongs to."""
        own = Q(**{f"{guid}__account_id": self.account})
        return own & self._either(f"{guid}_id", "room_id")

    @property
    def refused(self) -> Q:
        return Q(account=self.account) & self._either("guid", "room")

    def _either(self, guid: str, room: str) -> Q:
        found = Q(**{room: self.room}) if self.room else Q()
        return found | Q(**{guid: self.guid}) if self.guid else found


def events(whose: Whose, *, page: int = 1, size: int = 50) -> Page[Event]:
    """The number of queries does not depend on the rows."""
    most = page * size + 1
    found = [event for source in _SOURCES for event in source(whose, most)]
    found.sort(key=lambda event: (event.at, _ORDER[event.kind], event.number), reverse=True)
    return page_of(found, page, size)


def _lfrs(whose: Whose, most: int) -> Iterator[Event]:
    rows = (
        AcceptedLfr.objects.filter(whose.of("enrolment__guid"))
        .select_related("room", "enrolment")
        .defer("raw", "totals", "refusals")
    )
    newer: dict[str, AcceptedLfr] = {}
    for row in rows.order_by("-accepted_at", "-sequence")[:most]:
        guid, next_one = row.enrolment.guid_id, newer.get(row.room_id)
        opened = row.opened_at == row.generated_at
        about = (row.room_id, row.room.name, guid, row.sequence, row.kind)
        yield Event(
            EventKind.REQUEST_ACCEPTED, row.accepted_at, *about, row.accepted_by, row.id, row.cycle, opened=opened
        )
        if next_one and not row.used and row.kind != "release":
            over = next_one.sequence
            kind = EventKind.REQUEST_SUPERSEDED
            yield Event(kind, next_one.accepted_at, *about, target=row.id, cycle=row.cycle, newer=over)
        newer[row.room_id] = row


def _files(whose: Whose, most: int) -> Iterator[Event]:
    rows = LicenseFile.objects.filter(whose.of("enrolment__guid")).select_related("room", "enrolment", "lfr")
    rows = rows.defer("raw", "lfr__raw", "lfr__totals", "lfr__refusals")
    for row in rows.order_by("-issued_at", "-sequence")[:most]:
        about = (row.room_id, row.room.name, row.enrolment.guid_id, row.sequence)
        cycle = row.lfr.cycle if row.lfr else ""  # L6: what it answered is forgotten
        yield Event(EventKind.FILE_ISSUED, row.issued_at, *about, "", row.issued_by, row.id, cycle)
        if row.settled_at:
            confirmed = row.state == LicenseFile.State.CONFIRMED
            kind = EventKind.FILE_CONFIRMED if confirmed else EventKind.FILE_DISPROVED
            yield Event(kind, row.settled_at, *about, row.settled_by, "", row.id, cycle)


def _refusals(whose: Whose, most: int) -> Iterator[Event]:
    rows = RefusedFile.objects.filter(whose.refused).defer("raw").order_by("-at", "-id")[:most]
    for row in rows:
        kind = EventKind.REQUEST_REFUSED if row.kind == "lfr" else EventKind.RECEIPT_REFUSED
        yield Event(
            kind, row.at, row.room, row.name, row.guid, row.sequence, row.code, row.by, str(row.pk), note=row.message
        )


def _acceptances(whose: Whose, most: int) -> Iterator[Event]:
    lfrs = AcceptedLfr.objects.filter(whose.of("enrolment__guid")).values("id")
    rows = Acceptance.objects.filter(lfr__in=lfrs).select_related("room").order_by("-at", "-number")[:most]
    for row, numbers in accepted_numbers(rows):
        kind, guid = EventKind.HISTORY_ACCEPTED, row.room.guid_id or ""
        by, about = f"{row.by}, {row.second}", (row.room_id, row.room.name, guid, row.number)
        yield Event(kind, row.at, *about, "", by, row.lfr, note=row.reason, numbers=numbers)


def _enrolments(whose: Whose, most: int) -> Iterator[Event]:
    rows = Enrolment.objects.filter(whose.of("guid")).select_related("room").order_by("-started_at", "-id")[:most]
    for row in rows:
        about = (row.room_id, row.room.name, row.guid_id)
        yield Event(EventKind.ENROLLED, row.started_at, *about)
        if row.ended_at:
            yield Event(EventKind(row.ended_by), row.ended_at, *about)


def _losses(whose: Whose, most: int) -> Iterator[Event]:
    rows = LossReport.objects.filter(whose.of("guid")).select_related("room").order_by("-at", "-id")[:most]
    for row in rows:
        about = (row.room_id, row.room.name, row.guid_id)
        yield Event(EventKind.REPORTED_LOST, row.at, *about, by=row.by, target=row.id, note=row.reason)
        if row.settled_at:
            kind = EventKind.LOSS_SETTLED
            yield Event(kind, row.settled_at, *about, what=row.state, by=row.settled_by, target=row.id)


def _account_changes(whose: Whose, most: int) -> Iterator[Event]:
    """E11: nobody is told which the other account is."""
    for kind, side in ((EventKind.LEFT_ACCOUNT, "was"), (EventKind.CAME_TO_ACCOUNT, "now")):
        rows = AccountChange.objects.filter(whose.of(side)).select_related("room").order_by("-at", "-id")[:most]
        for row in rows:
            guid = row.was_id if side == "was" else row.now_id
            yield Event(kind, row.at, row.room_id, row.room.name, guid, target=row.lfr if side == "now" else "")


_SOURCES: tuple[Callable[[Whose, int], Iterator[Event]], ...] = (
    _lfrs,
    _files,
    _refusals,
    _acceptances,
    _enrolments,
    _losses,
    _account_changes,
)


@dataclass(frozen=True)
class CycleEvents:
    """The events of one cycle, or (`cycle` empty) what happened between two."""

    cycle: str
    events: tuple[Event, ...]


def by_cycle(found: tuple[Event, ...]) -> tuple[CycleEvents, ...]:
    """Neighbours of one cycle together, newest first."""
    groups: list[list[Event]] = []
    for event in found:
        if groups and groups[-1][0].cycle == event.cycle:
            groups[-1].append(event)
        else:
            groups.append([event])
    return tuple(CycleEvents(group[0].cycle, tuple(group)) for group in groups)


def count_cycles(whose: Whose) -> int:
    rows = AcceptedLfr.objects.filter(whose.of("enrolment__guid")).exclude(cycle="")
    return rows.values("cycle").distinct().count()
