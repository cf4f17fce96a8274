"""What every command shares: where the site lies, who acts, how to answer, how to run a command on the engine."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from carnet.exchange.verdicts import Refusal
from carnet.terminal import AsJson, DataFolder, Operator, PassphraseFile, finish, login_name

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.control_room.authority.decision import Command
    from carnet.control_room.authority.state import State
    from carnet.control_room.authority.trusted_time import Reading
    from carnet.control_room.engine.engine import Engine
    from carnet.control_room.wiring import Site

DEFAULT_DATA = Path("control-room-data")

_COMMON: dict[str, tuple[Any, Any]] = {
    "data": (DataFolder, DEFAULT_DATA),
    "passphrase_file": (PassphraseFile, None),
    "actor": (Operator, ""),
    "as_json": (AsJson, False),
}


@dataclass(frozen=True)
class Session:
    site: "Site"
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
    """Register a command; its function takes a `Session` first, and the common options come by themselves."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(function).parameters.values())[1:]

        def run(ctx: typer.Context, **options: Any) -> None:
            site = ctx.obj(options.pop("data"), options.pop("passphrase_file"))
            session = Session(site, options.pop("actor") or login_name(), options.pop("as_json"))
            function(session, **options)

        keyword = inspect.Parameter.KEYWORD_ONLY
        common = [inspect.Parameter(n, keyword, default=d, annotation=t) for n, (t, d) in _COMMON.items()]
        context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
        parameters = [context, *(p.replace(kind=keyword) for p in own), *common]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        group.command(name, help=inspect.getdoc(function))(run)
        return function

    return register


InFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file to read.", show_default=False)]
Sku = Annotated[str, typer.Argument(metavar="PRODUCT", help="The product's sku, as `license show` lists it.")]
