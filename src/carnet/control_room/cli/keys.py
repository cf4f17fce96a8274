"""key passphrase/rewrap: keys at rest (A2)"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet.cli_support import NewPassphraseFile, new_app
from carnet.control_room.cli.session import Session, command

if TYPE_CHECKING:
    from rich.console import Console


def add_to(app: typer.Typer) -> None:
    key = new_app("The keys of this site, as they are kept: the passphrase that opens them, and what wraps them.")
    command(key, "passphrase")(passphrase)
    command(key, "rewrap")(rewrap)
    app.add_typer(key, name="key")


def passphrase(session: Session, new: NewPassphraseFile) -> None:
    """Another passphrase for the keys. The one of before opens them no more; backups keep that of their day."""
    found = session.site.change_passphrase(new, session.actor)
    session.answer(found, lambda console, found: _changed(console, found, new))


def _changed(console: "Console", found: Any, new: Path) -> None:
    console.print(f"The keys open with the passphrase in {new} from now on, and with no other.")
    if found.replaced:
        console.print(f"It is in {found.replaced} too, where the old one lay.")
    else:
        console.print("Next: put it where the server reads it, then start the server.")
    console.print("A backup that was made before opens with the old passphrase: keep that for as long.")


def rewrap(
    session: Session,
    new: Annotated[
        Path | None, typer.Option("--new-passphrase-file", help="A file with another passphrase; else it stays.")
    ] = None,
) -> None:
    """Wrap all keys under a new key, and encrypt what is written from now on under a new master key.

    After somebody may have seen keys and passphrase: what they have reads the records up to now, and none after.
    """
    session.answer(session.site.rewrap(new, session.actor), lambda console, found: _rewrapped(console, found, new))


def _rewrapped(console: "Console", found: Any, new: Path | None) -> None:
    console.print(f"All keys are wrapped under a new key. Master key {found.master} encrypts what is written now.")
    if new:
        _changed(console, found, new)
    console.print("Who had the keys before can read the records up to here, and no later one. Make a new backup now.")
    console.print("Every session, and every link to a password, has ended.")
