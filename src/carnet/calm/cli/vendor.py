"""init · catalogue · key · trust · log · confirm · backup · restore"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet.calm.cli.session import (
    InFile,
    Reason,
    Session,
    command,
    table,
)
from carnet.cli_support import (
    FAULT,
    NewPassphraseFile,
    OutFile,
    new_app,
    parse_time,
    read_file,
    write_out,
)
from carnet.errors import UsageError
from carnet.files import is_there
from carnet.out_files import KEY_SET, TRUST
from carnet.times import minute
from carnet.web_kit.words import counted

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.calm.use_cases.context import Calm


def add_to(app: typer.Typer) -> None:
    command(app, "init")(init)
    catalogue = new_app("The products that the vendor sells.")
    command(catalogue, "show")(show_catalogue)
    command(catalogue, "load")(load_catalogue)
    key = new_app("The vendor's keys (E16).")
    command(key, "rotate")(rotate)
    command(key, "export-set", KEY_SET)(export_set)
    command(key, "take-back")(take_back_key_set)
    command(key, "passphrase")(passphrase)
    command(key, "rewrap")(rewrap)
    trust = new_app("What a product ships with.")
    command(trust, "export", TRUST)(export_trust)
    log = new_app("The issuing log: every act, who, when, what and why (V1).")
    command(log, "show")(show_log)
    command(log, "verify")(verify_log)
    command(log, "resume")(resume_log)
    command(app, "confirm")(confirm)
    command(app, "backup")(backup)
    command(app, "restore")(restore)
    for group, name in ((catalogue, "catalogue"), (key, "key"), (trust, "trust"), (log, "log")):
        app.add_typer(group, name=name)


Catalogue = Annotated[
    Path | None,
    typer.Option("--catalogue", metavar="FILE", help="TOML; an empty one stays empty. Else the one that ships."),
]
VendorName = Annotated[str, typer.Option("--vendor", help="The vendor's name, as sites see it.")]


def init(session: Session, catalogue: Catalogue = None, vendor: VendorName = "Carnet") -> None:
    """Set CALM up in the data folder: database, root and issuing keys, key set 1, catalogue."""
    founded = session.vendor.init(read_file(catalogue) if catalogue else None, vendor, session.by)
    session.answer(founded, _founded)


def _founded(console: "Console", answer: Any) -> None:
    console.print(f"CALM is set up in {answer.data}: key set {answer.key_set}, {answer.products} products.")
    if answer.warning:
        console.print(f"{answer.warning}", style="yellow")
    console.print(
        "The root keys lie in keys/roots: carry that folder to a safe, and bring it back only to rotate keys."
    )
    _roots(console, answer.roots)
    console.print("Next: calm trust export --out FILE (what each Control Room is set up with); calm account add.")


def show_catalogue(session: Session) -> None:
    """The products that can be bought."""
    session.calm()
    from carnet.calm.use_cases.bootstrap import show_catalogue as use_case

    session.answer(use_case(), _products)


def _products(console: "Console", answer: Any) -> None:
    table(console, "Catalogue", ("sku", "name", "metric", "unit"), [(p.sku, p.name, p.metric, p.unit) for p in answer])


def load_catalogue(session: Session, file: InFile) -> None:
    """Load a catalogue file (TOML): products are added and renamed, never taken away."""
    calm = session.calm()
    from carnet.calm.use_cases.bootstrap import load_catalogue as use_case

    session.answer(use_case(calm, catalogue=read_file(file), **session.who()), _loaded)


def _loaded(console: "Console", answer: Any) -> None:
    console.print(f"Added: {', '.join(answer.added) or 'none'}. Changed: {', '.join(answer.changed) or 'none'}.")
    if answer.kept:
        console.print(f"Not in the file, kept: {', '.join(answer.kept)}.")


Roots = Annotated[bool, typer.Option("--roots", help="New root keys too.")]


def rotate(session: Session, reason: Reason, roots: Roots = False) -> None:
    """Propose new issuing keys, or new roots too. A second person confirms it (A3)."""
    calm = session.calm()
    from carnet.calm.use_cases.proposals import propose_rotation

    session.answer(propose_rotation(calm, reason=reason, with_roots=roots, **session.who()), proposed)


def proposed(console: "Console", answer: Any) -> None:
    console.print(f"Proposed by {answer.by}; nothing is done yet. Confirming it would mean:")
    for line in answer.would:
        console.print(f"  • {line}")
    console.print(f"Next: another operator runs: calm confirm {answer.proposal} --as OPERATOR", soft_wrap=True)


ProposalId = Annotated[str, typer.Argument(metavar="ID", help="The proposal's id.", show_default=False)]


TakeBack = Annotated[bool, typer.Option("--withdraw", help="Take the proposal back instead; anybody may.")]


def confirm(session: Session, proposal: ProposalId, withdraw: TakeBack = False) -> None:
    """Confirm what another operator proposed; it is judged again, and done (A3)."""
    calm = session.portal()
    if withdraw:
        _withdraw(session, calm, proposal)
        return
    from carnet.calm.use_cases.proposals import confirm as use_case

    session.answer(use_case(calm, proposal=proposal, **session.who()), _confirmed)


def _withdraw(session: Session, calm: "Calm", proposal: str) -> None:
    from carnet.calm.use_cases.proposals import withdraw as use_case

    session.answer(use_case(calm, proposal=proposal, **session.who()), _withdrawn)


def _withdrawn(console: "Console", answer: Any) -> None:
    what = answer.kind.replace("_", " ")
    console.print(f"Withdrawn ({what}): proposed by {answer.proposed_by}, taken back by {answer.withdrawn_by}.")


def _confirmed(console: "Console", answer: Any) -> None:
    what = answer.kind.replace("_", " ")
    console.print(f"Done ({what}): proposed by {answer.proposed_by}, confirmed by {answer.confirmed_by}.")
    for line in answer.did:
        console.print(f"  • {line}")
    if answer.half:
        console.print(f"The second half of the code for {answer.subject}: {answer.half}")
    if answer.invited:
        console.print(f"{answer.invited} gets a link by “Password forgotten” in the portal.")
    if answer.lfr:
        console.print(f"Next: calm license-file issue --request {answer.lfr} … --out FILE", soft_wrap=True)


def passphrase(session: Session, new: NewPassphraseFile) -> None:
    """Another passphrase for the keys. The one of before opens them no more; run it with no server running."""
    replaced = session.vendor.change_passphrase(new, session.by)
    session.answer({"replaced": replaced}, lambda console, answer: _locked(console, answer, new))


def _locked(console: "Console", answer: Any, new: Path) -> None:
    console.print(f"The keys open with the passphrase in {new} from now on, and with no other.", soft_wrap=True)
    if answer["replaced"]:
        console.print(f"It is in {answer['replaced']} too, where the old one lay.", soft_wrap=True)
    else:
        console.print("Next: put it where CALM's server reads it, then start the server.")
    console.print("A copy of the folder that was made before still opens with the old passphrase.")


def rewrap(session: Session) -> None:
    """Wrap all keys and stored secrets under a new key. The passphrase stays; run it with no server running.

    Bring the folder of the roots back first. A run that was interrupted goes on when the command is given again.
    """
    changed = session.vendor.rewrap(session.by)
    session.answer({"wrapped": changed}, _rewrapped)


def _rewrapped(console: "Console", answer: Any) -> None:
    console.print(
        f"All {answer['wrapped']} keys and secrets are wrapped under a new key. The old one opens none of them."
    )
    console.print("Every session, and every link to a password, has ended.")
    console.print("Next: carry keys/roots back to its safe, make a new backup, and start CALM's servers.")


def backup(session: Session, out: OutFile) -> None:
    """Write a backup of database, keys and trust, also while a server runs. The roots have a safe of their own."""
    if is_there(out):
        raise UsageError(f"{out} is there already; a backup replaces no other.", "Choose another name with --out.")
    session.answer(session.vendor.backup(out), _backed_up)


def _backed_up(console: "Console", answer: Any) -> None:
    console.print(f"Backup written: {answer.file}, {answer.bytes:,} bytes.", soft_wrap=True)
    if answer.has_rows:
        console.print(f"In it: {answer.records:,} records of the issuing log, and all that they are about.")
    else:
        console.print("In it: the keys and the trust. The rows are in PostgreSQL: back them up with its own tools.")
    console.print("It holds neither the passphrase nor the roots. Keep issuing-log.head apart from it, as it grows:")
    console.print("with it CALM sees what a restored backup has forgotten.")


def restore(session: Session, file: InFile) -> None:
    """Put a backup back, with no server running. What was here is kept beside it."""
    session.answer(session.vendor.restore(file), _restored)


def _restored(console: "Console", answer: Any) -> None:
    console.print(f"Restored: the backup of {minute(answer.made_at)}, {answer.records:,} records.")
    if answer.kept:
        console.print(f"The database that was here is kept: {answer.kept}", soft_wrap=True)
    if not answer.has_rows:
        console.print("The rows are not in it: put PostgreSQL's backup back with PostgreSQL's own tools.")
    if answer.goes_on:
        console.print("Nothing was recorded since it was made: CALM goes on.")
        return
    console.print("CALM may have forgotten what was done since. Until two people state that, every act is refused.")
    console.print("Next: bring keys/roots back, then run: calm log resume --reason … (sites show the reason)")


SetVersion = Annotated[int | None, typer.Option("--version", min=1, help="Of this version; else the newest.")]


def export_set(session: Session, out: OutFile, version: SetVersion = None) -> None:
    """Write the signed key set as a file of its own, to be carried to a site."""
    calm = session.calm()
    from carnet.calm.use_cases.key_sets import export_key_set

    answer = export_key_set(calm, version=version, **session.who())
    write_out(out, answer.raw, done="Nothing was changed.", again="Write it to another place.")
    session.answer(answer, lambda console, a: console.print(f"Key set {a.version} is written: {out}"), file=str(out))


def take_back_key_set(session: Session, file: InFile, reason: Reason) -> None:
    """Propose to take back a key set that CALM made in the time that it forgot, and to go on with its roots (L6). A
    second person confirms it (A3), with the folder of the roots."""
    calm = session.calm()
    from carnet.calm.use_cases.proposals import propose_take_back_key_set

    session.answer(propose_take_back_key_set(calm, raw=read_file(file), reason=reason, **session.who()), proposed)


def export_trust(session: Session, out: OutFile) -> None:
    """Write the vendor's root thumbprints: what each Control Room is set up with."""
    session.calm()
    trust = session.vendor.trust()
    write_out(out, trust, done="Nothing was changed.", again="Write it to another place.")
    session.answer({"file": str(out), "roots": session.vendor.roots()}, _trusted)


