"""The engine, as the pages ask it: over its socket, one connection for each request."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from carnet.control_room.authority.decision import Command, Question
from carnet.control_room.engine.socket_desk import SocketDesk
from carnet.control_room.web.given import given
from carnet.errors import BusyError
from carnet.exchange.verdicts import Refusal


@contextmanager
def engine() -> Iterator[SocketDesk]:
    """Raises BusyError where no server runs on the folder."""
    desk = SocketDesk.connect(given().data)
    if desk is None:
        raise BusyError("The licensing engine does not answer.", "It may be starting. Load the page again in a moment.")
    with closing(desk):
        yield desk


def ask(question: Question) -> object | Refusal:
    """One question, where no request is at hand."""
    with engine() as desk:
        return desk.ask(question)


def execute(command: Command, actor: str) -> object | Refusal:
    with engine() as desk:
        return desk.execute(command, actor)
