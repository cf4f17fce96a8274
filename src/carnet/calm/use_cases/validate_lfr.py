"""Steps (3) to (10) of accepting an LFR, before anything changes; `accept_lfr` lists them all.

Whose it is comes first, then its history (L2), and only then what it says is believed. Refusals are values; what passes
is a `Case`, which `apply_lfr` carries out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from django.db.models import Q

from carnet.calm.control_rooms.counting import (
    Acceptance,
    Count,
    Fall,
    Stated,
    Where,
    effective,
    falls,
    stated_in,
)
from carnet.calm.control_rooms.history import Seen, Standing, judge_history
from carnet.calm.control_rooms.models import Acceptance as AcceptanceRow
from carnet.calm.control_rooms.models import (
    AcceptedLfr,
    ControlRoom,
    Counted,
    LicenseFile,
    SeenCheckpoint,
)
from carnet.calm.purchases.models import Guid
from carnet.calm.use_cases import lfr_refusals
from carnet.calm.use_cases.context import Act
from carnet.calm.use_cases.exposures import needs_two_people, stands_for
from carnet.calm.use_cases.models import Token
from carnet.calm.use_cases.restorations import has_forgotten
from carnet.calm.use_cases.validate_statements import judge_newcomer, judge_statements, judge_token
from carnet.exchange.history import SHOWN, History
from carnet.exchange.license_file_request import (
    KeyPair,
    LicenseFileRequest,
    ReadLfr,
    RequestKind,
)
from carnet.exchange.offline_license_file import AddedUnits
from carnet.exchange.strict import from_base64url
from carnet.exchange.verdicts import Code, Refusal
from carnet.merkle import Checkpoint

State = ControlRoom.State


@dataclass(frozen=True)
class Case:
    """An LFR that may be taken, with what was found out about it."""

    read: ReadLfr
    guid: Guid
    room: ControlRoom | None  # None: a newcomer
    token: Token | None  # it enrols with this one
    stated: Stated
    counts: dict[Where, Count]
    installed: LicenseFile | None = None
    again: AcceptedLfr | None = None  # the very file taken last: answered again
    acceptances: tuple[Acceptance, ...] = field(default=())
    gives_up: bool = False  # L2: two people accepted it against the history that CALM saw

    @property
    def lfr(self) -> LicenseFileRequest:
        return self.read.lfr

    @property
    def is_release(self) -> bool:
        return self.lfr.kind is RequestKind.RELEASE


def validate_lfr(doing: Act, read: ReadLfr, guid: Guid) -> Case | Refusal:
    """Steps (3) to (10), in their order. The very file that was taken last is answered again: no step after (6)."""
    lfr = read.lfr
    room = find_room(lfr.control_room.id)
    if room is None:
        return _judge_newcomer(doing, read, guid)
    taken, comes = _taken_before(room, read.envelope.digest), _comes_over(doing, room, read, guid)
    if isinstance(comes, Refusal):  # (4)
        return comes
    refusal = _as_it_was(room, taken) if taken and _is_of_account(taken, guid) else None
    refusal = refusal or judge_identity(room, read, guid, comes_over=comes) or judge_state(room, read)  # (4), (5)
    if refusal:
        return refusal
    case = _judge_history(room, read, guid, taken)  # (6)
    if isinstance(case, Refusal):
        return lfr_refusals.another_history(room.name) if comes and case.code in _OF_HISTORY else case
    if case.again:
        return case
    refusal = _judge_totals(read, room) or judge_statements(room, lfr)  # (7), (8)
    if refusal:
        return refusal
    case = count(case, read_acceptances(room.id))
    fall = falls(read_counted(room, case.stated), case.counts, doing.now)
    if fall and not _is_forgotten(room, lfr, fall):  # (9)
        return lfr_refusals.totals_fell(room, fall)
    return _judge_enrolment(doing, case)  # (10)


def _is_forgotten(room: ControlRoom, lfr: LicenseFileRequest, fall: Sequence[Fall]) -> bool:
    """L6: under a new token a site states the lines of its enrolment before until its first OLF. That one may be of a
    time that CALM forgot: then these lines are stated no more, and count as spent in full as that enrolment ends (H4).
    """
    under_new_token = room.enrolment is not None and lfr.enrolment.token_id != room.enrolment.token
    return under_new_token and all(each.stated is None for each in fall) and has_forgotten(room)


def _judge_totals(read: ReadLfr, room: ControlRoom | None) -> Refusal | None:
    """(7)"""
    if id_was_used(read):
        return lfr_refusals.id_was_used(read.lfr)
    if not read.totals_proven():  # L3
        return lfr_refusals.totals_not_proven(room)
    return None


def _judge_enrolment(doing: Act, case: Case) -> Case | Refusal:
    """(10): what it names as installed, and whether it comes under the room's own enrolment or a new token."""
    room, lfr = case.room, case.lfr
    assert room is not None
    assert room.enrolment is not None
    if lfr.enrolment.token_id == room.enrolment.token:
        installed = _judge_installed(room, lfr)
        return installed if isinstance(installed, Refusal) else replace(case, installed=installed)
    if case.is_release and room.state != State.ACTIVE:
        return case  # E11: of an older enrolment only a release LFR is taken
    if lfr.installed is not None:  # E11: the first LFR under a new token names none
        return lfr_refusals.installed_under_new_token(room, lfr.installed.sequence)
    if case.is_release and Token.objects.filter(id=lfr.enrolment.token_id).exclude(account=room.account).exists():
        return case  # E11: it goes to that account next, and gives up here what it had
    token = judge_token(doing, lfr, case.guid)
    if not isinstance(token, Refusal) and needs_two_people(room, case.guid.id, doing.now):
        return lfr_refusals.released_again(room.name, room)
    return token if isinstance(token, Refusal) else replace(case, token=token)


