"""L2: the evidence of a history that CALM did not see before, and accepting it, by two people (A3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from carnet.calm.control_rooms.counting import (
    Acceptance,
    Carried,
    Count,
    Stated,
    Where,
    carry,
    effective,
    reopened,
    stated_in,
    to_add,
)
from carnet.calm.control_rooms.history import first_parting, newest_shared
from carnet.calm.control_rooms.models import Acceptance as AcceptanceRow
from carnet.calm.control_rooms.models import (
    AcceptedLfr,
    ControlRoom,
    Counted,
    Enrolment,
    LicenseFile,
    LicenseLine,
    RefusedFile,
    SeenCheckpoint,
)
from carnet.calm.purchases.models import Guid, Purchase
from carnet.calm.use_cases import lfr_refusals
from carnet.calm.use_cases.apply_lfr import apply_lfr, ending
from carnet.calm.use_cases.carrying import lower, said
from carnet.calm.use_cases.context import Act
from carnet.calm.use_cases.denormalised import note_confirmed
from carnet.calm.use_cases.models import Token
from carnet.calm.use_cases.validate_lfr import (
    Case,
    count,
    find_room,
    id_was_used,
    judge_identity,
    own_keys,
    pending_keys,
    read_acceptances,
    read_counted,
    retire,
    retired_keys,
)
from carnet.calm.use_cases.validate_statements import judge_statements, judge_token
from carnet.exchange.license_file_request import (
    KeyPair,
    LicenseFileRequest,
    ReadLfr,
    RequestKind,
    read_lfr,
)
from carnet.exchange.offline_license_file import MAX_ADDED
from carnet.exchange.strict import from_base64url
from carnet.exchange.verdicts import Code, Refusal
from carnet.merkle import Checkpoint
from carnet.times import stamp

MISMATCHES = (Code.HISTORY_MISMATCH, Code.HISTORY_NOT_SHOWN)


@dataclass(frozen=True)
class Comparison:
    """The two histories side by side."""

    shared: Checkpoint | None
    parting: int | None
    carried: tuple[Carried, ...]  # what accepting it would add


NOTHING_LOWER: Mapping[str, int] = {}


def compare(room: ControlRoom, lfr: LicenseFileRequest, entered: Mapping[str, int] = NOTHING_LOWER) -> Comparison:
    """`entered`: lower numbers to add, as two people decide (L2). Raises UsageError where they cannot be."""
    known = [(row.checkpoint, row.totals) for row in _seen(room.id)]
    shared = newest_shared(lfr.ledger, known)
    before: dict[Where, Count] = {}
    acceptances = read_acceptances(room.id)
    if shared:
        before = effective(msgspec.json.decode(shared[1], type=Stated), acceptances)
    stated = stated_in(lfr.totals.record.body.lines, lfr.history_accepted)
    counted = reopened(read_counted(room, stated), _stated_lines(lfr))
    carried = carry(to_add(counted, before), counted, effective(stated, acceptances))
    parting = first_parting(lfr.ledger, (checkpoint for checkpoint, _ in known))
    return Comparison(shared[0] if shared else None, parting, lower(carried, entered))


def _stated_lines(lfr: LicenseFileRequest) -> set[str]:
    return {line.line_id for line in lfr.totals.record.body.lines}


@dataclass(frozen=True)
class _Row:
    checkpoint: Checkpoint
    totals: str


def _seen(room: str) -> Iterator[_Row]:
    rows = SeenCheckpoint.objects.filter(room=room).values_list("size", "root", "totals")
    for size, root, totals in rows:
        yield _Row(Checkpoint(size, from_base64url(root)), totals)


def with_evidence(refusal: Refusal, room_id: str, lfr: LicenseFileRequest) -> Refusal:
    """The refusal of a history, with what a person needs to decide: what CALM knew, what the site claims, what next."""
    room = find_room(room_id) if refusal.code in MISMATCHES else None
    if room is None:
        return refusal
    refusal = replace(refusal, evidence=tuple(evidence_of(room, lfr)))
    if refusal.code is Code.HISTORY_MISMATCH and _is_of_former_enrolment(room, lfr):
        return replace(refusal, next=lfr_refusals.copy_of_ended_enrolment(room).next, run="")
    return refusal


def _is_of_former_enrolment(room: ControlRoom, lfr: LicenseFileRequest) -> bool:
    former = Enrolment.objects.filter(room=room, token=lfr.enrolment.token_id)
    return former.exclude(id=room.enrolment_id).exists()


def evidence_of(
    room: ControlRoom, lfr: LicenseFileRequest, entered: Mapping[str, int] = NOTHING_LOWER
) -> Iterator[str]:
    found, new = compare(room, lfr, entered), lfr.ledger.checkpoint
    last = SeenCheckpoint.objects.filter(room=room, believed=True).order_by("-size", "-id").first()
    if last:
        yield f"CALM saw last: {last.size} records, root {last.root[:16]}…, in {last.words}, taken {stamp(last.at)}"
    of = f"in LFR {lfr.sequence} of {stamp(lfr.generated_at)}"
    yield f"the site claims: {new.size} records, root {new.root[:16]}…, {of}"
    agree = f"they agree up to record {found.shared.size} at least" if found.shared else "no common record is shown"
    yield agree + (f", and part before record {found.parting}" if found.parting else "")
    named = f"license file {lfr.installed.sequence}" if lfr.installed else "no license file"
    confirmed = f"license file {room.confirmed}" if room.confirmed else "none"
    yield f"it names {named} as installed; CALM has proof of: {confirmed}"
    for sentence in said(found.carried):
        yield f"accepting it: {sentence}"


@dataclass(frozen=True)
class Acceptable:
    """A kept file whose history two people may accept."""

    refused: RefusedFile
    read: ReadLfr
    room: ControlRoom
    guid: Guid
    token: Token | None  # it enrols with this one


def find_acceptable(
    doing: Act, room_id: str, *, site_confirms: bool, refused: int | None = None
) -> Acceptable | Refusal:
    """The newest kept mismatch of the Control Room. `site_confirms`: it says by other means that this is its newest
    request, so that one that was not shown is taken too (L2). Judged when proposed, and again when confirmed."""
    room = find_room(room_id)
    if room is None:
        return _nothing(room_id, "CALM does not know this Control Room")
    codes = MISMATCHES if site_confirms else MISMATCHES[:1]
    rows = RefusedFile.objects.filter(room=room_id, kind="lfr", code__in=codes, resolved=False)
    row = rows.order_by("-id").first()
    if row is None or (refused is not None and row.pk != refused):
        return _nothing(room.name, "no LFR of it was refused for its history since the last one that was taken")
    read = read_lfr(bytes(row.raw), stored=True)
    if isinstance(read, Refusal):
        return _nothing(room.name, "its bytes are kept no longer")
    refusal = never_accepted(room, read)
    if refusal:
        return refusal
    guid = Guid.objects.get(id=row.guid)
    token = _token_of(doing, room, read, guid)
    return token if isinstance(token, Refusal) else Acceptable(row, read, room, guid, token)


def never_accepted(room: ControlRoom, read: ReadLfr) -> Refusal | None:
    why = _never(room, read)
    return _nothing(room.name, why) if why else None


def _never(room: ControlRoom, read: ReadLfr) -> str:
    """The histories that cannot be accepted."""
    lfr = read.lfr
    if AcceptedLfr.objects.filter(digest=read.envelope.digest, believed=True).exists():
        return "CALM took this very file already"
    if id_was_used(read):
        return "it has the id of another LFR"
    if not read.totals_proven():
        return "the totals in it are not those of the ledger that it shows (L3)"
    misstated = judge_statements(room, lfr)
    if misstated:
        return " ".join((misstated.message.rstrip("."), *misstated.evidence[:1]))
    release = lfr.kind is RequestKind.RELEASE
    same = room.enrolment is not None and lfr.enrolment.token_id == room.enrolment.token
    if room.state == ControlRoom.State.WRITTEN_OFF and not release:
        return "it was written off: only a release LFR of it is taken (E12)"
    if room.state == ControlRoom.State.RELEASED and same and not release:
        return "its enrolment was released: it comes back with a release LFR and a new token (E11)"
    return ""


def _nothing(room: str, why: str) -> Refusal:
    return Refusal(
        Code.NOTHING_TO_ACCEPT,
        f"There is no history of {room} to accept: {why}.",
        "Look at what was kept. Upload the Control Room's newest LFR first.",
        run="calm control-room show",
    )


def accept_history(
    doing: Act, found: Acceptable, *, reason: str, first: str, entered: Mapping[str, int] = NOTHING_LOWER
) -> tuple[ControlRoom, AcceptedLfr] | Refusal:
    """L2: from now on the LFR's sequence, installed OLF, checkpoint and key are what CALM believes; units counted in
    the history given up are added, or as many as were `entered`; later OLFs are disproved."""
    room, lfr = found.room, found.read.lfr
    installed = LicenseFile.objects.filter(id=lfr.installed.olf_id, room=room).first() if lfr.installed else None
    if lfr.installed and installed is None:
        return lfr_refusals.unknown_license_file(room.name, lfr.installed.sequence)
    carried = compare(room, lfr, entered).carried
    acceptance = _number(room, lfr, carried)
    case = _case(found, acceptance, installed)
    _believe_key(room, lfr)
    _give_up(room, lfr, installed, doing.now)
    _save(doing, room, acceptance.number, carried, lfr, reason=reason, first=first)
    answer = apply_lfr(doing, case)
    settle_refusals(room.id)
    return answer


def accept_known_history(
    doing: Act, case: Case, *, reason: str, first: str, entered: Mapping[str, int] = NOTHING_LOWER
) -> AcceptedLfr:
    """L2, where the OLF that the LFR names was taken back (L6): its history is accepted with it."""
    room, lfr = case.room, case.lfr
    assert room is not None
    carried = compare(room, lfr, entered).carried
    acceptance = _number(room, lfr, carried)
    _give_up(room, lfr, case.installed, doing.now)
    _save(doing, room, acceptance.number, carried, lfr, reason=reason, first=first)
    case = count(replace(case, gives_up=True), (*case.acceptances, acceptance))
    return apply_lfr(doing, case)[1]


def _case(found: Acceptable, acceptance: Acceptance, installed: LicenseFile | None) -> Case:
    lfr = found.read.lfr
    stated = stated_in(lfr.totals.record.body.lines, lfr.history_accepted)
    case = Case(found.read, found.guid, found.room, found.token, stated, {}, installed, gives_up=True)
    return count(case, (*read_acceptances(found.room.id), acceptance))


def consequences(found: Acceptable, now: datetime, entered: Mapping[str, int] = NOTHING_LOWER) -> Iterator[str]:
    """What two people need to decide, and what accepting it spends of the enrolment in force, where it ends that."""
    room, lfr = found.room, found.read.lfr
    yield from evidence_of(room, lfr, entered)
    if found.token is None or room.state != ControlRoom.State.ACTIVE:
        return
    acceptance = _number(room, lfr, compare(room, lfr, entered).carried)
    closings = ending(room, _case(found, acceptance, None), now)
    for purchase in Purchase.objects.filter(id__in=closings).order_by("product", "id"):
        closing = closings[purchase.id]
        words = f"{purchase.product_id}: {closing.most} held, {closing.spent.units} become spent"
        yield f"it ends the enrolment in force: {words}"


def settle_refusals(room: str) -> None:
    """What was refused before a file was taken is no longer there to be accepted."""
    RefusedFile.objects.filter(room=room, resolved=False).update(resolved=True)


def _token_of(doing: Act, room: ControlRoom, read: ReadLfr, guid: Guid) -> Token | Refusal | None:
    """The token that the LFR enrols with, where it is not the Control Room's present one."""
    lfr = read.lfr
    refusal = judge_identity(room, read, guid)
    if refusal:
        return refusal
    if room.enrolment and lfr.enrolment.token_id == room.enrolment.token:
        return None
    if _is_of_former_enrolment(room, lfr):
        return lfr_refusals.copy_of_ended_enrolment(room)
    if lfr.installed is not None:
        return _nothing(room.name, "it comes with a new token and names a license file as installed")
    return judge_token(doing, lfr, guid)


