"""E12: a Control Room that is lost. A customer reports it, which changes nothing yet and can be taken back. Vendor
staff write it off, with a second person: seats and users return, of its units what staff decide, and the rest is
spent. A release LFR of it settles the report too.
"""

from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.models import ControlRoom, LossReport
from carnet.calm.control_rooms.positions import periods_of, read_position
from carnet.calm.purchases.books import close
from carnet.calm.purchases.models import Purchase
from carnet.calm.use_cases.apply_lfr import end, settle_loss, write_closing
from carnet.calm.use_cases.context import Act, Calm, act, check_text
from carnet.calm.use_cases.denormalised import note_ended
from carnet.calm.use_cases.exposures import note_exposure
from carnet.calm.use_cases.guids import find_guid
from carnet.calm.use_cases.uploads import count_upload
from carnet.calm.use_cases.validate_lfr import find_room
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import until


@dataclass(frozen=True)
class LossShown:
    report: str
    guid: str
    control_room: str
    name: str
    reason: str
    by: str
    at: datetime
    state: str  # open | written_off | withdrawn | released
    settled_by: str
    settled_at: datetime | None


def report_lost(calm: Calm, *, guid: str, reason: str, now: datetime, by: str) -> LossShown | Refusal:
    """Raises UsageError where no Control Room is bound to the GUID, or where it is reported already."""
    check_text(reason, "reason", 2000)
    with act(calm, now=now, by=by) as doing:
        license_guid = find_guid(guid)
        if too_many := count_upload(doing, license_guid.account_id, 0):
            return too_many
        room = ControlRoom.objects.filter(guid=license_guid).first()
        if room is None:
            raise UsageError(
                f"No Control Room is bound to the License GUID {license_guid.label}: there is nothing to lose."
            )
        if LossReport.objects.filter(room=room, state=LossReport.State.OPEN).exists():
            raise UsageError(f"{room.name} is reported as lost already.", "License operations decide on it.")
        row = LossReport(id=doing.new_id(), room=room, guid=license_guid, reason=reason, by=by, at=now)
        row.save(force_insert=True)
        doing.record("control_room.reported_lost", row.id, reason, control_room=room.id, account=room.account_id)
        return _shown(row)


def withdraw_report(calm: Calm, *, report: str, reason: str, now: datetime, by: str) -> LossShown:
    """It was found again. Raises UsageError where there is no such report that is open."""
    check_text(reason, "reason", 2000)
    with act(calm, now=now, by=by) as doing:
        row = LossReport.objects.select_related("room").filter(id=report, state=LossReport.State.OPEN).first()
        if row is None:
            raise UsageError(f"There is no open report of a loss “{report}”.", "It was settled already, or never made.")
        row.state, row.settled_at, row.settled_by = LossReport.State.WITHDRAWN, now, by
        row.save(force_update=True, update_fields=["state", "settled_at", "settled_by"])
        doing.record("control_room.loss_withdrawn", row.id, reason, control_room=row.room_id)
        return _shown(row)


def _shown(row: LossReport) -> LossShown:
    return LossShown(
        row.id,
        row.guid_id,
        row.room_id,
        row.room.name,
        row.reason,
        row.by,
        row.at,
        row.state,
        row.settled_by,
        row.settled_at,
    )


def find_active(room_id: str) -> ControlRoom | Refusal:
    room = find_room(room_id)
    if room is None:
        raise UsageError(f"There is no Control Room “{room_id}”.", run="calm control-room list")
    if room.state == ControlRoom.State.ACTIVE:
        return room
    word = "written off" if room.state == ControlRoom.State.WRITTEN_OFF else "released"
    code = Code.WRITTEN_OFF if room.state == ControlRoom.State.WRITTEN_OFF else Code.NOTHING_TO_ACCEPT
    return Refusal(
        code,
        f"{room.name} is {word} already: nothing is held there.",
        "Look at what it held and spent.",
        run="calm control-room show",
    )


def consequences(room: ControlRoom, now: datetime, *, return_unconsumed: bool) -> tuple[str, ...]:
    """What writing it off does, in words, with the exposure that it leaves."""
    assert room.enrolment is not None
    position = read_position(room.id, room.enrolment.id)
    purchases = Purchase.objects.select_related("product").filter(id__in=position.purchases()).order_by("product", "id")
    periods = {purchase.id: purchase.period for purchase in purchases}
    units = [p.id for p in purchases if p.product.kind.counts_units]
    proven = units if return_unconsumed else []
    closings = close(position, units, proven, periods, now)
    words = []
    for purchase in purchases:
        held = position.holds(purchase.id, purchase.period, now)
        spent = closings[purchase.id].spent.units if purchase.id in closings else 0
        words.append(f"{purchase.product.name}: {held} held, {spent} become spent, {max(0, held - spent)} return")
    ends = max((line.ends for line in position.lines), default=None)
    if ends and ends > now:
        words.append(
            f"{until(ends)} the lost Control Room could still use its license file: more may be usable than was "
            "bought (H1)"
        )
    return tuple(words)


def write_off(doing: Act, room: ControlRoom, *, return_unconsumed: bool) -> None:
    enrolment = room.enrolment
    assert enrolment is not None
    position = read_position(room.id, enrolment.id)
    proven = position.purchases() if return_unconsumed else set()
    write_closing(enrolment, position, proven, periods_of(position.purchases()), doing.now, "written_off")
    note_exposure(enrolment, position, room.confirmed)
    end(enrolment, doing.now, "written_off")
    room.guid, room.state, room.changed_at = None, ControlRoom.State.WRITTEN_OFF, doing.now
    note_ended(room)
    settle_loss(room.id, LossReport.State.WRITTEN_OFF, doing)
    room.save(force_update=True)
