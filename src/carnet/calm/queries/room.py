"""The page of one License GUID and the Control Room bound to it: the four steps, both deadlines, and what happened."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from carnet.calm.control_rooms.changes import announced_changes
from carnet.calm.control_rooms.models import (
    Acceptance,
    AcceptedLfr,
    AccountChange,
    ControlRoom,
    LicenseFile,
    LossReport,
    RefusedFile,
)
from carnet.calm.customers.windows import read_windows
from carnet.calm.purchases.models import Guid
from carnet.calm.queries.difference import Difference, difference
from carnet.calm.queries.figures import (
    Figures,
    LineShown,
    figures_of,
    read_lines,
    read_site,
)
from carnet.calm.queries.preflight import latest_until
from carnet.calm.queries.states import (
    CycleShown,
    RoomState,
    Standing,
    cycle_of,
    standing_of,
)
from carnet.calm.queries.timeline import (
    Event,
    Whose,
    count_cycles,
    events,
)
from carnet.calm.use_cases.accounts import is_approved
from carnet.calm.use_cases.carrying import accepted_numbers
from carnet.calm.use_cases.selection import Selection, Shelf, read_shelf
from carnet.calm.use_cases.two_people import ProposalShown, open_proposals
from carnet.entitlements import Change
from carnet.errors import UsageError
from carnet.exchange.license_file_request import RefusalCount, RequestKind
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import request_window

ASIDE = 8  # events


@dataclass(frozen=True)
class RoomHead:
    room: str
    name: str
    version: str
    standing: Standing
    licensed_until: datetime | None
    grace_until: datetime | None
    installed: int  # the OLF that is confirmed; 0 for none
    first_seen: datetime
    seen_size: int


@dataclass(frozen=True)
class LfrShown:
    """Step 1: the newest LFR that was accepted, and what was checked."""

    id: str
    file_name: str
    sequence: int
    kind: str
    size: int
    digest: str
    generated_at: datetime
    accepted_at: datetime
    accepted_by: str
    used: bool
    state: str  # as the site states it
    installed: int
    opened_cycle: bool
    withdrawn_before: int
    new_keys: bool
    history_from: int  # 0: it is the first of this Control Room
    history_to: int
    accepted_against: tuple[str, ...] | None  # L2: two people accepted it against the history seen; what that came to
    set_backs: int
    largest_set_back_s: int
    owed: bool
    refusals: tuple[RefusalCount, ...]
    too_late: Refusal | None  # E5: an answer issued now could not be installed


@dataclass(frozen=True)
class RefusedShown:
    refused: int
    kind: str
    code: str
    refusal: Refusal
    sequence: int
    size: int
    at: datetime
    by: str
    is_open: bool
    newer: bool  # it came after the newest that was accepted
    is_whole: bool  # its bytes are kept (N2)


@dataclass(frozen=True)
class FileShown:
    """Step 4: the OLF that answers the newest LFR."""

    license_file: str
    file_name: str
    sequence: int
    size: int
    digest: str  # SHA-256
    state: str
    issued_at: datetime
    issued_by: str
    install_by: datetime
    valid_until: datetime
    log_index: int
    lapsed: bool
    site_clock_is_off: bool
    lowers_clock: bool
    lines: tuple[LineShown, ...]

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """Four lines of four groups of four."""
        groups = [self.digest[start : start + 4] for start in range(0, 64, 4)]
        return tuple(" ".join(groups[line : line + 4]) for line in range(0, 16, 4))


@dataclass(frozen=True)
class LossShown:
    """E12: a customer says that this Control Room is lost; not settled yet."""

    report: str
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Configure:
    """Step 2, with what the form begins with. Features are among the figures, by their metric."""

    figures: tuple[Figures, ...]
    products: dict[str, int]  # proposed, by product
    lines: dict[str, int]  # proposed, by purchase that starts later
    until: datetime | None
    latest_until: datetime | None


@dataclass(frozen=True)
class RoomPage:
    guid: str
    label: str
    account: str
    account_name: str
    approved: bool
    room: RoomHead | None
    step: int
    lfr: LfrShown | None
    refused: RefusedShown | None
    cycle: CycleShown | None
    configure: Configure | None
    difference: Difference | None  # of the OLF that was issued; before that, pre-flight has it
    file: FileShown | None
    events: tuple[Event, ...]
    cycles: int
    lost: LossShown | None
    proposals: tuple[ProposalShown, ...]  # open: a write-off, or a history to accept
    is_archived: bool
    changes: tuple[Change, ...]  # S: what becomes less of its products, and is announced now

    @property
    def locks(self) -> bool:
        """E8: whether the open cycle locks the site where it is missed: it is licensed, and its windows say so."""
        licensed = self.room is not None and self.room.installed > 0
        return licensed and self.cycle is not None and self.cycle.windows.missed_cycle_locks


def file_name(room: str, sequence: int, suffix: str) -> str:
    """`frankfurt-vault-0010.olf`."""
    words = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in room.lower()).split()
    return f"{'-'.join(words)[:60] or 'control-room'}-{sequence:04}.{suffix}"


def room_page(guid: str, now: datetime) -> RoomPage:
    """By the GUID's id. Raises UsageError where there is none."""
    license_guid = Guid.objects.select_related("account").filter(id=guid).first()
    if license_guid is None:
        raise UsageError(f"There is no License GUID “{guid}”.")
    room = _read_room(license_guid)
    lfr = room.newest_lfr if room else None
    answer = _read_answer(room, lfr)
    shelf = read_shelf(license_guid.account_id, license_guid.id, now)
    numbers = [room.confirmed if room else 0, answer.sequence if answer else 0]
    lines = read_lines(room.id if room else "", numbers)
    old = tuple(line for line in lines if room and line.file == room.confirmed)
    new = tuple(line for line in lines if answer and line.file == answer.sequence)
    approved = is_approved(license_guid.account_id)
    whose = Whose(license_guid.account_id, room.id if room else "", license_guid.id)
    configure = _configure(room, lfr, shelf, old, new, approved=approved)
    return RoomPage(
        license_guid.id,
        license_guid.label,
        license_guid.account_id,
        license_guid.account.name,
        approved,
        _head(room, now, answered=answer is not None) if room else None,
        _step(lfr, answer),
        _lfr(room, lfr, now) if room and lfr else None,
        _refused(license_guid, lfr),
        _cycle(room, lfr, now),
        configure,
        _difference(license_guid, answer, old, new, configure, now),
        _file(room, answer, new, now) if room and answer else None,
        events(whose, size=ASIDE).items,
        count_cycles(whose),
        _lost(room) if room else None,
        open_proposals(room.id) if room else (),
        license_guid.archived_at is not None,
        announced_changes(now, room=room.id).get(room.id, ()) if room else (),
    )