def _number(room: ControlRoom, lfr: LicenseFileRequest, carried: tuple[Carried, ...]) -> Acceptance:
    last = AcceptanceRow.objects.filter(room=room).order_by("-number").values_list("number", flat=True).first() or 0
    number = max(last, lfr.history_accepted) + 1  # L6: one may be forgotten
    return Acceptance(number, tuple(one.added for one in carried if one.units))


def _save(
    doing: Act,
    room: ControlRoom,
    first_number: int,
    carried: tuple[Carried, ...],
    lfr: LicenseFileRequest,
    *,
    reason: str,
    first: str,
) -> None:
    """As many numbers as it takes: one license file carries no more than `MAX_ADDED` units to add."""
    for number, start in enumerate(range(0, max(1, len(carried)), MAX_ADDED), first_number):
        part = carried[start : start + MAX_ADDED]
        AcceptanceRow(
            room=room,
            number=number,
            checkpoint=msgspec.json.encode(lfr.ledger.checkpoint).decode(),
            add=msgspec.json.encode([one.added for one in part if one.units]).decode(),
            carried=msgspec.json.encode(part).decode(),
            lfr=lfr.request_id,
            reason=reason,
            by=first,
            second=doing.by,
            at=doing.now,
        ).save(force_insert=True)


def _believe_key(room: ControlRoom, lfr: LicenseFileRequest) -> None:
    """A backup from before a re-key brings its old key back (E15)."""
    stated, own = lfr.control_room, own_keys(room)
    pair = KeyPair(signing_key=stated.signing_key, sealing_key=stated.sealing_key)
    if pair not in (own, pending_keys(room)):
        retired = {kid: at for kid, at in retired_keys(room).items() if kid != pair.signing_key.kid}
        room.retired_keys = retire(retired, own.signing_key.kid, 0)  # it signed nothing of this history
        room.keys, room.pending_keys = msgspec.json.encode(pair).decode(), ""


