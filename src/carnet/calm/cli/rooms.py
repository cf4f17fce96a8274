"""control-room list/show/accept-history/write-off"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet import times
from carnet.calm.cli.session import (
    Reason,
    Session,
    command,
    table,
)
from carnet.calm.cli.vendor import proposed
from carnet.cli_support import new_app
from carnet.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


def add_to(app: typer.Typer) -> None:
    room = new_app("Control Rooms, as CALM knows them.")
    command(room, "list")(list_rooms)
    command(room, "show")(show_room)
    command(room, "accept-history")(accept_history)
    command(room, "write-off")(write_off)
    command(room, "readmit")(readmit)
    command(room, "take-back")(take_back)
    app.add_typer(room, name="control-room")


RoomName = Annotated[
    str, typer.Argument(metavar="ROOM", help="Its id, or its License GUID (id or label).", show_default=False)
]


def list_rooms(session: Session) -> None:
    """All Control Rooms, and what written-off ones could still use."""
    session.calm()
    from carnet.calm.queries.control_rooms import list_rooms as use_case

    session.answer(use_case(now=session.now()), _rooms)


def _rooms(console: "Console", answer: Any) -> None:
    rows = [
        (r.name, r.account_name, r.guid_label, r.state, r.version, r.newest_lfr, r.confirmed, r.control_room)
        for r in answer
    ]
    columns = ("name", "account", "GUID", "state", "version", "LFR", "confirmed", "Control Room")
    table(console, "Control Rooms", columns, rows)
    for room in answer:
        _exposed(console, room)


def _exposed(console: "Console", room: Any) -> None:
    for one in room.exposed:
        who = f"{room.name} is written off, and" if one.why == "written_off" else f"{room.name} was released; a copy"
        console.print(
            f"Exposed: {who} could still use {one.quantity} {one.sku} {times.until(one.until)}.", soft_wrap=True
        )


def show_room(session: Session, room: RoomName) -> None:
    """One Control Room: requests, license files, what is counted, what was refused, what waits for a second person."""
    session.calm()
    from carnet.calm.queries.control_rooms import show_room as use_case

    session.answer(use_case(room, now=session.now()), _room)


def _room(console: "Console", answer: Any) -> None:
    room = answer.room
    bound = f"GUID {room.guid_label}" if room.guid else "no GUID"
    console.print(f"{room.name} ({room.control_room}) of {room.account_name}: {room.state}, {bound}, v.{room.version}")
    console.print(f"Ledger as seen last: {answer.checkpoint_size} records, root {answer.checkpoint_root}")
    _exposed(console, room)
    files = [
        (f.sequence, f.state, f.issued_at, f.install_by, f.issued_by, f.license_file) for f in answer.license_files
    ]
    table(console, "License files", ("#", "state", "issued", "install by", "by", "id"), files)
    lfrs = [(r.sequence, r.kind, r.accepted_at, "yes" if r.used else "no", r.lfr) for r in answer.lfrs]
    table(console, "Requests", ("#", "kind", "accepted", "answered", "id"), lfrs)
    counted = [(c.sku, c.period_start, c.consumed, c.line_id) for c in answer.counted]
    table(console, "Counted as consumed", ("product", "period from", "units", "line"), counted)
    spent = [(s.sku, s.period_start, s.units, s.why, s.purchase) for s in answer.spent]
    table(console, "Spent by ended enrolments", ("product", "period from", "units", "why", "purchase"), spent)
    refused = [(r.at, r.kind, r.code, "yes" if r.open else "no", r.sha256[:16]) for r in answer.refused]
    table(console, "Refused files, kept", ("when", "file", "code", "open", "sha-256"), refused)
    accepted = [(a.number, a.at, a.by, a.second, a.reason) for a in answer.acceptances]
    table(console, "Accepted histories", ("#", "when", "proposed by", "confirmed by", "why"), accepted)
    for one in answer.acceptances:
        for sentence in one.numbers:
            console.print(f"Accepted history {one.number}: {sentence}.", soft_wrap=True)
    moved = [(c.at, c.was, c.left, c.now, c.came_to, c.by) for c in answer.account_changes]
    table(console, "Went to another account", ("when", "from", "its GUID", "to", "its GUID", "by"), moved)
    for proposal in answer.proposals:
        console.print(f"Waits for a second person: calm confirm {proposal} --as OPERATOR", soft_wrap=True)


SiteConfirms = Annotated[
    bool, typer.Option("--site-confirms", help="The site confirms by other means that this is its newest request.")
]

Lower = Annotated[
    list[str] | None,
    typer.Option(
        "--add",
        metavar="LINE=UNITS",
        help="Fewer units to add to a line than computed, down to what both histories prove. LINE: its id, or its id@"
        "the start of its period, or its product where that has one line. Can be given again.",
    ),
]


def accept_history(
    session: Session, room: RoomName, reason: Reason, site_confirms: SiteConfirms = False, add: Lower = None
) -> None:
    """Propose to accept the history of the newest LFR refused for it (L2). A second person confirms it (A3)."""
    calm = session.calm()
    from carnet.calm.queries.control_rooms import find_named
    from carnet.calm.use_cases.proposals import propose_accept_history

    answer = propose_accept_history(
        calm,
        control_room=find_named(room).id,
        reason=reason,
        site_confirms=site_confirms,
        entered=_entered(add),
        **session.who(),
    )
    session.answer(answer, proposed)


def _entered(given: list[str] | None) -> dict[str, int]:
    """Raises UsageError where one is not written `LINE=UNITS`."""
    found = {}
    for text in given or ():
        line, _, units = text.rpartition("=")
        if not line or not units.isdecimal():
            raise UsageError(f"“{text}” is not a line and a number.", "Write LINE=UNITS, for example bot-runs=50.")
        found[line] = int(units)
    return found


def readmit(session: Session, room: RoomName, reason: Reason) -> None:
    """Propose to let a Control Room enrol once more that was released and enrolled again within a year (E11). A second
    person confirms it (A3)."""
    calm = session.calm()
    from carnet.calm.queries.control_rooms import find_named
    from carnet.calm.use_cases.proposals import propose_readmission

    answer = propose_readmission(calm, control_room=find_named(room).id, reason=reason, **session.who())
    session.answer(answer, proposed)


def take_back(session: Session, room: RoomName, reason: Reason, add: Lower = None) -> None:
    """Propose to take back what CALM forgot of a Control Room when it was restored, as its LFR with the license proves
    it (L6). A second person confirms it (A3)."""
    calm = session.calm()
    from carnet.calm.queries.control_rooms import id_of
    from carnet.calm.use_cases.proposals import propose_take_back

    answer = propose_take_back(calm, control_room=id_of(room), reason=reason, entered=_entered(add), **session.who())
    session.answer(answer, proposed)


Unconsumed = Annotated[
    bool, typer.Option("--return-unconsumed", help="Return all units not reported consumed; else none.")
]


def write_off(session: Session, room: RoomName, reason: Reason, return_unconsumed: Unconsumed = False) -> None:
    """Propose to write a lost Control Room off (E12). A second person confirms it (A3)."""
    calm = session.calm()
    from carnet.calm.queries.control_rooms import find_named
    from carnet.calm.use_cases.proposals import propose_write_off

    answer = propose_write_off(
        calm, control_room=find_named(room).id, reason=reason, return_unconsumed=return_unconsumed, **session.who()
    )
    session.answer(answer, proposed)
