"""Accepting connections: counted and limited at once, before TLS; and open files kept back for what must go on.

Only then does a connection begin its handshake, which has a deadline. Who has no place is told so by a few
connections more, and by all others closed without a word.
"""

import asyncio
import resource
import socket
import ssl
from collections.abc import Sequence
from functools import partial

from carnet.edge import acts
from carnet.edge.connection import Connection
from carnet.edge.places import Place, address_of
from carnet.edge.proxies import plain
from carnet.edge.service import Service
from carnet.errors import UsageError

AT_ONCE = 64  # connections that are accepted before others have their turn
PAUSE = 0.5  # seconds without accepting, where the system has no open file left
KEPT_BACK = 256  # open files for the local socket, the database, the log, and commands that are started
LEAST = 16  # connections, or it is no server


class Gate:
    def __init__(self, service: Service, context: ssl.SSLContext | None, proxies: frozenset[str] = frozenset()) -> None:
        """`proxies`: where there are some, nobody else is let in."""
        self._service, self._context, self._proxies = service, context, proxies
        self._places, self._limits, self._acts = service.places, service.limits, service.acts
        self._loop = asyncio.get_running_loop()
        self._listeners: list[socket.socket] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._turned_away = 0
        self._resuming: asyncio.TimerHandle | None = None

    def open(self, listeners: Sequence[socket.socket]) -> None:
        self._listeners = list(listeners)
        for each in self._listeners:
            each.setblocking(False)
        self._resume()

    def close(self) -> None:
        """Accept nobody more. The listeners are closed; who is in the middle of a handshake is let go."""
        if self._resuming:
            self._resuming.cancel()
        for each in self._listeners:
            self._loop.remove_reader(each)
            each.close()
        for task in self._opening:
            task.cancel()
        self._listeners = []

    def _resume(self) -> None:
        self._resuming = None
        for each in self._listeners:
            self._loop.add_reader(each, self._accept, each)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                accepted, peer = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._no_file_left(error)
                return
            self._let_in(accepted, str(peer[0]))

    def _no_file_left(self, error: OSError) -> None:
        """There is one again when a connection closes; to ask all the time would keep the others waiting."""
        self._acts.acted(acts.DESCRIPTORS, error.strerror or "")
        self._places.make_room()
        for each in self._listeners:
            self._loop.remove_reader(each)
        self._resuming = self._resuming or self._loop.call_later(PAUSE, self._resume)

    def _let_in(self, accepted: socket.socket, host: str) -> None:
        if self._proxies and plain(host) not in self._proxies:
            self._acts.acted(acts.PROXY, host)
            accepted.close()
            return
        address = address_of(host)
        fits = self._finds_room(address)
        if not fits and self._turned_away >= self._limits.turned_away:
            accepted.close()
            return
        self._begin(accepted, address, fits=fits)

    def _finds_room(self, address: str) -> bool:
        """There is a place, or one is made."""
        places = self._places
        if places.has_too_many(address):
            limit, made = acts.ADDRESS, places.make_room_of(address)
        elif places.is_full():
            limit, made = acts.CONNECTIONS, places.make_room()
        else:
            return True
        self._acts.acted(acts.REPLACED if made else limit, address)
        return made

    def _begin(self, accepted: socket.socket, address: str, *, fits: bool) -> None:
        accepted.setblocking(False)
        self._turned_away += not fits
        place = self._places.enter(address, partial(_shut, accepted)) if fits else None
        task = self._loop.create_task(self._open(accepted, address, place))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, accepted: socket.socket, address: str, place: Place | None) -> None:
        left = partial(self._left, place)
        connection = Connection(self._service, address, place, left)
        patience = self._limits.seconds if self._context else None
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection, accepted, ssl=self._context, ssl_handshake_timeout=patience
            )
        except BaseException as error:
            left()
            if connection in self._service.connections:  # let go as it was opened: a stop waits for it no more
                connection.reset()
            if isinstance(error, ConnectionAbortedError | TimeoutError):
                self._acts.acted(acts.HANDSHAKE, address)
            if not isinstance(error, OSError | asyncio.CancelledError):  # an SSLError is an OSError
                raise
            accepted.close()

    def _left(self, place: Place | None) -> None:
        if place is None:
            self._turned_away -= 1
        else:
            self._places.leave(place)


def _shut(accepted: socket.socket) -> None:
    """Whatever reads from it finds its end, in the midst of a handshake too."""
    try:
        accepted.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended


def allow_files(connections: int, kept_back: int = KEPT_BACK) -> int:
    """How many of these connections there may be: each is an open file, and some files are kept back.

    Many systems allow 1,024 until one asks for more; that is done here. Raises UsageError where too few are allowed.
    """
    wanted = connections + kept_back
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft - kept_back < LEAST:
        raise UsageError(
            f"This system allows {soft:,} open files, and {kept_back + LEAST:,} are needed.",
            "Allow more: LimitNOFILE in the service's unit, or ulimit -n.",
        )
    return min(connections, soft - kept_back)