def _give_up(room: ControlRoom, lfr: LicenseFileRequest, installed: LicenseFile | None, now: datetime) -> None:
    """What CALM believed and the new history does not hold: checkpoints, requests, later license files."""
    new = lfr.ledger
    rows = list(SeenCheckpoint.objects.filter(room=room))
    shown = {row.pk for row in rows if new.shows(Checkpoint(row.size, from_base64url(row.root))) is True}
    newest = max((row for row in rows if row.pk in shown), key=lambda row: row.size, default=None)
    if newest and newest.believed:
        shown |= {row.pk for row in rows if row.believed and row.size < newest.size}
    SeenCheckpoint.objects.filter(room=room).update(believed=False)
    SeenCheckpoint.objects.filter(pk__in=shown).update(believed=True)
    lost = [row.of for row in rows if row.pk not in shown]
    AcceptedLfr.objects.filter(id__in=lost).update(believed=False)
    counted = Counted.objects.filter(room=room, enrolment=room.enrolment)
    counted.update(stated=False)
    counted.filter(line_id__in=_stated_lines(lfr)).update(settled=False)  # `reopened`
    if room.state != ControlRoom.State.ACTIVE:
        return
    note_confirmed(room, installed)
    later = LicenseFile.objects.filter(room=room, sequence__gt=room.confirmed)
    later.update(state=LicenseFile.State.DISPROVED, settled_by="history", settled_at=now)
    if installed:  # it may have been replaced in the history given up; it is out again
        LicenseLine.objects.filter(license_file=installed).update(out=True)
