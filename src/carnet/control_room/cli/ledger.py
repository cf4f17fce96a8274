"""ledger show/verify/checkpoint/export"""

import json
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet import times
from carnet.cli_support import (
    OutFile,
    new_app,
    print_lines,
    read_file,
    refuse,
    write_out,
)
from carnet.control_room.cli.session import Session, command
from carnet.errors import TamperedError, UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.out_files import LEDGER, MOST, kind_at
from carnet.printable import printable_json

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.control_room.ledger.record import Record
    from carnet.control_room.local_api.client import EngineClient
    from carnet.control_room.queries.questions import RecordView
    from carnet.merkle import Checkpoint


def add_to(app: typer.Typer) -> None:
    ledger = new_app("The ledger.")
    command(ledger, "show")(show_records)
    command(ledger, "verify")(verify)
    command(ledger, "checkpoint")(checkpoint)
    command(ledger, "export", LEDGER)(export)
    app.add_typer(ledger, name="ledger")


def show_records(
    session: Session,
    last: Annotated[int, typer.Option("--last", min=1, max=10000, help="How many, the newest last.")] = 20,
    kind: Annotated[str | None, typer.Option("--kind", help="Only records of this kind.")] = None,
) -> None:
    """The newest records, decrypted."""

    with session.site.client() as client:
        found = _newest(client, last, kind)
    session.answer(found, _records)


def _newest(client: "EngineClient", last: int, kind: str | None) -> "list[RecordView] | Refusal":
    """Page by page: a server answers no more at a time than lets it go on with its work."""
    from carnet.control_room.queries.questions import Records

    found: list[RecordView] = []
    before: int | None = None
    while len(found) < last and before != 0:
        page = client.ask(Records(last - len(found), kind, before))
        if isinstance(page, Refusal):
            return page
        found, before = [*page.records, *found], page.before
    return found


def _records(console: "Console", records: "list[RecordView]") -> None:
    from carnet.control_room.cli import show

    made = show.table(">#", "At (UTC)", "Kind", "Actor", "What")
    for record in records:
        at = times.second(record.at)
        made.add_row(str(record.index), at, record.kind, record.actor, show.fields(record.body))
    console.print(made)


def verify(
    session: Session,
    against: Annotated[Path | None, typer.Option("--against", help="A checkpoint written down earlier.")] = None,
    progress: Annotated[
        bool, typer.Option("--progress", help="Say how far it is, in lines on stderr that a program can read.")
    ] = False,
) -> None:
    """Re-derive everything from the stored bytes, and say exactly which record is wrong and how (L4)."""
    from carnet.control_room.cli.progress import progress_of
    from carnet.control_room.ledger.verify import verify as check

    earlier = _read_checkpoint(against) if against else None
    with (
        session.site.evidence(earlier) as (evidence, size),
        progress_of("Verifying", size, for_a_program=progress) as advance,
    ):
        report = check(evidence, advance)
    if report.problems:
        keep = "Keep it as it is; tell the vendor."
        raise TamperedError("The ledger does not hold.", keep, lines=report.problems)
    if report.rolled_back:
        refuse(_rolled_back(report.rolled_back), as_json=session.as_json)
    answer = {"holds": True, "size": report.size, "root": report.root, "kinds": report.kinds}
    answer["pages"] = session.site.check_pages()
    session.answer(answer | ({"extends": earlier.size} if earlier else {}), _holds)


def _rolled_back(how: str) -> Refusal:
    return Refusal(
        Code.ROLLED_BACK,
        f"The ledger holds in itself, but is not the one that was written down: {how}",
        "If a backup was restored, tell the vendor with the next LFR. If not, somebody put an older copy back.",
    )


def _holds(console: "Console", answer: Any) -> None:
    from carnet.control_room.cli.show import counted

    console.print(f"The ledger holds. {counted(answer['size'], 'record')}, every one re-derived.", style="green")
    console.print(f"Root: {answer['root']}")
    if answer["pages"]:
        console.print(f"Passwords at the pages: {answer['pages'].passwords}, each as the pages of this site wrote it.")
        console.print(f"Not covered there: {answer['pages'].not_covered}")
    if "extends" in answer:
        console.print(f"It extends the checkpoint that was written down, of {counted(answer['extends'], 'record')}.")


def checkpoint(session: Session) -> None:
    """The checkpoint in three lines, to copy to a syslog or to paper outside this machine."""
    from carnet.control_room.queries.questions import Checkpoint

    session.ask(Checkpoint(), lambda console, found: print_lines(console, found.text))


def _read_checkpoint(file: Path) -> "Checkpoint":
    from carnet.merkle import Checkpoint

    lines = read_file(file, MOST).decode(errors="replace").splitlines()
    try:
        return Checkpoint(int(lines[1]), b64decode(lines[2], validate=True))
    except (IndexError, ValueError) as error:
        what = f", but {found}" if (found := kind_at(file)) else ""
        said = f"{file} is not a checkpoint{what}. A checkpoint has three lines: origin, size and root."
        raise UsageError(said, "Choose the file with what control-room ledger checkpoint printed.") from error


_ELSEWHERE = "Write it to another place."


def export(session: Session, out: OutFile) -> None:
    """Write every record, decrypted, as JSON lines. It names users: keep it as you keep the ledger."""
    from carnet.control_room.cli.progress import progress_of

    with session.site.engine() as engine:
        lines = []
        with progress_of("Exporting", engine.checkpoint.size) as advance:
            for record in engine.reader.records():
                lines.append(printable_json(json.dumps(_fields(record), ensure_ascii=False)))
                advance(record.index + 1)
    write_out(out, ("\n".join(lines) + "\n").encode(), 0o600, done="Nothing was changed.", again=_ELSEWHERE)
    answer = {"file": str(out), "records": len(lines)}
    session.answer(answer, lambda console, _: console.print(_written(len(lines), out)))


def _fields(record: "Record") -> dict[str, Any]:
    at, body = times.iso(record.at), json.loads(bytes(record.body))
    made = {"index": record.index, "at": at, "kind": record.kind, "actor": record.actor, "body": body}
    if record.key is not None:  # G5: an auditor sees what was asked with which key, and what it was answered
        made["key"] = record.key
    if record.answered is not None:
        answer = json.loads(bytes(record.answered.answer))
        made["answered"] = {"request_sha256": record.answered.request_sha256, "answer": answer}
    return made


def _written(records: int, out: Path) -> str:
    from carnet.control_room.cli.show import counted

    return f"{counted(records, 'record')} written to {out}."
