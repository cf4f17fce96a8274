"""init · status · forecast · notify · key-set install · backup · restore · move · migrations"""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet.cli_support import (
    OutFile,
    check_name,
    new_app,
    parse_time,
    print_lines,
    read_file,
    refuse,
)
from carnet.control_room.cli.session import InFile, Session, command
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal
from carnet.far_ahead import read_day
from carnet.files import is_empty, is_there
from carnet.out_files import NOTHING, check_place, is_stdout
from carnet.times import day_or_minute, is_perpetual, until

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.control_room.queries.forecast import Forecast as ForecastAnswer
    from carnet.control_room.queries.questions import OutlookAnswer
    from carnet.control_room.queries.run_out import Pace, RunOut
    from carnet.control_room.rules.activation.install_token import KeySetAnswer


def add_to(app: typer.Typer) -> None:
    command(app, "init")(init)
    command(app, "status")(status)
    command(app, "forecast")(forecast)
    command(app, "notify")(notify)
    command(app, "backup")(backup)
    command(app, "restore")(restore)
    command(app, "move")(move)
    command(app, "migrations")(migrations)
    key_set = new_app("The vendor's key set.")
    command(key_set, "install")(install_key_set)
    app.add_typer(key_set, name="key-set")


def init(
    session: Session,
    trust: Annotated[Path, typer.Option("--trust", help="The vendor's root thumbprints, as the product ships them.")],
    name: Annotated[str, typer.Option("--name", help="How people call this Control Room.")] = "Control Room",
    administrator: Annotated[
        str,
        typer.Option(
            "--administrator", help="Who signs in first. If not given, the name you act under.", show_default=False
        ),
    ] = "",
    names: Annotated[
        str,
        typer.Option("--names", help="fold: names of users that differ by case alone are one. exact: they are two."),
    ] = "fold",
) -> None:
    """Set up a Control Room in an empty folder: its identity, its keys and its ledger."""
    from carnet.exchange.key_set import read_trust

    read = read_trust(read_file(trust))
    if isinstance(read, Refusal):
        refuse(read, as_json=session.as_json)
    first = _administrator(administrator or session.actor.lower(), named=bool(administrator))
    if names not in ("exact", "fold"):
        raise UsageError(f"“{names}” is not a way to compare names.", "Write fold or exact.")
    session.answer(
        session.site.init(read, check_name(name, "Control Room's name"), first, "fold" if names == "fold" else "exact"),
        _founded,
    )


def _administrator(name: str, *, named: bool) -> str:
    """Check --administrator as a sign-in name; if the actor's own name is not one, use `administrator`.

    Raises UsageError.
    """
    from carnet.control_room.rules.granting.people import is_name

    if is_name(name):
        return name
    if named:
        raise UsageError(f"“{name}” is not a valid sign-in name.", "Use 1 to 64 of a–z, 0–9 and . _ @ -")
    return "administrator"


def _founded(console: "Console", founded: Any) -> None:
    from carnet.exchange.key_set import roots_words

    console.print(f"{founded.name} is set up in {founded.data}, version {founded.version}.")
    console.print(f"Its id: {founded.control_room}")
    console.print(f"It trusts the files of “{founded.vendor}”, by these root keys:")
    for line in roots_words(founded.roots):
        console.print(f"  {line}")
    console.print(
        "Compare each letter with what the vendor's portal (CALM) shows on the page of the token, or with what"
    )
    console.print(
        "the vendor tells you by another way than the file. If one differs, delete this folder and ask the vendor."
    )
    if founded.warning:
        console.print(f"! {founded.warning}", style="yellow")
    if founded.name_warning:
        console.print(f"! {founded.name_warning}", style="yellow")
    console.print(f"{founded.administrator} is its first administrator, and has no password yet.")
    console.print("Next: serve it (control-room serve), and choose a password by the link that this prints:")
    console.print(f"  control-room person link {founded.administrator}")
    console.print("Then install an enablement token, at the pages or with: control-room token install FILE")


def status(session: Session) -> None:
    """The state, the nearest deadline, what is licensed and used, and the clock."""
    from carnet.control_room.cli import show
    from carnet.control_room.queries.questions import Status

    session.ask(Status(), show.status)


