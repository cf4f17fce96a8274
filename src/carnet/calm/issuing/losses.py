"""E12: a customer reports a Control Room as lost. Nothing changes by that: license operations write it off, with a
second person, or the customer takes the report back. A release LFR of it settles the report too."""

from dataclasses import dataclass
from datetime import datetime

from carnet.calm.control_rooms.models import ControlRoom, LossReport
from carnet.calm.issuing.context import Calm, act, check_text
from carnet.calm.issuing.guids import find_guid
from carnet.errors import UsageError


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


def report_lost(calm: Calm, *, guid: str, reason: str, now: datetime, by: str) -> LossShown:
    """Raises UsageError where no Control Room is bound to the GUID, or where it is reported already."""
    check_text(reason, "reason", 2000)
    with act(calm, now=now, by=by) as doing:
        slot = find_guid(guid)
        room = ControlRoom.objects.filter(guid=slot).first()
        if room is None:
            raise UsageError(f"No Control Room is bound to the License GUID {slot.label}: there is nothing to lose.")
        if LossReport.objects.filter(room=room, state=LossReport.State.OPEN).exists():
            raise UsageError(f"{room.name} is reported as lost already.", "License operations decide on it.")
        row = LossReport(id=doing.new_id(), room=room, guid=slot, reason=reason, by=by, at=now)
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
