"""H2: a receipt confirms an OLF without waiting for the next LFR. It proves history as an LFR does (L2), and is never
accepted against it."""

from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from carnet.calm.control_rooms.history import Standing, judge_history
from carnet.calm.control_rooms.models import ControlRoom, LicenseFile, SeenCheckpoint
from carnet.calm.control_rooms.positions import periods_of, read_position, write_position
from carnet.calm.purchases.books import Report, settle
from carnet.calm.purchases.models import Guid
from carnet.calm.use_cases import lfr_refusals
from carnet.calm.use_cases.apply_lfr import confirm, see, take_key
from carnet.calm.use_cases.context import (
    Act,
    Calm,
    RefusedOf,
    act,
)
from carnet.calm.use_cases.guids import find_guid
from carnet.calm.use_cases.refused_uploads import bears_known_signature, refuse_upload
from carnet.calm.use_cases.unremembered import unremembered_receipt
from carnet.calm.use_cases.uploads import count_upload
from carnet.calm.use_cases.validate_lfr import (
    find_room,
    own_keys,
    pending_keys,
    retired_keys,
    seen_by,
)
from carnet.exchange.receipt import ReadReceipt, Receipt, read_receipt
from carnet.exchange.verdicts import Code, Refusal


@dataclass(frozen=True)
class ReceiptAccepted:
    license_file: str
    sequence: int
    control_room: str
    name: str
    installed_at: datetime
    verdict: str  # confirmed | nothing_changed


def accept_receipt(
    calm: Calm, *, raw: bytes, now: datetime, by: str, guid: str | None = None
) -> ReceiptAccepted | Refusal:
    """`guid`: only where it is of the Control Room bound to that one. Of another, it is as if CALM did not know it."""
    with act(calm, now=now, by=by) as doing:
        license_guid = find_guid(guid) if guid else None
        if license_guid and (refusal := count_upload(doing, license_guid.account_id, len(raw))):
            return refusal
        read = read_receipt(raw)
        if isinstance(read, Refusal):
            return refuse_upload(doing, read, raw, sha256(raw).hexdigest(), _of(license_guid, None))
        if had := _had_before(doing, read, license_guid):
            return had
        judged = _judge(read, license_guid)
        if isinstance(judged, Refusal):
            judged = unremembered_receipt(judged, read.receipt) or judged  # L6
            known = bears_known_signature(read.receipt.control_room_id, read.signer, judged)
            of = replace(_of(license_guid, read.receipt), known=known)
            return refuse_upload(doing, judged, raw, read.envelope.digest, of)
        return _take(doing, read, *judged)


def _of(license_guid: Guid | None, receipt: Receipt | None) -> RefusedOf:
    room = find_room(receipt.control_room_id) if receipt else None
    account = license_guid.account_id if license_guid else room.account_id if room else ""
    if receipt is None or room is None or room.account_id != account:
        return RefusedOf("receipt", account, license_guid.id if license_guid else "")
    guid = license_guid.id if license_guid else room.guid_id or ""
    return RefusedOf("receipt", account, guid, room.id, room.name, receipt.sequence, receipt.installed_at)


def _had_before(doing: Act, read: ReadReceipt, license_guid: Guid | None) -> ReceiptAccepted | None:
    """This very receipt, where CALM took it: it changes nothing, whichever keys and enrolments came since."""
    file = (
        LicenseFile.objects.defer("raw")
        .select_related("room", "enrolment__guid")
        .filter(id=read.receipt.olf_id)
        .first()
    )
    if file is None or file.receipt != read.envelope.digest:
        return None
    if license_guid and file.enrolment.guid.account_id != license_guid.account_id:
        return None
    return _answer(doing, read.receipt, file.room, file, "nothing_changed")