def forecast(
    session: Session,
    on: Annotated[str | None, typer.Option("--on", metavar="DATE", help="The date to look at, at 12:00 UTC.")] = None,
    deadline_missed: Annotated[bool, typer.Option("--deadline-missed", help="Look at the missed deadline.")] = False,
) -> None:
    """When units run out, and what is near its limit. With an option: what will be then, if nothing is done."""
    from carnet.control_room.queries.questions import Forecast, Outlook

    if on is not None and deadline_missed:
        raise UsageError("Give --on DATE, or --deadline-missed, not both.")
    if on is None and not deadline_missed:
        session.ask(Outlook(), _outlook)
        return
    session.ask(Forecast(None if on is None else _seen(on)), _forecast)


def _seen(on: str) -> datetime:
    """A day as the pages look at it; a time as it is given."""
    from carnet.control_room.queries.forecast import seen_on

    given = parse_time(on)
    return given if "T" in on else seen_on(given)


def _outlook(console: "Console", found: "OutlookAnswer") -> None:
    from carnet.control_room.cli import show

    made = show.table("Product", ">Left", "Unit", ">A day (7 d)", "Runs out", ">A day (30 d)", "Runs out")
    for each in found.run_out:
        paces = [(show.number(pace.per_day), _when(pace, each)) for pace in (each.week, each.month)]
        made.add_row(each.name, show.number(each.remaining), each.unit, *paces[0], *paces[1])
    console.print(made if found.run_out else "No units are licensed here.")
    for near in found.near_limit:
        console.print(f"! {near.name}: at its peak {near.peak_in_use:,} of {near.granted:,} ({near.percent} %) in use.")
    console.print("See what will be on a day: control-room forecast --on DATE")


def _when(pace: "Pace", of: "RunOut") -> str:

    if pace.runs_out_at:
        return day_or_minute(pace.runs_out_at)
    return _lasting(of.valid_until) if pace.consumed else "nothing was used"


def _lasting(end: datetime) -> str:
    return "not in the next years" if is_perpetual(end) else f"not {until(end)}"


def _forecast(console: "Console", found: "ForecastAnswer") -> None:
    from carnet.control_room.cli import show

    beside = "" if found.state == found.state_by_time else f" (by time: {found.state_by_time})"
    console.print(f"On {day_or_minute(found.on)}, if nothing is done until then: {found.state}{beside}")
    if found.banner:
        console.print(f"! {found.banner}", style="yellow")
    show.product_lines(console, found.products)
    for line in found.refused:
        console.print(f"Refused: {line}")
    for change in found.changes:
        console.print(f"Changes until then: {change.words}")
    for rest in found.uncovered:
        more = " …" if rest.count > len(rest.newest) else ""
        console.print(f"No longer covered, {rest.name}: {rest.count:,} ({', '.join(rest.newest)}{more})")
    if not found.refused and not found.uncovered:
        console.print("Nothing would be refused that is granted today.")


def install_key_set(session: Session, file: InFile) -> None:
    """Take a newer key set of the vendor (E16)."""
    from carnet.control_room.rules.activation.install_token import InstallKeySet

    raw = read_file(file)
    with session.site.client(writing=True) as client:
        answer = client.execute(InstallKeySet(raw), session.actor)
        session.site.publish_key_set(client)
    session.answer(answer, _key_set)


def _key_set(console: "Console", answer: "KeySetAnswer") -> None:
    if answer.version == answer.was:
        console.print(f"Key set {answer.version} was known here already. Nothing was changed.")
    else:
        console.print(f"Key set {answer.version} is taken (it was {answer.was}).")
        print_lines(console, "\n".join(answer.log_breaks))


def notify(session: Session) -> None:
    """Send the notices that are due, each once, and the checkpoint line: for a timer, every hour."""
    session.answer(session.site.notify(), _notified)


def _notified(console: "Console", told: Any) -> None:
    if not told.ways:
        console.print("Nothing is sent: no address and no syslog is set (Settings, at the pages).")
    for words in told.sent:
        console.print(f"Sent: {words}")
    for words in told.failed:
        console.print(f"! Not sent, tried again with the next run: {words}", style="yellow")
    if told.checkpoint:
        console.print(f"To the syslog: {told.checkpoint}")
    if told.ways and not told.sent and not told.failed:
        console.print("No notice is due.")