def find_room(room: str) -> ControlRoom | None:
    return ControlRoom.objects.select_related("enrolment", "guid", "account").filter(id=room).first()


def judge_identity(room: ControlRoom, read: ReadLfr, guid: Guid, *, comes_over: bool = False) -> Refusal | None:
    """(4): the account, the GUID (H5), and the keys (E15). A retired key is a question of history, judged there."""
    lfr = read.lfr
    if not comes_over and (refusal := judge_account(room, guid)):
        return refusal
    free_of_guid = lfr.kind is RequestKind.RELEASE and room.guid_id is None
    if not free_of_guid and room.guid_id != guid.id:
        other = ControlRoom.objects.filter(guid=guid).first()
        if other:
            return lfr_refusals.guid_bound(guid, other)
        if room.guid:
            return lfr_refusals.wrong_control_room(room, room.guid)
    if is_retired(room, read.signer):
        return None
    pair = KeyPair(signing_key=lfr.control_room.signing_key, sealing_key=lfr.control_room.sealing_key)
    if pair not in (own_keys(room), pending_keys(room)):
        return lfr_refusals.unknown_key(room, read.signer)
    return None


def judge_account(room: ControlRoom, guid: Guid) -> Refusal | None:
    """(4): nobody is told anything of another account's Control Room."""
    return None if room.account_id == guid.account_id else lfr_refusals.wrong_account(room.name, guid)


_OF_HISTORY = (Code.HISTORY_MISMATCH, Code.HISTORY_NOT_SHOWN)


def _comes_over(doing: Act, room: ControlRoom, read: ReadLfr, guid: Guid) -> bool | Refusal:
    """E11: whether it was released under another account, and proves that it holds the secret of a token of this one.
    Without such a token, or where its release was not taken, it is as if CALM did not know it."""
    lfr = read.lfr
    if room.account_id == guid.account_id:
        return False
    token = judge_token(doing, lfr, guid)
    if isinstance(token, Refusal):
        return token if token.code is Code.NO_APPROVAL else False
    if room.state != State.RELEASED:
        return lfr_refusals.not_released(lfr.control_room.name, guid)
    return lfr.kind is not RequestKind.RELEASE


