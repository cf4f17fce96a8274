"""token download/take-back · request accept · license-file preview/issue/renew-as-now/renew-all-as-now/download ·
receipt accept"""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet.calm.cli.session import (
    Account,
    InFile,
    Reason,
    Session,
    command,
    table,
)
from carnet.calm.cli.vendor import proposed
from carnet.cli_support import (
    FAULT,
    REFUSED,
    WRITTEN,
    OutFile,
    finish,
    new_app,
    parse_end,
    parse_pairs,
    read_file,
    refused_fields,
    say,
    write_out,
)
from carnet.exchange.verdicts import Refusal
from carnet.out_files import OLF, TOKEN, NotWrittenError
from carnet.times import end, exact_span, stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from carnet.calm.use_cases.batches import IssuedSame
    from carnet.calm.use_cases.license_files import LicenseFileShown


ForOlder = Annotated[
    bool, typer.Option("--for-older", help="For a Control Room of the release before: the format version before (E17).")
]


def add_to(app: typer.Typer) -> None:
    token = new_app("The enablement token: what a Control Room is enabled with (E2).")
    command(token, "download", TOKEN)(download_token)
    command(token, "take-back")(take_back_token)
    request = new_app("License File Requests (LFR), as sites send them.")
    command(request, "accept")(accept_request)
    file = new_app("Offline License Files (OLF).")
    command(file, "preview")(preview)
    command(file, "issue", OLF)(issue)
    command(file, "renew-as-now", OLF)(renew_as_now)
    command(file, "renew-all-as-now")(renew_all_as_now)
    command(file, "download", OLF)(download)
    receipt = new_app("Receipts: proof that a license file was installed (H2).")
    command(receipt, "accept")(accept_receipt)
    for group, name in ((token, "token"), (request, "request"), (file, "license-file"), (receipt, "receipt")):
        app.add_typer(group, name=name)


def download_token(session: Session, account: Account, out: OutFile, for_older: ForOlder = False) -> None:
    """Download a new enablement token; it says until when it can be installed (E18)."""
    calm = session.calm()
    from carnet.calm.use_cases.tokens import download_token as use_case

    answer = use_case(calm, account=account, for_older=for_older, **session.who())
    if not isinstance(answer, Refusal):
        done = "The token was made, and counts as one that was downloaded. It is lost."
        write_out(out, answer.raw, 0o600, done=done, again="Download another one, to another place.")
    session.answer(answer, lambda console, a: _token(console, a, out), file=str(out))


def _token(console: "Console", answer: Any, out: Path) -> None:
    console.print(f"The token is written: {out}. It holds a one-time secret: carry it as such.")
    console.print(f"Install it on the Control Room before {_stamp(answer.expires_at)}.")


def take_back_token(session: Session, file: InFile, reason: Reason) -> None:
    """Propose to take back a token that CALM forgot when it was restored (L6). A second person confirms it (A3)."""
    calm = session.calm()
    from carnet.calm.use_cases.proposals import propose_take_back_token

    session.answer(propose_take_back_token(calm, raw=read_file(file), reason=reason, **session.who()), proposed)


Guid = Annotated[str, typer.Option("--guid", help="The License GUID: its id or label.")]


def accept_request(session: Session, file: InFile, guid: Guid) -> None:
    """Accept an LFR: what it asks, what is in use, until when it can be answered."""
    calm = session.calm()
    from carnet.calm.use_cases.accept_lfr import accept_lfr as use_case

    session.answer(
        use_case(calm, raw=read_file(file), guid=guid, **session.who()), lambda c, a: _accepted(c, a, session)
    )


def _accepted(console: "Console", answer: Any, session: Session) -> None:
    again = " again (the same file; nothing changed)" if answer.verdict == "accepted_again" else ""
    console.print(f"LFR {answer.sequence} ({answer.kind}) of {answer.name} is accepted{again}: {answer.lfr}")
    rows = [(t.sku, t.granted, t.in_use, t.consumed, t.period_start, t.owed) for t in answer.in_use]
    columns = ("product", "granted", "in use", "consumed", "in the period from", "owed")
    table(console, "What the site states", columns, rows)
    for warning in answer.warnings:
        console.print(f"{warning}", style="yellow")
    if answer.deadline is None:
        console.print("It is a release: the License GUID is free, and what was not consumed is available again.")
    elif answer.can_issue:
        console.print(f"{answer.can_issue.message}", style="yellow")
        console.print(f"Next: {answer.can_issue.next}")
    else:
        console.print(
            f"Its answer must be installed before {_stamp(answer.deadline)}: {_left(session, answer.deadline)}."
        )
        console.print(
            f"Next: calm license-file issue --request {answer.lfr} --product SKU=QTY … --out FILE", soft_wrap=True
        )


