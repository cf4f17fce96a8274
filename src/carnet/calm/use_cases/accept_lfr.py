"""Accepting an LFR. The steps, in this order; a refusal at one of them changes nothing, and is recorded:

 (1) The License GUID exists.
 (2) The file can be read: its size, form, version and own signature (E3, E17).
 (3) A Control Room that CALM does not know enrols: with a token in force and unused (E2), at a free GUID (H5).
 (4) A known one is of this account and GUID (H5), and signs with a key of its own (E15).
 (5) It is not written off, unless this is its release (E12).
 (6) Its ledger goes on from what CALM saw of it (L2), the file is not used or overtaken (E6), and its sequence rises.
 (7) Its id is new, and its ledger proves its totals (L3).
 (8) What it says of CALM's own acts is true: the lines issued to it (Q2), the histories accepted (L2).
 (9) No total falls (Q3).
(10) It is under the present enrolment and names as installed an OLF that CALM issued (E16, H2); or it comes under a new
     token, and names none (E11).
(11) It is applied: books, lines, checkpoint and deadlines (E4, E5), in one transaction with its record in the log.

(2) is `read_lfr`'s, (3) to (10) are `validate_lfr`'s, (11) is `apply_lfr`'s.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from carnet.calm.control_rooms.models import AcceptedLfr, ControlRoom
from carnet.calm.customers.windows import read_windows
from carnet.calm.purchases.models import Guid
from carnet.calm.use_cases.apply_lfr import apply_lfr
from carnet.calm.use_cases.context import (
    Act,
    Calm,
    RefusedOf,
    act,
)
from carnet.calm.use_cases.guids import find_open_guid
from carnet.calm.use_cases.histories import settle_refusals, with_evidence
from carnet.calm.use_cases.refused_uploads import bears_known_signature, refuse_upload
from carnet.calm.use_cases.unremembered import judge_unremembered
from carnet.calm.use_cases.uploads import count_upload
from carnet.calm.use_cases.validate_lfr import Case, validate_lfr
from carnet.exchange.license_file_request import (
    LicenseFileRequest,
    LineTotals,
    ReadLfr,
    RefusalCount,
    read_lfr,
)
from carnet.exchange.verdicts import Refusal
from carnet.exchange.windows import Windows, is_far_ahead, request_window
from carnet.times import exact_span, stamp


@dataclass(frozen=True)
class LfrAccepted:
    lfr: str
    verdict: str  # accepted | accepted_again | released
    kind: str
    sequence: int
    control_room: str
    name: str
    account: str
    guid: str
    state: str  # as the site states it
    installed: int | None
    generated_at: datetime
    deadline: datetime | None  # E5: none for a release
    in_use: tuple[LineTotals, ...]
    refusals: tuple[RefusalCount, ...]
    warnings: tuple[str, ...]
    can_issue: Refusal | None  # None: an answer issued now can still be installed


def accept_lfr(calm: Calm, *, raw: bytes, guid: str, now: datetime, by: str) -> LfrAccepted | Refusal:
    with act(calm, now=now, by=by) as doing:
        license_guid = find_open_guid(guid)  # (1)
        if refusal := count_upload(doing, license_guid.account_id, len(raw)):  # N2
            return refusal
        read = read_lfr(raw)  # (2)
        if isinstance(read, Refusal):
            of = RefusedOf("lfr", license_guid.account_id, license_guid.id)
            return refuse_upload(doing, read, raw, sha256(raw).hexdigest(), of)
        judged = validate_lfr(doing, read, license_guid)  # (3) to (10)
        if isinstance(judged, Refusal):
            forgotten = judge_unremembered(judged, read, license_guid)  # L6
            refusal = forgotten.refusal if forgotten else with_evidence(judged, read.lfr.control_room.id, read.lfr)
            of = _of(license_guid, read, refusal, proven=forgotten is not None and forgotten.proven)
            return refuse_upload(doing, refusal, raw, read.envelope.digest, of)
        return _accepted(doing, judged)


def _of(license_guid: Guid, read: ReadLfr, refusal: Refusal, *, proven: bool) -> RefusedOf:
    lfr, room = read.lfr, read.lfr.control_room
    return RefusedOf(
        "lfr",
        license_guid.account_id,
        license_guid.id,
        room.id,
        room.name,
        lfr.sequence,
        lfr.generated_at,
        proven or bears_known_signature(room.id, read.signer, refusal),
    )


def _accepted(doing: Act, case: Case) -> LfrAccepted:
    if case.again and case.room:
        doing.record("request.shown_again", case.again.id)
        return answer(doing.now, case.lfr, case.room, case.again, "accepted_again")
    room, accepted = apply_lfr(doing, case)  # (11)
    settle_refusals(room.id)
    doing.record(
        "request.accepted",
        accepted.id,
        control_room=room.id,
        sequence=accepted.sequence,
        file=accepted.digest,
        lfr_kind=accepted.kind,
    )
    return answer(doing.now, case.lfr, room, accepted, "released" if case.is_release else "accepted")


def answer(
    now: datetime, lfr: LicenseFileRequest, room: ControlRoom, accepted: AcceptedLfr, verdict: str
) -> LfrAccepted:
    totals = lfr.totals.record.body
    deadline, windows = accepted.deadline, read_windows(accepted.windows)
    return LfrAccepted(
        lfr=accepted.id,
        verdict=verdict,
        kind=accepted.kind,
        sequence=accepted.sequence,
        control_room=room.id,
        name=room.name,
        account=room.account_id,
        guid=room.guid_id or (room.enrolment.guid_id if room.enrolment else ""),
        state=lfr.state,
        installed=lfr.installed.sequence if lfr.installed else None,
        generated_at=lfr.generated_at,
        deadline=deadline,
        in_use=tuple(totals.lines),
        refusals=tuple(totals.refusals),
        warnings=tuple(_warnings(lfr, windows, now)),
        can_issue=request_window(lfr.generated_at, deadline, windows, now) if deadline else None,
    )


def _warnings(lfr: LicenseFileRequest, windows: Windows, now: datetime) -> list[str]:
    found = []
    if lfr.windows != windows:
        found.append(
            "The site goes by other windows than CALM signed for it; of two deadlines the earlier counts (E18)."
        )
    clock = lfr.clock
    if clock.set_back_count:
        found.append(
            f"The site's clock was set back {clock.set_back_count} times, by up to {clock.largest_set_back_s} s (T2)."
        )
    ahead = max(clock.system, clock.trusted)
    if is_far_ahead(ahead, now, windows):
        found.append(
            f"The site's time is {stamp(ahead)}, {exact_span(ahead - now)} ahead: a license file that lets it lower "
            "its clock mark mends that, once its own clock is set right (T3)."
        )
    if lfr.cycle and lfr.cycle.withdrawn_before:
        found.append(f"{lfr.cycle.withdrawn_before} cycles were withdrawn since the last install (E14).")
    found.extend(
        f"{line.owed} {line.sku} were used above what is granted: owed."
        for line in lfr.totals.record.body.lines
        if line.owed
    )
    if lfr.new_keys:
        found.append("It brings new keys: the answer is sealed to the new one (E15).")
    return found