def _is_of_account(taken: AcceptedLfr, guid: Guid) -> bool:
    """E6: it was taken in the time of this account."""
    return taken.enrolment.guid.account_id == guid.account_id


def _taken_before(room: ControlRoom, digest: str) -> AcceptedLfr | None:
    """This very file, where CALM took it and still believes it."""
    return (
        AcceptedLfr.objects.defer("raw")
        .select_related("enrolment__guid")
        .filter(digest=digest, room=room, believed=True)
        .first()
    )


def _as_it_was(room: ControlRoom, taken: AcceptedLfr) -> Refusal | None:
    """E6: a file that CALM has is answered as what it was, whichever keys and enrolments came since. The newest one
    that was not answered yet is taken again."""
    if taken.used:
        return lfr_refusals.already_used(room, taken)
    return None if taken.pk == room.newest_lfr_id else lfr_refusals.superseded(room, taken.sequence)


def judge_state(room: ControlRoom, read: ReadLfr) -> Refusal | None:
    """(5), E12: of a Control Room that was written off, nothing but a release LFR is taken."""
    if room.state == State.WRITTEN_OFF and read.lfr.kind is not RequestKind.RELEASE:
        return lfr_refusals.written_off(room)
    return None


def _judge_newcomer(doing: Act, read: ReadLfr, guid: Guid) -> Case | Refusal:
    """(3), (7), (8) and E11 for one that CALM sees for the first time: CALM has done nothing that it could name."""
    lfr = read.lfr
    token = judge_newcomer(doing, lfr, guid)  # (3)
    if isinstance(token, Refusal):
        return token
    refusal = _judge_totals(read, None)  # (7)
    if refusal:
        return refusal
    if lfr.history_accepted:  # (8)
        return lfr_refusals.history_not_carried(lfr.control_room.name, lfr.history_accepted, 0)
    if lfr.installed is not None:
        return lfr_refusals.unknown_license_file(lfr.control_room.name, lfr.installed.sequence)
    last = stands_for(None, guid.id)
    if last and needs_two_people(None, guid.id, doing.now):  # (10)
        return lfr_refusals.released_again(lfr.control_room.name, last)
    return count(Case(read, guid, None, token, _stated(lfr), {}), ())


def id_was_used(read: ReadLfr) -> bool:
    """Whether another file had its request id: ids are drawn at random, so that no honest site repeats one."""
    return AcceptedLfr.objects.filter(id=read.lfr.request_id).exclude(digest=read.envelope.digest).exists()


def _judge_history(room: ControlRoom, read: ReadLfr, guid: Guid, taken: AcceptedLfr | None) -> Case | Refusal:
    """(6): L2, before sequence, totals or anything else is believed. `taken`: the newest one, uploaded again."""
    lfr, seen, retired_at = read.lfr, seen_by(room, read.lfr.ledger), retired_keys(room).get(read.signer)
    standing = judge_history(seen, lfr.ledger, smaller_than=lfr.smaller_than, retired_at=retired_at)
    if standing is Standing.MISMATCH:
        return lfr_refusals.history_mismatch(room, lfr.ledger)
    if standing is Standing.NOT_SHOWN:
        return lfr_refusals.history_not_shown(room, lfr.ledger)
    if standing is Standing.SUPERSEDED:
        return lfr_refusals.superseded(room, lfr.sequence)
    case = Case(read, guid, room, None, _stated(lfr), {})
    if taken:
        return replace(case, again=taken)
    if _of_released_enrolment(room, lfr):
        return lfr_refusals.of_released_enrolment(room)
    if lfr.sequence <= room.last_sequence:
        return lfr_refusals.sequence_fell(room, lfr.sequence)
    return case


def _of_released_enrolment(room: ControlRoom, lfr: LicenseFileRequest) -> bool:
    """E11: what CALM took as released comes back only under a new token."""
    same = room.enrolment is not None and lfr.enrolment.token_id == room.enrolment.token
    return room.state == State.RELEASED and same and lfr.kind is not RequestKind.RELEASE


