"""Carrying out what an LFR says, once it was judged (`judging`), or accepted by two people (`histories`): enrol, keys,
what is out (H2), what is counted (Q3), the checkpoint seen, and, for a release LFR, the release (E11)."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from carnet.calm.control_rooms.counting import (
    Count,
    Where,
    merge,
    newest_periods,
)
from carnet.calm.control_rooms.models import (
    AcceptedLfr,
    AccountChange,
    ControlRoom,
    Counted,
    Enrolment,
    Kept,
    LicenseFile,
    LicenseLine,
    LossReport,
    SeenCheckpoint,
    Spent,
)
from carnet.calm.control_rooms.positions import periods_of, read_position, write_position
from carnet.calm.customers.windows import read_windows
from carnet.calm.purchases.books import (
    Closing,
    Periods,
    Position,
    Report,
    Units,
    close,
    line_id,
    settle,
)
from carnet.calm.purchases.models import Guid, Purchase
from carnet.calm.use_cases.context import Act
from carnet.calm.use_cases.denormalised import (
    lfr_row,
    note_confirmed,
    note_ended,
    note_installed,
    note_lfr,
)
from carnet.calm.use_cases.exposures import end_readmission, note_exposure
from carnet.calm.use_cases.models import Token
from carnet.calm.use_cases.validate_lfr import (
    Case,
    own_keys,
    pending_keys,
    read_counted,
    retire,
    retired_keys,
)
from carnet.entitlements import COUNTED_IN_UNITS
from carnet.exchange.history import History
from carnet.exchange.keys import OkpKey
from carnet.exchange.license_file_request import KeyPair, LicenseFileRequest
from carnet.exchange.windows import Windows

if TYPE_CHECKING:
    from django.db.models import QuerySet

State = ControlRoom.State


def apply_lfr(doing: Act, case: Case) -> tuple[ControlRoom, AcceptedLfr]:
    """One LFR, in the order in which its parts stand on one another."""
    room = case.room or new_room(doing, case.lfr, case.guid.account_id)
    if case.room is None:
        _enrol(doing, room, case)
    elif case.token:
        _take_as_release(doing, room, case)
        _enrol(doing, room, case)
        _count_late(room, case)
    else:
        _take_report(doing, room, case)
    take_key(room, case.lfr.control_room.signing_key, case.lfr.ledger.checkpoint.size)
    if case.lfr.new_keys:
        room.pending_keys = _text(case.lfr.new_keys)
    accepted = _keep_lfr(doing, room, case)
    room.name, room.version = case.lfr.control_room.name, case.lfr.control_room.version
    room.reads = _text(case.lfr.reads)  # E17
    room.last_sequence, room.newest_lfr = case.lfr.sequence, accepted
    room.history_stated = case.lfr.history_accepted
    note_lfr(room, accepted)
    see(room, case.lfr.ledger, case.lfr.request_id, f"LFR {case.lfr.sequence}", _text(case.stated), doing.now)
    if case.is_release:
        _release(room, doing)
    room.changed_at = doing.now
    room.save(force_update=True)
    return room, accepted


def new_room(doing: Act, lfr: LicenseFileRequest, account: str) -> ControlRoom:
    """A Control Room as its first LFR states it."""
    stated = lfr.control_room
    room = ControlRoom(
        id=stated.id,
        account_id=account,
        name=stated.name,
        version=stated.version,
        state=State.ACTIVE,
        keys=_text(KeyPair(signing_key=stated.signing_key, sealing_key=stated.sealing_key)),
        first_seen=doing.now,
        changed_at=doing.now,
    )
    room.save(force_insert=True)
    return room


def _enrol(doing: Act, room: ControlRoom, case: Case) -> None:
    """E2: uses the token up. H5: binds the GUID."""
    assert case.token is not None
    enrolment = Enrolment(id=doing.new_id(), room=room, guid=case.guid, token=case.token.id, started_at=doing.now)
    enrolment.save(force_insert=True)
    if room.account_id != case.guid.account_id:
        change_account(doing, room, case.guid, case.lfr.request_id)
    room.enrolment, room.guid, room.state = enrolment, case.guid, State.ACTIVE
    end_readmission(case.guid.id)
    room.readmitted_at = None
    note_confirmed(room, None)


def change_account(doing: Act, room: ControlRoom, guid: Guid, lfr: str) -> None:
    """E11: it was released under the other account, whose purchases keep what was spent (H4)."""
    left, was = room.enrolment, room.account_id
    assert left is not None
    change = AccountChange(room=room, was=left.guid, now=guid, lfr=lfr, by=doing.by, at=doing.now)
    change.save(force_insert=True)
    room.account = guid.account
    doing.record("control_room.account_changed", room.id, was=was, now=room.account_id, left=left.guid_id)


def take_key(room: ControlRoom, signer: OkpKey, at: int) -> None:
    """E15: the first file that the new key signed makes it the room's own, and retires the old one. `at`: the size of
    the ledger in that file."""
    pending = pending_keys(room)
    if pending and pending.signing_key == signer:
        room.retired_keys = retire(retired_keys(room), own_keys(room).signing_key.kid, at)
        room.keys, room.pending_keys = room.pending_keys, ""


def _keep_lfr(doing: Act, room: ControlRoom, case: Case) -> AcceptedLfr:
    known = AcceptedLfr.objects.filter(id=case.lfr.request_id, room=room, believed=False).first()
    if known:  # L2: of a history that was given up, and is accepted again
        return _believe_again(known)
    accepted = lfr_row(doing, room, case.read, signed_windows(case))
    accepted.save(force_insert=True)
    return accepted


def signed_windows(case: Case) -> Windows:
    """E18: the windows that CALM signed for the site: in the OLF that the LFR names as installed, else in the token."""
    if case.installed:
        return read_windows(case.installed.windows)
    token = case.token or Token.objects.filter(id=case.lfr.enrolment.token_id).first()
    return read_windows(token.windows) if token else Windows()


def _believe_again(accepted: AcceptedLfr) -> AcceptedLfr:
    """Its answer may be on the way to the site, or there: it is out again (H2)."""
    accepted.believed = True
    accepted.save(force_update=True, update_fields=["believed"])
    files = LicenseFile.objects.filter(lfr=accepted)
    files.update(state=LicenseFile.State.ISSUED, settled_at=None, settled_by="")
    LicenseLine.objects.filter(license_file__lfr=accepted).update(out=True)
    return accepted


def see(room: ControlRoom, ledger: History, of: str, words: str, totals: str, now: datetime) -> None:
    """L2: what CALM saw last, and what it will know later files by."""
    room.seen_size, room.seen_root = ledger.checkpoint.size, ledger.checkpoint.root
    SeenCheckpoint(
        room=room,
        size=ledger.checkpoint.size,
        root=ledger.checkpoint.root,
        of=of,
        words=words,
        at=now,
        history=_text(ledger),
        totals=totals,
    ).save(force_insert=True)


def _take_report(doing: Act, room: ControlRoom, case: Case) -> None:
    """H2: what this LFR confirms, disproves and returns; Q3: what it counts."""
    assert room.enrolment is not None
    confirm(room, case.installed, case.lfr.sequence, doing.now)
    counted = write_counts(room, case)
    _count_late(room, case)
    stated = {line.line_id for line in case.stated.units}
    position = read_position(room.id, room.enrolment.id, None if case.is_release else stated)
    periods = periods_of(position.purchases())
    report = Report(
        installed=_proven_installed(room, position, case),
        lfr=case.lfr.sequence,
        at=case.lfr.generated_at,
        consumed=_consumed(room.enrolment.id, position, case.lfr, counted),
        gives_up=case.gives_up,
    )
    after = settle(position, report, periods, doing.now)
    write_position(room.id, room.enrolment.id, room.enrolment.guid_id, position, after)
    if case.is_release:
        _close(doing, room, case.lfr, after, periods, counted, why="released")


def _proven_installed(room: ControlRoom, position: Position, case: Case) -> int | None:
    """H2: the OLF that the LFR proves to be installed.

    A release LFR that names no OLF proves nothing (None). Exception: CALM never saw an OLF confirmed and the LFR states
    no line of one. Then none is installed (0), and generating the LFR voided the OLFs that were on their way.
    """
    last_word = case.is_release or case.token is not None
    if case.installed or not last_word:
        return room.confirmed
    never = room.confirmed == 0 and not case.gives_up and not _states_any(room, position, case.lfr)
    return 0 if never else None


def _states_any(room: ControlRoom, position: Position, lfr: LicenseFileRequest) -> bool:
    out = {line_id(str(room.enrolment_id), line.purchase) for line in position.lines}
    return any(line.line_id in out for line in lfr.totals.record.body.lines)


def confirm(room: ControlRoom, installed: LicenseFile | None, lfr: int | None, now: datetime) -> None:
    """H2: the OLF named is confirmed; for the LFR numbered `lfr`, each later one issued before it is disproved."""
    by = "receipt" if lfr is None else "lfr"
    if installed:
        if installed.state != LicenseFile.State.CONFIRMED:
            _settle(LicenseFile.objects.filter(pk=installed.pk), LicenseFile.State.CONFIRMED, by, now)
            note_installed(room, installed)
        note_confirmed(room, installed)
    if lfr is not None:
        later = LicenseFile.objects.filter(room=room, sequence__gt=room.confirmed, lfr__sequence__lt=lfr)
        _settle(later.filter(state=LicenseFile.State.ISSUED), LicenseFile.State.DISPROVED, by, now)


def _settle(files: "QuerySet[LicenseFile]", state: LicenseFile.State, by: str, now: datetime) -> None:
    files.update(state=state, settled_by=by, settled_at=now)


def write_counts(room: ControlRoom, case: Case) -> dict[Where, Count]:
    """Q3, for the lines of this enrolment. Those of the one before, which the site states until its first OLF, were
    settled when that one ended (H4)."""
    before = read_counted(room, case.stated)
    after = merge(before, case.counts)
    changed = {where: count for where, count in after.items() if before.get(where) != count}
    issued = LicenseLine.objects.filter(room=room, license_file__enrolment=room.enrolment_id)
    own = set(issued.filter(line_id__in={line for line, _ in changed}).values_list("line_id", flat=True))
    _store_counts(room, {where: count for where, count in changed.items() if where[0] in own}, before)
    return after


def _store_counts(room: ControlRoom, changed: Mapping[Where, Count], before: Mapping[Where, Count]) -> None:
    for (line, start), count in changed.items():
        if (line, start) in before:
            row = Counted.objects.filter(room=room, line_id=line, period_start=start)
            row.update(units=count.units, stated=count.stated)
    Counted.objects.bulk_create(
        Counted(
            room=room,
            enrolment_id=str(room.enrolment_id),
            line_id=line,
            sku=count.sku,
            period_start=start,
            units=count.units,
            stated=count.stated,
        )
        for (line, start), count in changed.items()
        if (line, start) not in before
    )


def _consumed(
    enrolment: str, position: Position, lfr: LicenseFileRequest, counted: Mapping[Where, Count]
) -> dict[str, Units]:
    """By purchase: what CALM counts on the line that the LFR states, in the period that it states."""
    purchases = {line_id(enrolment, purchase): purchase for purchase in position.purchases()}
    return {
        purchases[line]: Units(counted[line, start].units, start)
        for line, start in _newest_stated(lfr).items()
        if line in purchases
    }


def _newest_stated(lfr: LicenseFileRequest) -> dict[str, datetime | None]:
    """The lines of units that it states, each with the newest period that it states."""
    lines = lfr.totals.record.body.lines
    return newest_periods((line.line_id, line.period_start) for line in lines if line.metric.kind.counts_units)


def _take_as_release(doing: Act, room: ControlRoom, case: Case) -> None:
    """E11: the first LFR under a new token stands for a release LFR that was lost. A Control Room that was released
    before has nothing left to return."""
    if room.state != State.ACTIVE or room.enrolment is None:
        return
    counted = write_counts(room, case)
    after, periods = _last_position(room, case, counted, doing.now)
    confirm(room, None, case.lfr.sequence, doing.now)
    _close(doing, room, case.lfr, after, periods, counted, why="released")
    end(room.enrolment, doing.now, "released")
    settle_loss(room.id, LossReport.State.RELEASED, doing)
    room.guid = None
    doing.record("control_room.released", room.id, "the first LFR under a new token", lfr=case.lfr.request_id)


def _last_position(
    room: ControlRoom, case: Case, counted: Mapping[Where, Count], now: datetime
) -> tuple[Position, Periods]:
    """What is out under the enrolment before, after the LFR that stands for its release."""
    enrolment = str(room.enrolment_id)
    position = read_position(room.id, enrolment)
    periods = periods_of(position.purchases())
    consumed = _consumed(enrolment, position, case.lfr, counted)
    installed = _proven_installed(room, position, case)
    return settle(position, Report(installed, case.lfr.sequence, None, consumed), periods, now), periods


def ending(room: ControlRoom, case: Case, now: datetime) -> dict[str, Closing]:
    """What the enrolment in force would leave, if this LFR under a new token stood for its release. Nothing changes."""
    counted = merge(read_counted(room, case.stated), case.counts)
    position, periods = _last_position(room, case, counted, now)
    proven = set(_consumed(str(room.enrolment_id), position, case.lfr, counted))
    return _closings(position, proven, periods, now)


def _close(
    doing: Act,
    room: ControlRoom,
    lfr: LicenseFileRequest,
    position: Position,
    periods: Periods,
    counted: Mapping[Where, Count],
    *,
    why: str,
) -> None:
    """H4: only what was not consumed returns."""
    assert room.enrolment is not None
    closed = list(Spent.objects.filter(enrolment=room.enrolment))
    if closed:
        _correct(room.enrolment.id, closed, lfr, counted)
        return
    proven = set(_consumed(room.enrolment.id, position, lfr, counted))
    write_closing(room.enrolment, position, proven, periods, doing.now, why)
    note_exposure(room.enrolment, position, room.confirmed)


def _closings(position: Position, proven: set[str], periods: Periods, now: datetime) -> dict[str, Closing]:
    units = Purchase.objects.filter(id__in=position.purchases(), product__metric__in=COUNTED_IN_UNITS)
    return close(position, units.values_list("id", flat=True), proven, periods, now)


def write_closing(
    enrolment: Enrolment, position: Position, proven: set[str], periods: Periods, now: datetime, why: str
) -> None:
    closings = _closings(position, proven, periods, now)
    Spent.objects.bulk_create(
        Spent(
            enrolment=enrolment,
            purchase_id=purchase,
            units=closing.spent.units,
            period_start=closing.spent.period_start,
            most=closing.most,
            late=closing.late,
            why=why,
        )
        for purchase, closing in closings.items()
    )
    LicenseLine.objects.filter(room=enrolment.room_id, out=True).update(out=False)
    Kept.objects.filter(enrolment=enrolment).update(live=False)


def _correct(enrolment: str, closed: list[Spent], lfr: LicenseFileRequest, counted: Mapping[Where, Count]) -> None:
    """E11, E12: a release LFR of an enrolment that ended already corrects what was consumed; nothing counts twice."""
    stated = _newest_stated(lfr)
    for spent in closed:
        line = line_id(enrolment, spent.purchase_id)
        if line not in stated:
            continue
        start = stated[line]
        units = min(counted[line, start].units, spent.most)
        if spent.why == "released" and start == spent.period_start:
            spent.late += max(0, units - spent.units)
        if start == spent.period_start or (start and spent.period_start and start > spent.period_start):
            spent.units, spent.period_start = units, start
        elif start and spent.period_start and spent.why == "written_off":
            spent.units = 0  # the release LFR is from an earlier period: nothing was consumed in this one
    Spent.objects.bulk_update(closed, ["units", "period_start", "late"])


def _count_late(room: ControlRoom, case: Case) -> None:
    """H2: a total of an older enrolment that rises, although its release was final. The site states these lines until
    its first OLF."""
    ended = Spent.objects.filter(enrolment__room=room).exclude(enrolment=room.enrolment)
    for spent in ended if case.counts else ():
        count = case.counts.get((line_id(str(spent.enrolment_id), spent.purchase_id), spent.period_start))
        rise = min(count.units, spent.most) - spent.units if count else 0
        if rise > 0:
            spent.units, spent.late = spent.units + rise, spent.late + rise
            spent.save(force_update=True, update_fields=["units", "late"])


def _release(room: ControlRoom, doing: Act) -> None:
    """E11: the GUID is free (H5). Only of an enrolment that is open: a second release LFR changes nothing more."""
    assert room.enrolment is not None
    if room.state == State.ACTIVE:
        end(room.enrolment, doing.now, "released")
    elif room.state == State.WRITTEN_OFF:  # it came back, and gives up what it had
        end(room.enrolment, room.enrolment.ended_at or doing.now, "released")
    room.guid, room.state = None, State.RELEASED
    note_ended(room)
    settle_loss(room.id, LossReport.State.RELEASED, doing)


def end(enrolment: Enrolment, at: datetime, how: str) -> None:
    """`how`: released or written_off. What it leaves was noted before."""
    enrolment.ended_at, enrolment.ended_by = at, how
    enrolment.save(force_update=True, update_fields=["ended_at", "ended_by", "exposed", "exposed_until"])


def settle_loss(room: str, how: LossReport.State, doing: Act) -> None:
    """What was reported lost is written off, or is released."""
    opened = LossReport.objects.filter(room=room, state=LossReport.State.OPEN)
    opened.update(state=how, settled_at=doing.now, settled_by=doing.by)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


__all__ = [
    "apply_lfr",
    "change_account",
    "confirm",
    "end",
    "ending",
    "new_room",
    "see",
    "settle_loss",
    "take_key",
    "write_closing",
    "write_counts",
]