def _judge(read: ReadReceipt, license_guid: Guid | None) -> tuple[ControlRoom, LicenseFile, Standing] | Refusal:
    receipt = read.receipt
    room = find_room(receipt.control_room_id)
    if room is None or (license_guid and room.account_id != license_guid.account_id):
        return _unknown_room(receipt)
    if license_guid and room.guid_id != license_guid.id:
        return _of_another_room(room, license_guid)
    retired_at = retired_keys(room).get(read.signer)
    keys = [pair.signing_key for pair in (own_keys(room), pending_keys(room)) if pair]
    if retired_at is None and receipt.signing_key not in keys:
        return lfr_refusals.unknown_key(room, read.signer)
    if room.state == ControlRoom.State.WRITTEN_OFF:  # E12
        return lfr_refusals.written_off(room)
    standing = judge_history(seen_by(room, receipt.ledger), receipt.ledger, retired_at=retired_at)
    if standing is Standing.NOT_SHOWN:
        return _never_shown(lfr_refusals.history_not_shown(room, receipt.ledger))
    if standing is Standing.MISMATCH:
        return _never_shown(lfr_refusals.history_mismatch(room, receipt.ledger))
    file = LicenseFile.objects.defer("raw").filter(id=receipt.olf_id, room=room).first()
    if file is None or file.sequence != receipt.sequence:
        return lfr_refusals.unknown_license_file(room.name, receipt.sequence)
    if file.state == LicenseFile.State.DISPROVED and file.enrolment_id == room.enrolment_id:
        return _never_shown(lfr_refusals.installed_is_older(room, file.sequence))
    return room, file, standing


def _never_shown(refusal: Refusal) -> Refusal:
    """A receipt is never accepted against the history; the LFR is what two people look at."""
    return Refusal(
        refusal.code, refusal.message, "Upload the Control Room's newest LFR instead; it says more.", refusal.evidence
    )


def _unknown_room(receipt: Receipt) -> Refusal:
    return Refusal(
        Code.UNKNOWN_SIGNER,
        f"The receipt is of Control Room {receipt.control_room_id}, which is not known here.",
        "Check where the file comes from. A Control Room becomes known by its first LFR.",
    )


def _of_another_room(room: ControlRoom, license_guid: Guid) -> Refusal:
    bound = f"the License GUID {room.guid.label}" if room.guid else "no License GUID any more"
    return Refusal(
        Code.WRONG_CONTROL_ROOM,
        f"The receipt is of {room.name}, which is bound to {bound}; it was shown for {license_guid.label}.",
        "Upload it at the License GUID of that Control Room.",
    )


def _take(doing: Act, read: ReadReceipt, room: ControlRoom, file: LicenseFile, standing: Standing) -> ReceiptAccepted:
    receipt = read.receipt
    newer = file.sequence > room.confirmed and file.enrolment_id == room.enrolment_id
    newer = newer and room.state == ControlRoom.State.ACTIVE
    if newer:
        _confirm(doing, room, file)
    if standing is Standing.EXTENDS:
        before = SeenCheckpoint.objects.filter(room=room, believed=True).order_by("-size", "-id").first()
        totals = before.totals if before else '{"units":[],"history_accepted":0}'
        see(room, receipt.ledger, receipt.olf_id, f"the receipt of license file {receipt.sequence}", totals, doing.now)
        take_key(room, receipt.signing_key, receipt.ledger.checkpoint.size)
    if newer or standing is Standing.EXTENDS:  # one older than what is confirmed changes nothing (H2)
        room.changed_at = doing.now
        room.save(force_update=True)
        LicenseFile.objects.filter(pk=file.pk).update(receipt=read.envelope.digest)
    return _answer(doing, receipt, room, file, "confirmed" if newer else "nothing_changed")


def _answer(doing: Act, receipt: Receipt, room: ControlRoom, file: LicenseFile, verdict: str) -> ReceiptAccepted:
    doing.record("receipt.accepted", file.id, verdict=verdict, control_room=room.id)
    return ReceiptAccepted(file.id, file.sequence, room.id, room.name, receipt.installed_at, verdict)


def _confirm(doing: Act, room: ControlRoom, file: LicenseFile) -> None:
    assert room.enrolment is not None
    confirm(room, file, None, doing.now)
    position = read_position(room.id, room.enrolment.id, ())
    after = settle(position, Report(installed=file.sequence), periods_of(position.purchases()), doing.now)
    write_position(room.id, room.enrolment.id, room.enrolment.guid_id, position, after)