RequestId = Annotated[str, typer.Option("--request", metavar="ID", help="As `request accept` printed it.")]
Products = Annotated[list[str] | None, typer.Option("--product", metavar="SKU=QTY", help="CALM chooses the purchases.")]
Lines = Annotated[list[str] | None, typer.Option("--line", metavar="PURCHASE=QTY", help="Out of this purchase.")]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="DATE", help="All lines end at the start of this day (UTC). Or perpetual."),
]
ClockOff = Annotated[bool, typer.Option("--site-clock-is-off", help="State that the site's clock is wrong (E5).")]
Lowers = Annotated[bool, typer.Option("--lowers-clock", help="Let the site lower its clock mark (T3).")]
NoFile = Annotated[Path | None, typer.Option("--out", help="A preview writes no file.", dir_okay=False)]


def preview(
    session: Session,
    request: RequestId,
    product: Products = None,
    line: Lines = None,
    until: Until = None,
    site_clock_is_off: ClockOff = False,
    lowers_clock: Lowers = False,
    out: NoFile = None,
) -> None:
    """Show what a license file would be, and what it would change. Nothing is written."""
    del out
    calm = session.calm()
    from carnet.calm.use_cases.license_files import preview_license_file

    answer = preview_license_file(
        calm,
        lfr_id=request,
        asked=_asked(product, line, until),
        site_clock_is_off=site_clock_is_off,
        lowers_clock=lowers_clock,
        **session.who(),
    )
    session.answer(answer, lambda console, a: _file(console, a, None), file=None)


def issue(
    session: Session,
    request: RequestId,
    out: OutFile,
    product: Products = None,
    line: Lines = None,
    until: Until = None,
    site_clock_is_off: ClockOff = False,
    lowers_clock: Lowers = False,
) -> None:
    """Issue the license file that answers an LFR. It states all that the site may use, and replaces the one before."""
    calm = session.calm()
    from carnet.calm.use_cases.license_files import issue_license_file

    answer = issue_license_file(
        calm,
        lfr_id=request,
        asked=_asked(product, line, until),
        site_clock_is_off=site_clock_is_off,
        lowers_clock=lowers_clock,
        **session.who(),
    )
    if not isinstance(answer, Refusal):
        _write(out, answer)
    session.answer(answer, lambda console, a: _file(console, a, out), file=str(out))


def _write(out: Path, answer: "LicenseFileShown") -> None:
    """The file of a license file that is issued. Raises NotWrittenError."""
    done = f"License file {answer.sequence} for {answer.name} is issued all the same, and stands."
    again = "Write the same file again, to another place; do not issue another one."
    run = f"calm license-file download {answer.license_file} --out FILE"
    write_out(out, answer.raw or b"", done=done, again=again, run=run)


ToFile = Annotated[
    Path | None, typer.Option("--out", help="The file to write. Without it: a preview.", dir_okay=False), WRITTEN
]


def renew_as_now(session: Session, request: RequestId, out: ToFile = None) -> None:
    """Issue the quantities that are installed, and as many out of the next purchases, to their end."""
    calm = session.calm()
    from carnet.calm.use_cases.renewals import renew_as_now as use_case

    answer = use_case(calm, lfr_id=request, preview=out is None, **session.who())
    if out and not isinstance(answer, Refusal):
        _write(out, answer)
    session.answer(answer, lambda console, a: _file(console, a, out), file=str(out) if out else None)


RequestIds = Annotated[
    list[str] | None,
    typer.Option("--request", metavar="ID", help="Of these requests; else of all that wait for an answer."),
]
ToFolder = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FOLDER", help="Where the files go. Without it: a preview.", file_okay=False, exists=True
    ),
]


