"""clock confirm: a clock that is far ahead (T5)"""

from typing import Annotated

import typer

from carnet import times
from carnet.cli_support import new_app
from carnet.control_room.cli.session import Session, command
from carnet.far_ahead import read_day


def add_to(app: typer.Typer) -> None:
    clock = new_app("The clock of this machine.")
    command(clock, "confirm")(confirm)
    app.add_typer(clock, name="clock")


def confirm(
    session: Session,
    today: Annotated[str, typer.Argument(metavar="DATE", help="Today's date (UTC), from another clock.")],
) -> None:
    """Say that this machine's clock is right, where it is much further than the newest record.

    The server must not run. The date that you give is compared with the clock, and the clock is then written down.
    """
    found = session.site.confirm_clock(read_day(today), session.actor)
    session.answer(
        found,
        lambda console, found: console.print(
            f"The clock of this machine ({times.minute(found.clock)}) is confirmed, and written down. "
            f"Before that the ledger knew {times.minute(found.before)}."
        ),
    )
