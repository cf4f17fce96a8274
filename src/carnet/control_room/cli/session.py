"""What every command shares: where the site lies, who acts, how to answer, how to run a command on the engine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from carnet import terminal
from carnet.exchange.verdicts import Refusal
from carnet.terminal import finish

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.console import Console

    from carnet.control_room.authority.decision import Command
    from carnet.control_room.authority.state import State
    from carnet.control_room.authority.trusted_time import Reading
    from carnet.control_room.engine.engine import Engine
    from carnet.control_room.ledger.verify import Evidence
    from carnet.exchange.key_set import Trust
    from carnet.merkle import Checkpoint

DEFAULT_DATA = Path("control-room-data")


class Site(Protocol):
    """What the commands ask of the composition root: one Control Room in its folder."""

    def reading(self) -> "Reading": ...

    def engine(self, *, writing: bool = False) -> "AbstractContextManager[Engine]": ...

    def evidence(self, earlier: "Checkpoint | None") -> "AbstractContextManager[tuple[Evidence, int]]": ...

    def init(self, trust: "Trust", name: str) -> object: ...

    def publish_key_set(self, engine: "Engine") -> None: ...

    def backup(self, out: Path) -> int: ...

    def restore(self, backup: Path) -> object: ...


@dataclass(frozen=True)
class Session:
    site: Site
    actor: str
    as_json: bool

    def execute(self, command: "Command", show: "Callable[[Console, Any], None]", key: str | None = None) -> None:
        """Run one command on the engine and print what it came to."""
        self.answer(self.write(lambda engine, reading: engine.execute(command, reading, self.actor, key)), show)

    def write(self, act: "Callable[[Engine, Reading], Any]") -> Any:
        with self.site.engine(writing=True) as engine:
            return act(engine, self.site.reading())

    def read(self, look: "Callable[[Engine, Reading], Any]") -> Any:
        with self.site.engine() as engine:
            return look(engine, self.site.reading())

    def look(self, view: "Callable[[State, Any], Any]", show: "Callable[[Console, Any], None]") -> None:
        """Print a view of the state at this moment."""
        self.answer(self.read(lambda engine, reading: view(engine.state, engine.now(reading))), show)

    def answer(self, answer: object | Refusal, show: "Callable[[Console, Any], None]") -> None:
        finish(answer, show, as_json=self.as_json)


def command(group: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a command; its function takes a `Session` first."""
    return terminal.command(
        group, name, DEFAULT_DATA, lambda caller: Session(caller.world, caller.actor, caller.as_json)
    )


InFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file to read.", show_default=False)]
Sku = Annotated[str, typer.Argument(metavar="PRODUCT", help="The product's sku, as `license show` lists it.")]
