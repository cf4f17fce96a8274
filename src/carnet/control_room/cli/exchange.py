"""token install · request generate/save-again/withdraw · license preview/install/show"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet import times
from carnet.cli_support import (
    REFUSED,
    OutFile,
    ReceiptFile,
    finish,
    new_app,
    print_lines,
    read_file,
    refused_fields,
    say_refusal,
    write_out,
)
from carnet.control_room.cli.session import InFile, Session, command
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal
from carnet.out_files import LFR
from carnet.out_files import RECEIPT as A_RECEIPT
from carnet.times import day_or_minute, end, stamp

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.control_room.local_api.client import EngineClient
    from carnet.control_room.queries.license_preview import PreviewAnswer
    from carnet.control_room.queries.status import Status as StatusAnswer
    from carnet.control_room.rules.activation.generate_request import RequestAnswer, WithdrawAnswer
    from carnet.control_room.rules.activation.install_license import LicenseAnswer
    from carnet.control_room.rules.activation.install_token import TokenAnswer


def add_to(app: typer.Typer) -> None:
    token = new_app("The enablement token.")
    command(token, "install")(install_token)
    request = new_app("License File Requests (LFR).")
    command(request, "generate", LFR)(generate)
    command(request, "save-again", LFR)(save_again)
    command(request, "withdraw")(withdraw)
    license_ = new_app("Offline License Files (OLF).")
    command(license_, "preview")(preview)
    command(license_, "install", A_RECEIPT)(install)
    command(license_, "show", A_RECEIPT)(show_license)
    for group, name in ((token, "token"), (request, "request"), (license_, "license")):
        app.add_typer(group, name=name)


def install_token(session: Session, file: InFile) -> None:
    """Install an enablement token from CALM, once (E2)."""
    from carnet.control_room.rules.activation.install_token import InstallToken

    raw = read_file(file)
    with session.site.client(writing=True) as client:
        answer = client.execute(InstallToken(raw), session.actor)
        session.site.publish_key_set(client)
    session.answer(answer, _enabled)


def _enabled(console: "Console", answer: "TokenAnswer") -> None:
    console.print(f"Enabled for offline licensing, for {answer.account} (key set {answer.key_set_version}).")
    print_lines(console, "\n".join(answer.log_breaks))
    console.print("Next: generate a License File Request (control-room request generate --out FILE).")


Kind = Annotated[
    str | None,
    typer.Option("--kind", help="initial, change, renewal or release; else what fits the site.", show_default=False),
]
Since = Annotated[
    int | None, typer.Option("--since", metavar="SIZE", min=1, max=2**53 - 1, help="The size CALM asks to be shown.")
]
NewKeys = Annotated[bool, typer.Option("--new-keys", help="Bring new keys (E15).")]
WithLicense = Annotated[
    bool,
    typer.Option("--with-license", help="Carry the installed license file back, opened: CALM was restored (L6)."),
]


def generate(
    session: Session,
    out: OutFile,
    kind: Kind = None,
    since: Since = None,
    new_keys: NewKeys = False,
    with_license: WithLicense = False,
) -> None:
    """Generate an LFR; every LFR before it becomes void (E3, E4). A release ends all granting here (E11)."""
    from carnet.control_room.rules.activation.generate_request import GenerateRequest
    from carnet.exchange.license_file_request import RequestKind

    if kind is not None and kind not in list(RequestKind):
        raise UsageError(f"“{kind}” is not a kind of request. Choose one of: {', '.join(RequestKind)}.")
    order = GenerateRequest(RequestKind(kind) if kind else None, since, new_keys, with_license)

    with session.site.client(writing=True) as client:
        answer = client.execute(order, session.actor)
        raw = b"" if isinstance(answer, Refusal) else _file_of(client, answer)
        if raw and not isinstance(answer, Refusal):
            done = f"Request #{answer.sequence} ({answer.kind}) is generated all the same, and stands."
            again = "Write the same request again, to another place; do not generate another one."
            write_out(out, raw, done=done, again=again, run="control-room request save-again --out FILE")
    session.answer(answer, lambda console, answer: _generated(console, answer, out, raw))


def _file_of(client: "EngineClient", answer: "RequestAnswer") -> bytes:
    from carnet.control_room.rules.activation.generate_request import NewestLfr

    newest = client.ask(NewestLfr())
    if newest.request_id != answer.request_id:
        void = f"Request #{answer.sequence} is void already: #{newest.sequence} was generated after it."
        raise UsageError(void, "Write that one.", "control-room request save-again --out FILE")
    return newest.raw


def _generated(console: "Console", answer: "RequestAnswer", out: Path, raw: bytes) -> None:
    console.print(f"Request #{answer.sequence} ({answer.kind}) is written: {out}")
    if answer.carries:
        console.print(answer.carries)
    _say_what_leaves(console, raw)
    if answer.install_by:
        console.print(f"Its answer must be installed before {stamp(answer.install_by)}.")
        console.print("Every request before it is void.")
        if answer.locks_at:
            console.print(f"Without an answer this site locks {stamp(answer.locks_at)}.")
        console.print("Next: upload it to CALM, against the License GUID of this Control Room.")
    else:
        console.print("Nothing is granted here any more. Upload the file to CALM, so that what is unused returns.")


def _say_what_leaves(console: "Console", raw: bytes) -> None:
    from carnet.exchange.free_text import statement, warnings
    from carnet.exchange.license_file_request import read_lfr

    read = read_lfr(raw, stored=True)
    if isinstance(read, Refusal):
        return
    console.print(f"This is all that leaves. {statement(read.lfr)} Read it with: carnet inspect FILE")
    for warning in warnings(read.lfr):
        console.print(f"! {warning} It leaves with the file.", style="yellow")


def save_again(session: Session, out: OutFile) -> None:
    """Write the newest LFR out again, byte for byte (a lost stick). That is not a new one (E3)."""
    from carnet.control_room.rules.activation.generate_request import NewestLfr

    with session.site.client() as client:
        newest = client.ask(NewestLfr())
    write_out(out, newest.raw, done="The request stands; nothing was changed.", again="Write it to another place.")
    session.answer(
        {"request_id": newest.request_id, "sequence": newest.sequence, "file": str(out)},
        lambda console, _: console.print(f"Request #{newest.sequence} is written again: {out}"),
    )


def withdraw(session: Session) -> None:
    """Withdraw the open cycle: its LFRs are void, nothing else changes (E14)."""
    from carnet.control_room.rules.activation.generate_request import WithdrawCycle

    session.execute(WithdrawCycle(), _withdrawn)


def _withdrawn(console: "Console", answer: "WithdrawAnswer") -> None:
    console.print(f"The cycle opened {times.minute(answer.opened_at)} is withdrawn; its requests are void.")
    console.print(f"Cycles withdrawn since the last install: {answer.withdrawn} (the next LFR says so).")


def preview(session: Session, file: InFile) -> None:
    """Show an OLF whole, what it changes and whether it would install, without installing it."""
    from carnet.control_room.queries.license_preview import PreviewLicense

    raw = read_file(file)
    with session.site.client() as client:
        answer = client.ask(PreviewLicense(raw))
    if isinstance(answer, Refusal) or answer.refused is None:
        session.answer(answer, _preview)
        return
    if session.as_json:
        fields = _as_fields(answer) | {"refused": refused_fields(answer.refused)}
        finish(fields, lambda *_: None, as_json=True)
    else:
        finish(answer, _preview, as_json=False)
    say_refusal(answer.refused)
    raise SystemExit(REFUSED)


def _as_fields(answer: "PreviewAnswer") -> dict[str, Any]:
    import msgspec

    fields: dict[str, Any] = msgspec.to_builtins(answer)
    return fields


def _preview(console: "Console", answer: "PreviewAnswer") -> None:
    console.print(f"License file #{answer.sequence} for {answer.account}, License GUID {answer.license_guid}")
    _contents(console, answer)
    if answer.refused:
        console.print("Installing it now would be refused. Nothing was changed.")
    else:
        console.print(f"It fits. Install it before {stamp(answer.install_by)}. Nothing was changed.")


def _contents(console: "Console", answer: "PreviewAnswer | LicenseAnswer") -> None:
    from carnet.control_room.cli import show

    changes = show.table("Product", ">Was", ">New", ">In use", "Until", "")
    for change in answer.changes:
        note = " · ".join(part for part in (*change.later, change.note) if part)
        until = end(change.valid_until) if change.valid_until else ""
        name = f"{change.name} ({change.sku})"
        kind = change.metric.kind
        used = show.number(change.used) if kind.has_quantity else ""
        changes.add_row(name, kind.amount(change.was), kind.amount(change.now), used, until, note)
    console.print(changes)
    for each in (coming for change in answer.changes for coming in change.changes if coming.announced):
        console.print(f"! {each.words}", style="yellow")
    if answer.units_added:
        console.print(f"It adds {answer.units_added} consumed units from the history that was given up.")
    if answer.lowers_clock:
        console.print("It lowers trusted time to the vendor's time.")
    print_lines(console, "\n".join(answer.log_breaks))
    console.print("Fingerprint (SHA-256), to compare with what the vendor reads from its copy (carnet inspect):")
    print_lines(console, show.fingerprint(answer.fingerprint))


def install(
    session: Session,
    file: InFile,
    receipt: ReceiptFile = None,
) -> None:
    """Install an OLF: from now on it is the sole license authority here (E5, E7, E9, E10)."""
    from carnet.control_room.rules.activation.install_license import RECEIPT, InstallLicense

    raw = read_file(file)
    with session.site.client(writing=True) as client:
        answer = client.execute(InstallLicense(raw), session.actor)
        if not isinstance(answer, Refusal):
            session.site.publish_key_set(client)
            if receipt:
                done = f"License file #{answer.sequence} for {answer.account} is installed all the same."
                _write_receipt(receipt, client.document(RECEIPT) or b"", done)
    session.answer(answer, lambda console, answer: _installed(console, answer, receipt))


def _write_receipt(receipt: Path, raw: bytes, done: str) -> None:
    """Raises NotWrittenError."""
    again = "Write the receipt again, to another place; it is optional."
    write_out(receipt, raw, done=done, again=again, run="control-room license show --receipt FILE")


def _installed(console: "Console", answer: "LicenseAnswer", receipt: Path | None) -> None:
    console.print(f"License file #{answer.sequence} for {answer.account} is installed. State: {answer.state}")
    _contents(console, answer)
    if receipt:
        console.print(f"Receipt for CALM (optional): {receipt}")


def show_license(
    session: Session,
    receipt: ReceiptFile = None,
) -> None:
    """The installed license, line by line."""
    from carnet.control_room.queries.questions import Status
    from carnet.control_room.rules.activation.install_license import RECEIPT

    with session.site.client() as client:
        if receipt:
            raw = client.document(RECEIPT)
            if raw is None:
                raise UsageError("No license file was installed here: there is no receipt.")
            _write_receipt(receipt, raw, "Nothing was changed.")
        view = client.ask(Status())
    session.answer(view, _license)


def _license(console: "Console", view: "StatusAnswer") -> None:
    from carnet.control_room.cli import show

    if view.installed is None:
        console.print(f"No license file is installed. State: {view.state}.")
        return
    olf, now = view.installed, view.clock.trusted
    console.print(f"License file #{olf.sequence} for {olf.account}, License GUID {olf.license_guid}")
    console.print(f"Issued {day_or_minute(olf.issued_at)}, installed {day_or_minute(olf.installed_at)}")
    console.print(show.lines(view.lines, now))
    console.print("Fingerprint (SHA-256):")
    print_lines(console, show.fingerprint(olf.fingerprint))
