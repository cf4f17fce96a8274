"""What every command shares: where CALM lies, who acts, how to answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from carnet import cli_support, times
from carnet.cli_support import finish, refuse, say
from carnet.exchange.verdicts import Refusal
from carnet.printable import printable

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.calm.address import Serving
    from carnet.calm.use_cases.context import Calm

DEFAULT_DATA = Path("calm-data")

InFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file to read.", show_default=False)]
Account = Annotated[str, typer.Option("--account", metavar="A", help="The account: its id or its exact name.")]
AnyAccount = Annotated[str | None, typer.Option("--account", metavar="A", help="Only this account.")]
Reason = Annotated[str, typer.Option("--reason", help="Why. Kept in the issuing log.")]


class Vendor(Protocol):
    """What the commands ask of the composition root: CALM in its folder."""

    def now(self) -> datetime: ...

    def calm(self) -> "Calm": ...

    def init(self, catalogue: bytes | None, vendor: str, by: str) -> object: ...

    def trust(self) -> bytes: ...

    def roots(self) -> tuple[str, ...]: ...

    def change_passphrase(self, new: Path, by: str) -> str: ...

    def rewrap(self, by: str) -> int: ...

    def backup(self, out: Path) -> Any: ...

    def restore(self, file: Path) -> Any: ...

    def for_portal(self) -> "Vendor": ...

    def serve(self, how: "Serving", say: Callable[[str], None]) -> None: ...

    def notify(self) -> Any: ...

    def password_link(self, email: str) -> str: ...

    def tell_factors_removed(self, email: str, by: str) -> str: ...

    def check_deployment(self, how: "Serving") -> None: ...


@dataclass(frozen=True)
class Session:
    vendor: Vendor
    by: str
    as_json: bool

    def calm(self) -> "Calm":
        """Django is set up here: use cases are imported after this. A database that was put back is spoken of at once
        (L5), also by commands that only read."""
        calm = self.vendor.calm()
        fault = calm.head_fault()
        if fault:
            say(f"warning: {fault}", err=True)
            say(f"next: {fault.next_step}", err=True)
            say(f"run: {fault.run}", err=True)
        return calm

    def portal(self) -> "Calm":
        """The same, where people, sessions and mail are needed too."""
        return replace(self, vendor=self.vendor.for_portal()).calm()

    def now(self) -> datetime:
        return self.vendor.now()

    def who(self) -> dict[str, Any]:
        """What every use case is told: when, and who acts."""
        return {"now": self.now(), "by": self.by}

    def answer(self, answer: Any, show: "Callable[[Console, Any], None]", **extra: object) -> None:
        """Print it. Files are written by the command, never printed; `extra` (their path) stands in the JSON."""
        if isinstance(answer, Refusal):
            refuse(answer, as_json=self.as_json)
        finish(_plain(answer, extra) if self.as_json else answer, show, as_json=self.as_json)


def _plain(answer: Any, extra: dict[str, object]) -> Any:
    import msgspec

    from carnet.cli_support import refused_fields

    plain = msgspec.to_builtins(answer)
    if isinstance(plain, dict):
        plain.pop("raw", None)
        if isinstance(refusal := getattr(answer, "can_issue", None), Refusal):
            plain["can_issue"] = refused_fields(refusal)
        plain |= extra
    return plain


def command(group: typer.Typer, name: str, writes: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command; its function takes a `Session` first. `writes`: as in `cli_support.command`."""
    return cli_support.command(
        group, name, DEFAULT_DATA, lambda caller: Session(caller.world, caller.actor, caller.as_json), writes
    )


def table(console: "Console", title: str, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    """A table; a block for each row where the terminal is too narrow for it; a sentence where there is nothing."""
    if not rows:
        console.print(f"{title}: none.")
        return
    cells = [[printable(_cell(cell)) for cell in row] for row in rows]  # its width is that of what is shown
    widths = [
        max(len(text) for text in (name, *column))
        for name, column in zip(columns, zip(*cells, strict=True), strict=True)
    ]
    if sum(widths) + 3 * len(widths) > console.width:
        _blocks(console, title, columns, cells)
        return
    from rich import box
    from rich.table import Table

    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        number = all(isinstance(row[place], int) for row in rows)
        shown.add_column(name, justify="right" if number else "left", no_wrap=True)
    for row in cells:
        shown.add_row(*row)
    console.print(shown)


def _blocks(console: "Console", title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    console.print(title, style="italic")
    for row in rows:
        console.print()
        console.print(f"{row[0]}", style="bold")
        for name, text in zip(columns[1:], row[1:], strict=True):
            console.print(f"  {name}: {text}", soft_wrap=True)  # an id is to be copied whole


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return times.day(value) if (value.hour, value.minute) == (0, 0) else times.minute(value)
    if value in (None, ""):
        return "—"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
