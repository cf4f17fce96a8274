"""What the connections of one server share, and what answers them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from carnet.edge.acts import Acts
from carnet.edge.limits import Limits
from carnet.edge.places import Places
from carnet.exchange.verdicts import Refusal

if TYPE_CHECKING:
    from carnet.edge.connection import Connection

Headers = list[tuple[bytes, bytes]]  # names in lower case


class Application(Protocol):
    """What answers. Its requests and answers are its own: a connection only hands them on."""

    @property
    def one_by_one(self) -> bool:
        """Whether a connection's next request is handled only when the one before it is answered."""
        ...

    def request(self, method: bytes, url: bytes, headers: Headers, version: str) -> Any:
        """What is handled later, once its `body` (an attribute) is there too."""
        ...

    def handle(self, request: Any, connection: "Connection", pending: "Pending") -> None:
        """Answer through `connection.answer`, once: at once or later. Raises only what is a fault of the program."""
        ...

    def is_question(self, request: Any) -> bool:
        """True for short, read-only requests. They run in the event loop, so a connection gets one per turn."""
        ...

    def encoded(self, answer: Any, date: bytes, *, last: bool, bare: bool) -> bytes: ...

    def refused(self, refusal: Refusal) -> Any: ...

    def fault(self) -> Any: ...


@dataclass(eq=False)
class Service:
    """What all connections of one server share."""

    application: Application
    limits: Limits
    fault: Callable[[BaseException], None]
    acts: Acts
    places: Places
    date: bytes = b""  # the header line of each answer; the server renews it every second
    buffered: int | None = None  # bytes of an answer that wait for a caller to fetch them; None: as few as usual
    stopping: bool = False
    connections: set["Connection"] = field(default_factory=set)
    all_closed: asyncio.Event = field(default_factory=asyncio.Event)  # while stopping

    def closed(self, connection: "Connection") -> None:
        self.connections.discard(connection)
        if self.stopping and not self.connections:
            self.all_closed.set()


class Pending:
    """The answer that one request waits for, in its place."""

    __slots__ = ("bare", "data", "last", "turned_away")

    def __init__(self, *, last: bool, bare: bool = False, turned_away: bool = False) -> None:
        self.data: bytes | None = None
        self.bare = bare  # an answer to HEAD has no body
        self.last = last  # the connection ends after it
        self.turned_away = turned_away  # before all of it was read
