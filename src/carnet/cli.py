"""`carnet inspect FILE`: any exchange file in plain words. `carnet verify-bundle ARCHIVE`: a release, before it is
installed. Both need no data, no secret and no side: a guard can run them.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from carnet import cli_support
from carnet.errors import UsageError
from carnet.owner import become_owner_of

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.bundles import Verified
    from carnet.exchange.inspect import Inspection
    from carnet.exchange.key_set import Pinned
    from carnet.exchange.verdicts import Refusal

RELEASE_KEYS = "release.pub"  # beside this file, in an installed release
MOST = 1024 * 1024  # bytes; a longer file is read only so far as to see that it is too large

app = cli_support.new_app("Look into the files that cross the gap.")


@app.callback()
def carnet() -> None:
    """Look into the files that cross the gap."""


@app.command("inspect")
def inspect_file(
    file: Annotated[Path, typer.Argument(help="A token, LFR, OLF, receipt or key set.")],
    trust: Annotated[
        Path | None, typer.Option("--trust", help="The vendor's root thumbprints, as a product ships them.")
    ] = None,
    key_set: Annotated[Path | None, typer.Option("--key-set", help="The vendor's newest key set.")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="A data folder of either side: its trust and key set are used.")
    ] = None,
    as_json: cli_support.AsJson = False,
) -> None:
    """Show what a file says, and whether each of its signatures holds. Exit 3 where the file is refused."""
    from carnet.exchange.inspect import inspect
    from carnet.exchange.verdicts import Refusal

    if data is not None:
        become_owner_of(data, [path for path in (file, trust, key_set) if path])
    pinned = _pinned(trust, key_set, data)
    raw = cli_support.read_file(file, MOST)
    answer = pinned if isinstance(pinned, Refusal) else inspect(raw, pinned)
    cli_support.finish(answer, _show, as_json=as_json)


def _pinned(trust: Path | None, key_set: Path | None, data: Path | None) -> "Pinned | Refusal | None":
    from carnet.exchange.inspect import pinned_by

    if data is not None:
        trust, key_set = trust or _if_there(data / "trust.json"), key_set or _if_there(data / "key-set.jws")
        if trust is None and key_set is None:
            raise UsageError(f"{data} holds neither trust.json nor key-set.jws.")
    return pinned_by(*(cli_support.read_file(path, MOST) if path else None for path in (trust, key_set)))


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _show(console: "Console", answer: "Inspection") -> None:
    from rich.table import Table

    console.print(f"{answer.words}, format version {answer.version}  {answer.bytes} bytes  SHA-256 {answer.sha256}")
    for signature in answer.signatures:
        console.print(f"  {signature.alg} by {signature.who}: {signature.verdict}")
    console.print(answer.verdict)
    for section in answer.sections:
        table = Table(title=section.title, title_justify="left", show_header=False, box=None, pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for label, value in section.rows:
            table.add_row(label, value)
        console.print()
        console.print(table)


@app.command("verify-bundle")
def verify_bundle(
    bundle: Annotated[Path, typer.Argument(help="The archive of a release, or the folder it was unpacked into.")],
    as_json: cli_support.AsJson = False,
) -> None:
    """Is it whole, nothing more, and signed by this installation's vendor? Exit 3 where it is refused."""
    from carnet import bundles

    if not bundle.exists():
        raise UsageError(f"There is no file {bundle}.")
    cli_support.finish(bundles.verify_bundle(bundle, _release_keys()), _show_bundle, as_json=as_json)


def _release_keys() -> bytes:
    """The vendor's public keys, which came with the release that is installed here."""
    from importlib.resources import files

    keys = files("carnet").joinpath(RELEASE_KEYS)
    if not keys.is_file():
        raise UsageError(
            "This is a checkout, not an installed release: it holds no vendor key to check a signature with.",
            "Ask the installed program, or check with openssl or ssh-keygen, as README.txt in the archive says.",
        )
    return keys.read_bytes()


def _show_bundle(console: "Console", found: "Verified") -> None:
    facts, size = found.facts, f"{found.size:,} bytes"
    console.print(f"{facts.name} {facts.version} for {facts.platform}, Python {', '.join(facts.python)}")
    console.print(f"{found.files} files, {size}: whole, nothing more, and signed by the vendor.")
    console.print(f"The vendor's key, SHA-256: {found.key}")


def main() -> NoReturn:
    cli_support.run(app)