def backup(session: Session, out: OutFile) -> None:
    """Write a backup of ledger and keys; the keys stay wrapped under their passphrase."""
    if is_there(out):
        raise UsageError(f"{out} is there already; a backup replaces no other.", "Choose another name with --out.")
    size = session.site.backup(out)
    session.answer({"file": str(out), "bytes": size}, _backed_up)


def _backed_up(console: "Console", answer: Any) -> None:
    console.print(f"Backup written: {answer['file']}, {answer['bytes']:,} bytes.")
    console.print("It does not hold the passphrase. A restored backup is found out by the vendor: say so there.")


Today = Annotated[
    str | None, typer.Option("--date", help="Today's date (UTC), where the clock is far ahead of the file (T5).")
]


def restore(session: Session, file: InFile, date: Today = None) -> None:
    """Put a backup back. What was here is kept beside it; the vendor will see that the history went back."""
    session.answer(session.site.restore(file, read_day(date) if date else None), _restored)


def _restored(console: "Console", answer: Any) -> None:
    from carnet.control_room.cli.show import counted

    console.print(f"Restored: {counted(answer.size, 'record')} (before: {answer.size_before:,}).")
    if answer.kept:
        console.print(f"What was here is kept in {answer.kept}.")
    console.print("What the vendor will see: the next LFR does not continue what CALM knows. CALM refuses it, and")
    console.print("two people there can accept it: tell them that a backup was restored, and when it was made.")
    console.print("API keys that were revoked since are in force again (control-room api-key list). Bots that saw more")
    console.print("records than there are now are refused rolled_back, until they are told to forget what they saw.")


def move(
    session: Session,
    out: Annotated[
        Path | None, typer.Option("--out", help="On the old machine: the file to carry.", dir_okay=False)
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--from", help="On the new machine: the file that was carried.", dir_okay=False)
    ] = None,
    date: Today = None,
) -> None:
    """Move this Control Room to another machine: --out on the old one, then --from on the new one (L7)."""
    if (out is None) == (file is None):
        raise UsageError("Give --out FILE on the old machine, or --from FILE on the new one.")
    if file:
        session.answer(session.site.move_in(file, session.actor, read_day(date) if date else None), _arrived)
        return
    assert out is not None
    if is_stdout(out):
        raise UsageError("A move writes its file twice, so it needs one.", NOTHING)
    check_place(out)
    if is_there(out) and not is_empty(out):  # an empty one is of a move that was interrupted
        raise UsageError(
            f"{out} is there already; the file of a move replaces no other.",
            "Choose another name. A move that was interrupted gives its file this name once it is whole: carry it.",
        )
    session.answer(session.site.move_out(out, session.actor), lambda console, a: _left(console, a, out))


def _left(console: "Console", answer: Any, out: Path) -> None:
    console.print(f"{answer.name} has left this machine: nothing is granted or recorded here any more.")
    console.print(f"The site is in {out}, {answer.size:,} bytes, {answer.records:,} records.")
    console.print("Carry it, and the passphrase by another way. On the new machine:")
    console.print("  control-room move --from FILE", soft_wrap=True)
    console.print("To undo it, do that here. If the file is lost, do this again.")


def _arrived(console: "Console", answer: Any) -> None:
    console.print(f"{answer.name} goes on here: {answer.records:,} records.")
    console.print("CALM takes its next request as any other. Start the server: control-room serve")
    console.print("Do not put the same file on a third machine: the vendor would find two copies (L2).")
    console.print("Delete the old folder and the file once CALM took a request or a receipt from here.")


def migrations(session: Session) -> None:
    """What this release would do first with the folder, after an upgrade. Nothing is done."""
    session.answer(session.site.migrations(), _migrations)


def _migrations(console: "Console", found: Any) -> None:
    console.print(
        f"Written by version {found.written_by}; this is version {found.version}. Records: {found.records:,}."
    )
    for step in found.steps:
        console.print(f"  {step}")
    if not found.steps:
        console.print("Nothing has to be migrated.")