def _read_room(license_guid: Guid) -> ControlRoom | None:
    return ControlRoom.objects.filter(guid=license_guid).select_related("newest_lfr").defer("newest_lfr__raw").first()


def _read_answer(room: ControlRoom | None, lfr: AcceptedLfr | None) -> LicenseFile | None:
    if room is None or lfr is None or not lfr.used:
        return None
    return LicenseFile.objects.filter(lfr=lfr).defer("raw").first()


def _head(room: ControlRoom, now: datetime, *, answered: bool) -> RoomHead:
    return RoomHead(
        room.id,
        room.name,
        room.version,
        standing_of(room, now, answered=answered),
        room.licensed_until,
        room.grace_until,
        room.confirmed,
        _first_seen(room),
        room.seen_size,
    )


def _first_seen(room: ControlRoom) -> datetime:
    """In the time of this account (E11)."""
    came = AccountChange.objects.filter(room=room).order_by("-at").values_list("at", flat=True).first()
    return came or room.first_seen


def _step(lfr: AcceptedLfr | None, answer: LicenseFile | None) -> int:
    """The step that waits for somebody. Step 3 is step 2 reviewed: pre-flight moves on to it."""
    if lfr is None or lfr.deadline is None:
        return 1
    if answer is None:
        return 2
    return 1 if answer.state == LicenseFile.State.CONFIRMED else 4


def _lfr(room: ControlRoom, lfr: AcceptedLfr, now: datetime) -> LfrShown:
    windows = read_windows(lfr.windows)
    late = request_window(lfr.generated_at, lfr.deadline, windows, now) if lfr.deadline else None
    return LfrShown(
        lfr.id,
        file_name(room.name, lfr.sequence, "lfr"),
        lfr.sequence,
        lfr.kind,
        lfr.size,
        lfr.digest,
        lfr.generated_at,
        lfr.accepted_at,
        lfr.accepted_by,
        lfr.used,
        lfr.state,
        lfr.installed,
        lfr.opened_at == lfr.generated_at,
        lfr.withdrawn_before,
        lfr.new_keys,
        lfr.seen_from,
        lfr.seen_to,
        _accepted_against(room, lfr),
        lfr.set_backs,
        lfr.largest_set_back_s,
        lfr.owed,
        tuple(msgspec.json.decode(lfr.refusals, type=list[RefusalCount])),
        None if lfr.used else late,
    )


