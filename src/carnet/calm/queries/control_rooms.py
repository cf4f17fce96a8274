"""Looking at Control Rooms: what CALM knows of each, what was issued, what was refused, what is exposed."""

from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.models import (
    Acceptance,
    AcceptedLfr,
    AccountChange,
    ControlRoom,
    Counted,
    Enrolment,
    LicenseFile,
    RefusedFile,
    Spent,
)
from carnet.calm.customers.names import fold
from carnet.calm.purchases.models import Guid
from carnet.calm.use_cases.carrying import accepted_numbers
from carnet.calm.use_cases.exposures import exposed_lines
from carnet.calm.use_cases.guids import find_guid
from carnet.calm.use_cases.models import Proposal
from carnet.calm.use_cases.written_for import reads_of
from carnet.errors import UsageError
from carnet.exchange.reads import SiteReads


@dataclass(frozen=True)
class Exposed:
    """E11, E12, H1: what a Control Room that was released or written off, or a copy of it, could still use."""

    sku: str
    quantity: int
    until: datetime
    why: str  # released | written_off


@dataclass(frozen=True)
class RoomListed:
    control_room: str
    name: str
    account: str
    account_name: str
    guid: str | None
    guid_label: str | None
    state: str
    version: str
    confirmed: int
    newest_lfr: int
    changed_at: datetime
    exposed: tuple[Exposed, ...]


@dataclass(frozen=True)
class FileShown:
    license_file: str
    sequence: int
    lfr: str
    state: str
    issued_at: datetime
    install_by: datetime
    issued_by: str


@dataclass(frozen=True)
class LfrShown:
    lfr: str
    sequence: int
    kind: str
    accepted_at: datetime
    used: bool


@dataclass(frozen=True)
class CountShown:
    line_id: str
    sku: str
    period_start: datetime | None
    consumed: int


@dataclass(frozen=True)
class RefusedShown:
    code: str
    kind: str
    at: datetime
    sha256: str
    open: bool


@dataclass(frozen=True)
class AcceptanceShown:
    number: int
    lfr: str
    reason: str
    by: str
    second: str
    at: datetime
    numbers: tuple[str, ...]  # what it came to: a sentence for each product and period


@dataclass(frozen=True)
class AccountChangeShown:
    """E11. For vendor staff alone: customers are not told of each other."""

    at: datetime
    was: str  # the account's name,
    left: str  # and the label of the License GUID there
    now: str
    came_to: str
    by: str


@dataclass(frozen=True)
class SpentShown:
    sku: str
    purchase: str
    units: int
    period_start: datetime | None
    why: str


@dataclass(frozen=True)
class RoomShown:
    room: RoomListed
    checkpoint_size: int
    checkpoint_root: str
    license_files: tuple[FileShown, ...]
    lfrs: tuple[LfrShown, ...]
    counted: tuple[CountShown, ...]
    spent: tuple[SpentShown, ...]
    refused: tuple[RefusedShown, ...]
    acceptances: tuple[AcceptanceShown, ...]
    account_changes: tuple[AccountChangeShown, ...]
    proposals: tuple[str, ...]  # open ones, that wait for a second person
    reads: SiteReads | None  # E17: the versions of files that it reads, by its newest LFR


def list_rooms(*, now: datetime, start: int = 0, stop: int | None = None) -> list[RoomListed]:
    """By account and name; `start` and `stop` cut a page out."""
    rooms = ControlRoom.objects.select_related("account", "guid").order_by("account__name", "name", "id")[start:stop]
    exposed = _exposures(now)
    return [_listed(room, exposed.get(room.id, ())) for room in rooms]


def _listed(room: ControlRoom, exposed: tuple[Exposed, ...]) -> RoomListed:
    return RoomListed(
        room.id,
        room.name,
        room.account_id,
        room.account.name,
        room.guid_id,
        room.guid.label if room.guid else None,
        room.state,
        room.version,
        room.confirmed,
        room.last_sequence,
        room.changed_at,
        exposed,
    )