def renew_all_as_now(session: Session, account: Account, request: RequestIds = None, out: ToFolder = None) -> None:
    """Renew several sites of a customer as now, at once: each as `renew-as-now` does, or refused on its own."""
    calm = session.calm()
    from carnet.calm.queries.room import file_name
    from carnet.calm.use_cases import batches

    who = session.who()
    lfrs = request or batches.waiting(account, who["now"])
    found = batches.issue_same(calm, account=account, lfrs=lfrs, renews=True, preview=out is None, **who)
    files: dict[str, Path] = {}
    lost: list[NotWrittenError] = []
    for one in found:
        if out and not isinstance(one.answer, Refusal):
            file = out / file_name(one.name, one.answer.sequence, "olf")
            file = file.with_stem(f"{file.stem}-{one.lfr[-12:]}") if file in files.values() else file
            try:
                _write(file, one.answer)
                files[one.lfr] = file
            except NotWrittenError as error:  # the others may find room
                lost.append(error)
    shown = [_as_fields(one, files.get(one.lfr)) for one in found]
    finish(shown, lambda console, _: _renewed(console, found, files), as_json=session.as_json)
    for each in lost:
        say(f"failed: {each}", err=True)
        say(f"run: {each.run}", err=True)
    if lost:
        raise typer.Exit(FAULT)
    if any(isinstance(one.answer, Refusal) for one in found):
        raise typer.Exit(REFUSED)


def _as_fields(one: "IssuedSame", file: Path | None) -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = {"lfr": one.lfr, "control_room": one.control_room, "name": one.name, "guid": one.guid}
    if isinstance(one.answer, Refusal):
        return fields | {"refused": refused_fields(one.answer)}
    answer = msgspec.to_builtins(one.answer)
    answer.pop("raw", None)
    return fields | {"license_file": answer, "file": str(file) if file else None}


def _renewed(console: "Console", found: "Sequence[IssuedSame]", files: dict[str, Path]) -> None:
    if not found:
        console.print("No request of this account waits for an answer.")
    for one in found:
        if isinstance(one.answer, Refusal):
            console.print(f"{one.name}: refused ({one.answer.code}). {one.answer.message}", style="yellow")
            console.print(f"  Next: {one.answer.next}")
        else:
            _file(console, one.answer, files.get(one.lfr))
            if file := files.get(one.lfr):
                console.print(f"  file: {file}", soft_wrap=True)


def _asked(product: list[str] | None, line: list[str] | None, until: str | None) -> Any:
    from carnet.calm.use_cases.selection import Selection

    end = parse_end(until) if until else None
    return Selection(parse_pairs(product or [], "SKU"), parse_pairs(line or [], "PURCHASE"), end)


def _file(console: "Console", answer: Any, out: Path | None) -> None:
    word = "is issued" if answer.license_file else "would be issued (preview: nothing was written)"
    console.print(f"License file {answer.sequence} for {answer.name} {word}.")
    rows = [
        (
            line.name,
            f"{line.quantity} {line.unit}",
            line.valid_from,
            end(line.valid_until),
            line.period and line.period.unit,
        )
        for line in answer.lines
    ]
    table(console, "Lines", ("product", "quantity", "from", "until", "counted by"), rows)
    for change in answer.changes or ("nothing: it grants what is installed",):
        console.print(f"  change: {change}")
    for warning in answer.warnings:
        console.print(f"  ! {warning.message} ({warning.code})", style="yellow")
        console.print(f"    {warning.next}", style="yellow")
    for note in answer.notes:
        console.print(f"  {note}")
    if out:
        console.print(f"Written: {out}. Carry it to the site and install it: control-room license install")


FileId = Annotated[
    str, typer.Argument(metavar="ID", help="The license file's id, or its request's.", show_default=False)
]


def download(session: Session, license_file: FileId, out: OutFile) -> None:
    """The same license file again, byte for byte (E6)."""
    calm = session.calm()
    from carnet.calm.use_cases.license_files import download_license_file

    answer = download_license_file(calm, license_file=license_file, **session.who())
    if not isinstance(answer, Refusal):
        write_out(out, answer.raw or b"", done="Nothing was changed.", again="Download it to another place.")
    session.answer(answer, lambda console, _: console.print(f"The same file is written again: {out}"), file=str(out))


def accept_receipt(session: Session, file: InFile) -> None:
    """Accept a receipt: the license file it names is confirmed."""
    calm = session.calm()
    from carnet.calm.use_cases.receipts import accept_receipt as use_case

    session.answer(use_case(calm, raw=read_file(file), **session.who()), _receipt)


def _receipt(console: "Console", answer: Any) -> None:
    console.print(f"{answer.name} installed license file {answer.sequence} at {_stamp(answer.installed_at)}.")
    if answer.verdict == "confirmed":
        console.print("It is confirmed: what the file before it held beyond this is available again.")
    else:
        console.print("That was known already: nothing changed.")


def _stamp(moment: Any) -> str:

    return stamp(moment)


def _left(session: Session, deadline: Any) -> str:

    left = deadline - session.now()
    return f"{exact_span(left)} left" if left > timedelta() else "too late already"