def _accepted_against(room: ControlRoom, lfr: AcceptedLfr) -> tuple[str, ...] | None:
    rows = list(accepted_numbers(Acceptance.objects.filter(room=room, lfr=lfr.id).order_by("number")))
    return tuple(sentence for _, numbers in rows for sentence in numbers) if rows else None


def _refused(license_guid: Guid, lfr: AcceptedLfr | None) -> RefusedShown | None:
    """The last file refused at this GUID."""
    rows = RefusedFile.objects.filter(guid=license_guid.id, kind="lfr").defer("raw")
    row = rows.order_by("-at", "-id").first()
    if row is None:
        return None
    taken = lfr or AcceptedLfr.objects.filter(enrolment__guid=license_guid).order_by("-accepted_at").first()
    return shown_refusal(row, newer=taken is None or row.at >= taken.accepted_at)


def shown_refusal(row: RefusedFile, *, newer: bool) -> RefusedShown:
    evidence = tuple(msgspec.json.decode(row.evidence, type=list[str]))
    refusal = Refusal(Code(row.code), row.message, row.next, evidence)
    return RefusedShown(
        row.pk,
        row.kind,
        row.code,
        refusal,
        row.sequence,
        row.size,
        row.at,
        row.by,
        not row.resolved,
        newer,
        row.is_whole,
    )


def _lost(room: ControlRoom) -> LossShown | None:
    row = LossReport.objects.filter(room=room, state=LossReport.State.OPEN).first()
    return LossShown(row.id, row.reason, row.by, row.at) if row else None


def _cycle(room: ControlRoom | None, lfr: AcceptedLfr | None, now: datetime) -> CycleShown | None:
    if room is None or lfr is None or room.cycle_opened_at is None or room.deadline is None:
        return None
    windows = read_windows(lfr.windows)
    return cycle_of(room.cycle_opened_at, lfr.generated_at, room.deadline, windows, now)


def _configure(
    room: ControlRoom | None,
    lfr: AcceptedLfr | None,
    shelf: Shelf,
    old: tuple[LineShown, ...],
    new: tuple[LineShown, ...],
    *,
    approved: bool,
) -> Configure | None:
    if room is None or lfr is None or room.state != RoomState.ACTIVE:
        return None
    figures = figures_of(read_site(room, lfr, shelf, old))
    later = {line.purchase for row in figures for line in row.later}
    given = new or old
    products = {row.sku: row.proposed for row in figures}
    if new:  # issued already: the numbers that were given
        now_given = [line for line in new if line.purchase not in later]
        products = {row.sku: _sum(line for line in now_given if line.sku == row.sku) for row in figures}
    lines = {purchase: _sum(line for line in given if line.purchase == purchase) for purchase in sorted(later)}
    latest = latest_until(figures, Selection(products, lines))
    until = _proposed_until(lfr, shelf, old, latest, approved=approved)
    return Configure(figures, products, lines, until, latest)


def _proposed_until(
    lfr: AcceptedLfr, shelf: Shelf, old: tuple[LineShown, ...], latest: datetime | None, *, approved: bool
) -> datetime | None:
    """The end that the form begins with; None: each line to its own purchase's end. A renewal begins so, and what is
    installed with ends that differ; else the end that is installed."""
    running = [line for line in old if shelf.now < line.valid_until]
    if lfr.kind == RequestKind.RENEWAL and approved:
        return None
    if running:
        ends = {line.valid_until for line in running}
        return ends.pop() if len(ends) == 1 and running[0].valid_from <= shelf.now else None
    return latest if approved else max((line.valid_until for line in old), default=latest)


def _sum(lines: Iterable[LineShown]) -> int:
    return sum(line.quantity for line in lines)


def _difference(
    license_guid: Guid,
    answer: LicenseFile | None,
    old: tuple[LineShown, ...],
    new: tuple[LineShown, ...],
    configure: Configure | None,
    now: datetime,
) -> Difference | None:
    if answer is None or configure is None:
        return None
    if answer.state == LicenseFile.State.CONFIRMED:
        return None  # it is what is installed
    return difference(old, new, configure.figures, license_guid.account.name, now)


def _file(room: ControlRoom, answer: LicenseFile, lines: tuple[LineShown, ...], now: datetime) -> FileShown:
    waiting = answer.state == LicenseFile.State.ISSUED
    return FileShown(
        answer.id,
        file_name(room.name, answer.sequence, "olf"),
        answer.sequence,
        answer.size,
        answer.digest,
        answer.state,
        answer.issued_at,
        answer.issued_by,
        answer.install_by,
        answer.valid_until,
        answer.log_index,
        waiting and now >= answer.install_by,
        answer.site_clock_is_off,
        answer.lowers_clock,
        lines,
    )
