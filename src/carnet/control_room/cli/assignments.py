"""user import: many assignments at once, by the CSV file that the pages take too."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from carnet.cli_support import WRITTEN, read_file, write_out
from carnet.control_room.cli.session import Session, command
from carnet.exchange.verdicts import Refusal
from carnet.out_files import REFUSED_ROWS
from carnet.web_kit.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.control_room.local_api.client import EngineClient
    from carnet.control_room.rules.granting.assignment_file import AssignmentFile, RefusedRow
    from carnet.control_room.rules.granting.assignments import AssignmentsAnswer


def add_to(user: typer.Typer) -> None:
    command(user, "import", writes=REFUSED_ROWS)(import_assignments)


File = Annotated[Path, typer.Argument(metavar="FILE", show_default=False, help="CSV in UTF-8: user,product,action.")]
OnlyCheck = Annotated[bool, typer.Option("--check", help="Say what it would do. Nothing is changed.")]
GoodRows = Annotated[bool, typer.Option("--good-rows-only", help="Carry out the good rows, and leave the others out.")]
Refused = Annotated[
    Path | None, typer.Option("--refused", help="Where to write the refused rows, to be corrected."), WRITTEN
]


@dataclass(frozen=True)
class Imported:
    """What became, or with `checked` would become, of the rows of a file."""

    checked: bool
    assigned: int
    unassigned: int
    already: int
    refused: "list[RefusedRow]"


def import_assignments(
    session: Session, file: File, check: OnlyCheck = False, good_rows: GoodRows = False, refused: Refused = None
) -> None:
    """Carry out a CSV file of assignments: all rows together, or none."""
    from carnet.control_room.rules.granting.assignment_file import MOST_BYTES, read_assignments, refused_file
    from carnet.control_room.rules.granting.assignments import NO_ROWS, CheckAssignments, refused_rows

    read = read_assignments(read_file(file, MOST_BYTES))
    if isinstance(read, Refusal):
        session.answer(read, _imported)
        return
    with session.site.client(writing=not check) as client:
        found = client.ask(CheckAssignments(read.rows)) if read.rows else NO_ROWS
        if isinstance(found, Refusal):
            session.answer(found, _imported)
            return
        bad = refused_rows(read, found)
        answer: Imported | Refusal = _came_to(found, bad, checked=True)
        if not check:
            answer = _carry_out(session, client, read, bad, good_rows=good_rows)
    if refused and bad:
        done = "Nothing was changed." if check or isinstance(answer, Refusal) else "The good rows are carried out."
        again = "Write it to another place, with --check."
        write_out(refused, refused_file(bad), 0o600, done=done, again=again)
    session.answer(answer, _imported)


def _carry_out(
    session: Session, client: "EngineClient", read: "AssignmentFile", bad: "list[RefusedRow]", *, good_rows: bool
) -> Imported | Refusal:
    from carnet.control_room.rules.granting.assignments import NO_ROWS, AssignMany, refuse_rows, refused_rows

    if bad and not good_rows:
        return refuse_rows(bad, len(read.rows) + len(read.errors))
    answer = client.execute(AssignMany(read.rows, good_rows), session.actor) if read.rows else None
    if isinstance(answer, Refusal):  # somebody came first, since the check
        return answer
    answer = answer or NO_ROWS
    return _came_to(answer, refused_rows(read, answer), checked=False)


def _came_to(answer: "AssignmentsAnswer", bad: "list[RefusedRow]", *, checked: bool) -> Imported:
    return Imported(checked, answer.assigned, answer.unassigned, answer.already, bad)


def _imported(console: "Console", answer: Imported) -> None:
    would = "Would be: " if answer.checked else ""
    console.print(
        f"{would}{answer.assigned:,} assigned, {answer.unassigned:,} taken back, {answer.already:,} so already, "
        f"{counted(len(answer.refused), 'row')} refused.{' Nothing was changed.' if answer.checked else ''}",
        soft_wrap=True,
    )
    for row in answer.refused:
        named = " · ".join(filter(None, (row.user, row.product)))
        console.print(f"  line {row.line}, {named}: {row.why}", soft_wrap=True)
