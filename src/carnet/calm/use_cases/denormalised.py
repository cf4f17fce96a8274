"""What pages ask of many Control Rooms and LFRs at once, written with the facts that it follows from, in the same
transaction: so that no page reads an LFR again, and none reads a thousand rows to show ten."""

import msgspec

from carnet.calm.control_rooms.changes import write_changes
from carnet.calm.control_rooms.models import AcceptedLfr, ControlRoom, LicenseFile
from carnet.calm.customers.windows import read_windows, write_windows
from carnet.calm.use_cases.context import Act
from carnet.exchange.license_file_request import LicenseFileRequest, ReadLfr
from carnet.exchange.windows import Windows, cycle_ends, install_by
from carnet.times import announced_from


def lfr_row(doing: Act, room: ControlRoom, read: ReadLfr, windows: Windows) -> AcceptedLfr:
    """The row of an LFR that is taken. `room` still says what CALM had seen before. `windows`: that CALM had signed for
    the site (E18)."""
    lfr, envelope = read.lfr, read.envelope
    totals = lfr.totals.record.body
    return AcceptedLfr(
        id=lfr.request_id,
        room=room,
        enrolment=room.enrolment,
        sequence=lfr.sequence,
        kind=lfr.kind,
        raw=envelope.raw,
        digest=envelope.digest,
        size=len(envelope.raw),
        generated_at=lfr.generated_at,
        accepted_at=doing.now,
        accepted_by=doing.by,
        state=lfr.state,
        installed=lfr.installed.sequence if lfr.installed else 0,
        seen_from=room.seen_size,
        seen_to=lfr.ledger.checkpoint.size,
        clock_trusted=lfr.clock.trusted,
        clock_system=lfr.clock.system,
        set_backs=lfr.clock.set_back_count,
        largest_set_back_s=lfr.clock.largest_set_back_s,
        owed=any(line.owed for line in totals.lines),
        new_keys=lfr.new_keys is not None,
        history_accepted=lfr.history_accepted,
        refusals=_text(totals.refusals),
        totals=_text(totals.lines),
        windows=write_windows(windows),
        **_cycle(lfr, windows),
    )


def _cycle(lfr: LicenseFileRequest, windows: Windows) -> dict[str, object]:
    """E5: of the deadline that CALM signed and the one that the site wrote the earlier counts."""
    if lfr.cycle is None or lfr.install_by is None:
        return {}
    return {
        "cycle": lfr.cycle.id,
        "opened_at": lfr.cycle.opened_at,
        "deadline": min(lfr.install_by, install_by(lfr.cycle.opened_at, lfr.generated_at, windows)),
        "withdrawn_before": lfr.cycle.withdrawn_before,
    }


def note_lfr(room: ControlRoom, accepted: AcceptedLfr) -> None:
    """The room as its newest LFR leaves it."""
    windows = read_windows(accepted.windows)
    room.cycle_opened_at, room.deadline = accepted.opened_at, accepted.deadline
    room.cycle_ends = cycle_ends(accepted.opened_at, windows) if accepted.opened_at else None
    room.windows, room.missed_cycle_locks = accepted.windows, windows.missed_cycle_locks
    room.site_state, room.owed = accepted.state, accepted.owed
    room.set_backs = max(0, accepted.set_backs - room.set_backs_known)


def note_confirmed(room: ControlRoom, file: LicenseFile | None) -> None:
    """The room as the OLF that is confirmed licenses it. None: it is not licensed in this enrolment."""
    if file is None or file.sequence != room.confirmed:
        write_changes(room.id, file)
    room.confirmed = file.sequence if file else 0
    room.licensed_until = file.valid_until if file else None
    room.grace_until = file.ends if file else None
    room.expiring_from = announced_from(file.valid_until, read_windows(file.windows).expiring) if file else None


def note_installed(room: ControlRoom, file: LicenseFile) -> None:
    """T2: how often the clock was set back before that install is known; what comes later is new."""
    stated = AcceptedLfr.objects.filter(pk=file.lfr_id).values_list("set_backs", flat=True).first()
    room.set_backs_known, room.set_backs = stated or 0, 0
    if file.lfr_id == room.newest_lfr_id:  # E7: installing closes the cycle
        room.cycle_opened_at = room.deadline = room.cycle_ends = None
    windows = read_windows(file.windows)
    room.windows, room.missed_cycle_locks = file.windows, windows.missed_cycle_locks


def note_ended(room: ControlRoom) -> None:
    """Released or written off: no cycle is open, and nothing there is watched for its end."""
    room.cycle_opened_at = room.deadline = room.cycle_ends = None
    room.licensed_until = room.grace_until = room.expiring_from = None
    write_changes(room.id, None)
    room.owed, room.set_backs = False, 0


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
