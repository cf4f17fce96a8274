"""clock confirm: a clock that is far ahead (T5)"""

from typing import TYPE_CHECKING, Annotated

import typer

from carnet import times
from carnet.calm.cli.session import Session, command
from carnet.cli_support import new_app
from carnet.far_ahead import read_day

if TYPE_CHECKING:
    from rich.console import Console

    from carnet.calm.use_cases.clock import Confirmed


def add_to(app: typer.Typer) -> None:
    clock = new_app("The clock of this machine.")
    command(clock, "confirm")(confirm)
    app.add_typer(clock, name="clock")


def confirm(
    session: Session,
    today: Annotated[str, typer.Argument(metavar="DATE", help="Today's date (UTC), from another clock.")],
) -> None:
    """Say that this machine's clock is right, where it is much further than the newest record of the issuing log."""
    day = read_day(today)
    calm = session.calm()
    from carnet.calm.use_cases.clock import confirm_clock

    session.answer(confirm_clock(calm, today=day, **session.who()), _confirmed)


def _confirmed(console: "Console", answer: "Confirmed") -> None:
    console.print(f"The clock of this machine ({times.minute(answer.clock)}) is confirmed, and written down.")
    if answer.before:
        console.print(f"The newest record before that is of {times.minute(answer.before)}.")
