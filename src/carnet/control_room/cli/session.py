"""What every command shares: where the site lies, who acts, how to answer, how to command and to ask."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, TypeVar

import typer

from carnet import cli_support
from carnet.cli_support import finish
from carnet.exchange.verdicts import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from datetime import date, datetime

    from rich.console import Console

    from carnet.control_room.cli.serve import Serving
    from carnet.control_room.engine.engine import Engine
    from carnet.control_room.ledger.verify import Evidence
    from carnet.control_room.local_api.client import EngineClient
    from carnet.control_room.rules.decision import Command, Question
    from carnet.exchange.key_set import Trust
    from carnet.merkle import Checkpoint

T = TypeVar("T")
DEFAULT_DATA = Path("control-room-data")


class Site(Protocol):
    """What the commands ask of the composition root: one Control Room in its folder."""

    def client(self, *, writing: bool = False) -> "AbstractContextManager[EngineClient]": ...

    def engine(self) -> "AbstractContextManager[Engine]":
        """The stored ledger itself, to be read and no more, also while a server runs."""
        ...

    def evidence(self, earlier: "Checkpoint | None") -> "AbstractContextManager[tuple[Evidence, int]]": ...

    def check_pages(self) -> Any: ...

    def change_passphrase(self, new: Path, actor: str) -> object: ...

    def rewrap(self, new: Path | None, actor: str) -> object: ...

    def confirm_clock(self, today: "date", actor: str) -> Any: ...

    def init(self, trust: "Trust", name: str, administrator: str, names: "Literal['exact', 'fold']") -> object: ...

    def password_link(self, name: str, by: str) -> str | Refusal: ...

    def forget(self, name: str) -> None: ...

    def unlock(self, name: str) -> None: ...

    def tell_factors_removed(self, name: str, by: str) -> str: ...

    def publish_key_set(self, client: "EngineClient") -> None: ...

    def key_uses(self) -> "Mapping[str, datetime]":
        """When each API key was used last, by its id, as far as it was noted."""

    def notify(self) -> object: ...

    def backup(self, out: Path) -> int: ...

    def restore(self, backup: Path, today: "date | None") -> object: ...

    def move_out(self, out: Path, actor: str) -> object: ...

    def move_in(self, file: Path, actor: str, today: "date | None") -> object: ...

    def migrations(self) -> object: ...

    def serve(self, how: "Serving") -> None: ...


@dataclass(frozen=True)
class Session:
    site: Site
    actor: str
    as_json: bool

    def execute(self, command: "Command[T]", show: "Callable[[Console, T], None]", key: str | None = None) -> None:
        """Have one command decided and print what it came to."""
        with self.site.client(writing=True) as client:
            answer = client.execute(command, self.actor, key)
        self.answer(answer, show)

    def ask(self, question: "Question[T] | Question[T | Refusal]", show: "Callable[[Console, T], None]") -> None:
        """Ask one question and print the answer."""
        with self.site.client() as client:
            answer = client.ask(question)
        self.answer(answer, show)

    def answer(self, answer: T | Refusal, show: "Callable[[Console, T], None]") -> None:
        finish(answer, show, as_json=self.as_json)


def command(group: typer.Typer, name: str, writes: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command; its function takes a `Session` first. `writes`: as in `cli_support.command`."""
    return cli_support.command(
        group, name, DEFAULT_DATA, lambda caller: Session(caller.world, caller.actor, caller.as_json), writes
    )


InFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file to read.", show_default=False)]
Sku = Annotated[str, typer.Argument(metavar="PRODUCT", help="The product's sku, as `license show` lists it.")]