def _exposures(now: datetime) -> dict[str, tuple[Exposed, ...]]:
    found: dict[str, tuple[Exposed, ...]] = {}
    for enrolment in Enrolment.objects.filter(exposed_until__gt=now).order_by("started_at", "id"):
        lines = exposed_lines(enrolment, now)
        shown = tuple(Exposed(line.sku, line.quantity, line.until, enrolment.ended_by) for line in lines)
        found[enrolment.room_id] = (*found.get(enrolment.room_id, ()), *shown)
    return found


def find_named(name: str) -> ControlRoom:
    """By its id, or by the GUID it is bound to (id or label). Raises UsageError, also where several accounts use that
    label."""
    rooms = ControlRoom.objects.select_related("account", "guid")
    room = rooms.filter(id=name).first()
    if room is None and (Guid.objects.filter(id=name) | Guid.objects.filter(folded=fold(name))).exists():
        room = rooms.filter(guid=find_guid(name)).first()
    if room is None:
        raise UsageError(f"There is no Control Room “{name}”.", run="calm control-room list")
    return room


def id_of(name: str) -> str:
    """The id of a Control Room that CALM knows by that name; else the name itself: it may be one that CALM forgot
    (L6)."""
    known = RefusedFile.objects.filter(room=name).exists()
    return name if known else find_named(name).id


def show_room(name: str, *, now: datetime) -> RoomShown:
    room = find_named(name)
    return RoomShown(
        _listed(room, _exposures(now).get(room.id, ())),
        room.seen_size,
        room.seen_root,
        _files(room),
        _lfrs(room),
        _counts(room),
        _spent(room),
        _refused(room),
        _acceptances(room),
        _account_changes(room),
        tuple(Proposal.objects.filter(subject=room.id, state=Proposal.State.OPEN).values_list("id", flat=True)),
        next(iter(reads_of([room])), None),
    )


def _files(room: ControlRoom) -> tuple[FileShown, ...]:
    rows = LicenseFile.objects.filter(room=room).order_by("sequence").defer("raw")
    return tuple(
        FileShown(row.id, row.sequence, row.lfr_id or "", row.state, row.issued_at, row.install_by, row.issued_by)
        for row in rows
    )


def _lfrs(room: ControlRoom) -> tuple[LfrShown, ...]:
    rows = AcceptedLfr.objects.filter(room=room).order_by("accepted_at", "sequence").defer("raw")
    return tuple(LfrShown(row.id, row.sequence, row.kind, row.accepted_at, row.used) for row in rows)


def _counts(room: ControlRoom) -> tuple[CountShown, ...]:
    rows = Counted.objects.filter(room=room).order_by("sku", "line_id", "period_start")
    return tuple(CountShown(row.line_id, row.sku, row.period_start, row.units) for row in rows)


def _spent(room: ControlRoom) -> tuple[SpentShown, ...]:
    rows = Spent.objects.filter(enrolment__room=room).select_related("purchase").order_by("pk")
    return tuple(
        SpentShown(row.purchase.product_id, row.purchase_id, row.units, row.period_start, row.why) for row in rows
    )


def _refused(room: ControlRoom) -> tuple[RefusedShown, ...]:
    rows = RefusedFile.objects.filter(room=room.id).order_by("pk").defer("raw")
    return tuple(RefusedShown(row.code, row.kind, row.at, row.digest, not row.resolved) for row in rows)


def _acceptances(room: ControlRoom) -> tuple[AcceptanceShown, ...]:
    rows = Acceptance.objects.filter(room=room).order_by("number")
    return tuple(
        AcceptanceShown(row.number, row.lfr, row.reason, row.by, row.second, row.at, numbers)
        for row, numbers in accepted_numbers(rows)
    )


def _account_changes(room: ControlRoom) -> tuple[AccountChangeShown, ...]:
    rows = AccountChange.objects.filter(room=room).select_related("was__account", "now__account").order_by("at", "id")
    return tuple(
        AccountChangeShown(row.at, row.was.account.name, row.was.label, row.now.account.name, row.now.label, row.by)
        for row in rows
    )