def _judge_installed(room: ControlRoom, lfr: LicenseFileRequest) -> LicenseFile | Refusal | None:
    """(10): the OLF it names must be one that CALM issued to it (E16), and fit what is confirmed (H2)."""
    if lfr.installed is None:
        if room.confirmed and lfr.kind is not RequestKind.RELEASE:
            return lfr_refusals.installed_is_older(room, 0)
        return None
    row = LicenseFile.objects.defer("raw").filter(id=lfr.installed.olf_id, room=room).first()
    if row is None or row.sequence != lfr.installed.sequence:
        return lfr_refusals.unknown_license_file(room.name, lfr.installed.sequence)
    ended = row.enrolment_id != room.enrolment_id
    if ended or row.state == LicenseFile.State.DISPROVED or row.sequence < room.confirmed:
        return lfr_refusals.installed_is_older(room, row.sequence)
    return row


def seen_by(room: ControlRoom, new: History) -> Seen:
    """What CALM knows of this history: the more only where the new ledger is smaller."""
    if not room.seen_size:
        return Seen(None)
    last = Checkpoint(room.seen_size, from_base64url(room.seen_root))
    if new.checkpoint.size >= room.seen_size:
        return Seen(last)
    believed = SeenCheckpoint.objects.filter(room=room, believed=True)
    roots = believed.filter(size=new.checkpoint.size).values_list("root", flat=True)
    known = tuple(Checkpoint(new.checkpoint.size, from_base64url(root)) for root in roots)
    later = believed.filter(size__gt=new.checkpoint.size).order_by("size", "id").values_list("history", flat=True)
    return Seen(last, known, tuple(msgspec.json.decode(text, type=History) for text in later[:SHOWN]))


def _stated(lfr: LicenseFileRequest) -> Stated:
    return stated_in(lfr.totals.record.body.lines, lfr.history_accepted)


def count(case: Case, acceptances: tuple[Acceptance, ...]) -> Case:
    return replace(case, counts=effective(case.stated, acceptances), acceptances=acceptances)


def read_acceptances(room: str, newer_than: int = 0) -> tuple[Acceptance, ...]:
    newer = AcceptanceRow.objects.filter(room=room, number__gt=newer_than).order_by("number")
    rows = newer.values_list("number", "add")
    return tuple(Acceptance(number, tuple(msgspec.json.decode(add, type=list[AddedUnits]))) for number, add in rows)


def read_counted(room: ControlRoom, stated: Stated) -> dict[Where, Count]:
    """What is counted under the present enrolment. Of what is settled (Q3), which is much after many years, only the
    lines that are `stated` all the same."""
    lines = {line.line_id for line in stated.units}
    own = Counted.objects.filter(Q(settled=False) | Q(line_id__in=lines), room=room, enrolment=room.enrolment_id)
    rows = own.values_list("line_id", "period_start", "sku", "units", "stated", "settled")
    return {
        (line, period_start): Count(sku, units, stated, settled)
        for line, period_start, sku, units, stated, settled in rows
    }


def own_keys(room: ControlRoom) -> KeyPair:
    return msgspec.json.decode(room.keys, type=KeyPair)


def pending_keys(room: ControlRoom) -> KeyPair | None:
    return msgspec.json.decode(room.pending_keys, type=KeyPair) if room.pending_keys else None


def retired_keys(room: ControlRoom) -> dict[str, int]:
    """E15: the keys that the site gave up, each with the records of its ledger when the next key spoke first."""
    lines = (line.split() for line in room.retired_keys.splitlines())
    return {kid: int(size) for kid, size in lines}


def retire(retired: Mapping[str, int], kid: str, at: int) -> str:
    """The text of `retired` with one key more."""
    return "\n".join(f"{each} {size}" for each, size in {**retired, kid: at}.items())


def is_retired(room: ControlRoom, kid: str) -> bool:
    return kid in retired_keys(room)
