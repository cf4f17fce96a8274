"""Issuing an OLF: decide (`_plan`, which a preview shows as it is), then write, in one transaction. Its bytes: the
sealed body, then the record in the issuing log that commits to it, then the signatures.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

import msgspec
from django.db import transaction

from carnet.calm.control_rooms.counting import pending
from carnet.calm.control_rooms.models import Acceptance as AcceptanceRow
from carnet.calm.control_rooms.models import (
    AcceptedLfr,
    ControlRoom,
    LicenseFile,
    LicenseLine,
)
from carnet.calm.customers.windows import write_windows
from carnet.calm.use_cases import limits, planning, settling
from carnet.calm.use_cases.came_second import not_issued_words
from carnet.calm.use_cases.context import Act, Calm, act
from carnet.calm.use_cases.key_sets import issuers_of
from carnet.calm.use_cases.planning import Plan
from carnet.calm.use_cases.selection import Selection
from carnet.calm.use_cases.uploads import count_upload
from carnet.calm.use_cases.written_for import OlfForm
from carnet.entitlements import Line, UnwritableError
from carnet.errors import UsageError
from carnet.exchange.envelope import Kind, readable
from carnet.exchange.history import CheckpointFields
from carnet.exchange.keys import Signer
from carnet.exchange.offline_license_file import (
    AcceptedHistory,
    Answers,
    OfflineLicenseFile,
    seal_body,
    write_license_file,
)
from carnet.exchange.reads import vendor_reads
from carnet.exchange.strict import to_base64url
from carnet.exchange.verdicts import Code, Refusal


@dataclass(frozen=True)
class Written:
    olf: OfflineLicenseFile
    raw: bytes
    log_index: int


def write_olf(doing: Act, plan: Plan, issuers: list[Signer]) -> Written:
    form = plan.form
    olf = _without_proof(doing, plan, form)
    seen = plan.log_seen
    appended = doing.record(
        "license_file.issued",
        olf.olf_id,
        content=olf.content_digest(form.olf),
        tail=plan.tail,
        control_room=plan.room.id,
        lfr=plan.accepted.id,
        sequence=olf.sequence,
        lines=[[line.sku, line.quantity, line.valid_until] for line in plan.lines],
        changes=plan.changes,
        site_clock_is_off=plan.site_clock_is_off,
        lowers_clock=plan.lowers_clock,
    )
    olf = msgspec.structs.replace(olf, issuing_log=appended.proof(seen))
    raw = readable(Kind.OLF, write_license_file(olf, issuers, form.olf))
    return Written(olf, raw, appended.record.index)


def _without_proof(doing: Act, plan: Plan, form: OlfForm) -> OfflineLicenseFile:
    olf_id, key, lfr = doing.new_id(), plan.lfr.sealing_key, plan.lfr
    blinding = to_base64url(doing.calm.random(32))
    body = plan.body(blinding)
    sealed, digest = seal_body(body, key, olf_id, plan.room.id, plan.sequence, form.olf)
    return OfflineLicenseFile(
        olf_id=olf_id,
        sequence=plan.sequence,
        answers=Answers(request_id=lfr.request_id, sha256=plan.accepted.digest),
        control_room_id=plan.room.id,
        sealing_key=key.kid,
        license_guid=str(plan.room.guid_id),
        issued_at=doing.now,
        install_by=plan.install_by,
        valid_from=min(line.valid_from for line in plan.lines),
        valid_until=max(line.valid_until for line in plan.lines),
        acknowledged=lfr.ledger.checkpoint,
        accepts_history=_accepted(plan),
        lowers_clock=plan.lowers_clock,
        key_set=form.key_set,
        sealed_sha256=digest,
        sealed=sealed,
        windows=plan.windows,
        issuing_log=None,
        reads=vendor_reads(),
    )


def _accepted(plan: Plan) -> AcceptedHistory | None:
    """L2: every OLF carries what was accepted, until an LFR states its number; of very much, as much as one can."""
    if not plan.carried:
        return None
    newest = plan.carried[-1].number
    row = AcceptanceRow.objects.get(room=plan.room, number=newest)
    return AcceptedHistory(
        number=newest,
        checkpoint=msgspec.json.decode(row.checkpoint, type=CheckpointFields),
        add=pending(plan.carried, plan.lfr.history_accepted),
    )


@dataclass(frozen=True)
class LicenseFileShown:
    license_file: str | None  # None: a preview, nothing was issued
    sequence: int
    control_room: str
    name: str
    guid: str
    lfr: str
    issued_at: datetime
    install_by: datetime
    lines: tuple[Line, ...] = ()
    changes: tuple[str, ...] = ()
    warnings: tuple[Refusal, ...] = ()  # what the site would refuse today
    notes: tuple[str, ...] = ()
    raw: bytes | None = None


def preview_license_file(
    calm: Calm,
    *,
    lfr_id: str,
    asked: Selection,
    now: datetime,
    by: str,
    site_clock_is_off: bool = False,
    lowers_clock: bool = False,
) -> LicenseFileShown | Refusal:
    """The same decision, and nothing written: not even a record."""
    del calm, by
    plan = planning.make_plan(
        find_lfr(lfr_id), asked, now, site_clock_is_off=site_clock_is_off, lowers_clock=lowers_clock
    )
    return preview_plan(plan)


def preview_plan(plan: Plan | Refusal) -> LicenseFileShown | Refusal:
    return plan if isinstance(plan, Refusal) else _shown(plan, None)


def issue_license_file(
    calm: Calm,
    *,
    lfr_id: str,
    asked: Selection,
    now: datetime,
    by: str,
    site_clock_is_off: bool = False,
    lowers_clock: bool = False,
) -> LicenseFileShown | Refusal:
    with act(calm, now=now, by=by) as doing:
        row = find_lfr(lfr_id)
        plan = planning.make_plan(row, asked, now, site_clock_is_off=site_clock_is_off, lowers_clock=lowers_clock)
        if isinstance(plan, Refusal) and plan.code is Code.ALREADY_USED:
            plan = replace(plan, message=f"{plan.message} {not_issued_words(lfr_id, asked)}".strip())
        return issue_plan(doing, plan, lfr_id)


def issue_plan(doing: Act, plan: Plan | Refusal, lfr_id: str) -> LicenseFileShown | Refusal:
    if isinstance(plan, Refusal):
        return doing.refuse(plan, "license_file.issue", lfr_id)
    try:
        with transaction.atomic():
            written = write_olf(doing, plan, issuers_of(doing.calm, plan.key_set))
    except UnwritableError as error:
        return doing.refuse(limits.unreadable(plan.room.name, str(error)), "license_file.issue", lfr_id)
    _store(doing, plan, written)
    return _shown(plan, written)


def download_license_file(calm: Calm, *, license_file: str, now: datetime, by: str) -> LicenseFileShown | Refusal:
    """E6: the same file again, byte for byte. By its id, or that of the LFR it answers."""
    with act(calm, now=now, by=by) as doing:
        rows = LicenseFile.objects.select_related("room", "enrolment")
        row = rows.filter(id=license_file).first() or rows.filter(lfr=license_file).first()
        if row is None:
            raise UsageError(f"There is no license file “{license_file}”.", run="calm control-room show")
        if refusal := count_upload(doing, row.room.account_id, 0):
            return refusal
        doing.record("license_file.downloaded", row.id)
        return LicenseFileShown(
            row.id,
            row.sequence,
            row.room_id,
            row.room.name,
            row.enrolment.guid_id,
            row.lfr_id or "",
            row.issued_at,
            row.install_by,
            raw=bytes(row.raw),
        )


def find_lfr(lfr_id: str) -> AcceptedLfr:
    found = AcceptedLfr.objects.select_related("room", "room__account").filter(id=lfr_id).first()
    if found is None:
        raise UsageError(
            f"There is no accepted LFR “{lfr_id}”.", "Accept it first.", run="calm request accept FILE --guid GUID"
        )
    return found


def _store(doing: Act, plan: Plan, written: Written) -> None:
    """E6: uses the LFR up. H3: what the file grants is held from now on."""
    room, accepted = plan.room, plan.accepted
    file = LicenseFile(
        id=written.olf.olf_id,
        room_id=room.id,
        enrolment_id=str(room.enrolment_id),
        lfr_id=accepted.id,
        sequence=written.olf.sequence,
        raw=written.raw,
        issued_at=doing.now,
        install_by=plan.install_by,
        issued_by=doing.by,
        state=LicenseFile.State.ISSUED,
        valid_until=written.olf.valid_until,
        ends=max(line.ends for line in plan.lines),
        size=len(written.raw),
        digest=sha256(written.raw).hexdigest(),
        log_index=written.log_index,
        site_clock_is_off=plan.site_clock_is_off,
        lowers_clock=plan.lowers_clock,
        windows=write_windows(written.olf.windows),
        taken_back=False,
    )
    file.save(force_insert=True)
    LicenseLine.objects.bulk_create(_row(plan, file, purchase, line) for purchase, line in plan.by_purchase.items())
    settling.note(room, plan.settled)
    AcceptedLfr.objects.filter(id=accepted.id).update(used=True)
    ControlRoom.objects.filter(id=room.id).update(last_license_file=file.sequence)


def _row(plan: Plan, file: LicenseFile, purchase: str, line: Line) -> LicenseLine:
    return LicenseLine(
        license_file_id=file.id,
        guid_id=str(plan.room.guid_id),
        room_id=plan.room.id,
        purchase_id=purchase,
        line_id=line.line_id,
        file_sequence=file.sequence,
        lfr_sequence=plan.accepted.sequence,
        quantity=line.quantity,
        valid_from=line.valid_from,
        valid_until=line.valid_until,
        ends=line.ends,
        units=line.metric.kind.counts_units,
    )


def _shown(plan: Plan, written: Written | None) -> LicenseFileShown:
    return LicenseFileShown(
        written.olf.olf_id if written else None,
        plan.sequence,
        plan.room.id,
        plan.room.name,
        plan.room.guid_id or "",
        plan.accepted.id,
        plan.now,
        plan.install_by,
        tuple(plan.lines),
        tuple(plan.changes),
        tuple(plan.warnings),
        tuple(plan.notes),
        written.raw if written else None,
    )