def _trusted(console: "Console", answer: Any) -> None:
    console.print(f"The vendor's roots are written: {answer['file']}")
    _roots(console, answer["roots"])


def _roots(console: "Console", roots: Sequence[str]) -> None:
    from carnet.exchange.key_set import roots_words

    console.print("Root keys. A site's administrator compares them when the Control Room is set up:")
    for line in roots_words(roots):
        console.print(f"  {line}")


Last = Annotated[int | None, typer.Option("--last", min=1, help="Only the newest so many.")]
Subject = Annotated[str | None, typer.Option("--about", metavar="ID", help="Only what is about this id.")]


def show_log(session: Session, last: Last = None, about: Subject = None) -> None:
    """The issuing log, oldest first."""
    session.calm()
    from carnet.calm.queries.log_queries import show_log as use_case

    session.answer(use_case(last=last, subject=about), _log)


def _log(console: "Console", answer: Any) -> None:
    rows = [(r.index, r.at, r.who, r.kind, r.subject, r.why or r.detail.get("message", "")) for r in answer]
    table(console, "Issuing log", ("#", "when", "who", "what", "about", "why"), rows)


def verify_log(session: Session) -> None:
    """Derive the log again from its stored bytes, and check it against the files issued and the head kept apart."""
    calm = session.calm()
    from carnet.calm.queries.log_queries import log_size
    from carnet.calm.queries.log_queries import verify_log as use_case

    with _progress("Verifying the issuing log", log_size()) as tick:
        answer = use_case(calm, tick)
    session.answer(answer, _verified, holds=answer.holds)
    if not answer.holds:
        raise typer.Exit(FAULT)


AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help="Of which time the state is, where CALM does not see it itself."),
]


LostSet = Annotated[
    Path | None,
    typer.Option(
        "--key-set", metavar="FILE", help="The newest key set of the time that was lost, where it has new roots."
    ),
]


def resume_log(session: Session, reason: Reason, as_of: AsOf = None, key_set: LostSet = None) -> None:
    """Propose to go on after CALM was restored from a backup (L6). Sites show the reason. A second person confirms it
    (A3), with the folder of the roots."""
    calm = session.calm()
    from carnet.calm.use_cases.proposals import propose_resume

    when = parse_time(as_of) if as_of else None
    lost = read_file(key_set) if key_set else None
    session.answer(propose_resume(calm, reason=reason, as_of=when, key_set=lost, **session.who()), proposed)


def _progress(what: str, total: int) -> Any:
    """On stderr, and only where somebody looks."""
    import sys
    from contextlib import contextmanager

    @contextmanager
    def bar() -> Any:
        if not sys.stderr.isatty():
            yield lambda: None
            return
        from rich.progress import Progress

        from carnet.cli_support import console

        with Progress(console=console(err=True), transient=True) as shown:
            task = shown.add_task(what, total=total)
            yield lambda: shown.advance(task)

    return bar()


def _verified(console: "Console", answer: Any) -> None:
    if answer.holds:
        console.print(f"The issuing log holds: {answer.size} records, root {answer.root}.")
        console.print("Every record, tree node, private half and issued file was derived again from the stored bytes.")
        return
    console.print(f"The issuing log does not hold ({counted(len(answer.problems), 'problem')}):", style="red")
    for problem in answer.problems:
        console.print(f"  • {problem}")
    console.print("Keep this database as it is, as evidence, and restore the newest backup that verifies.")
