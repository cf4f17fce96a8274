"""Run the door: sockets, TLS, start and stop. SIGTERM or SIGINT: accept nothing more, answer what was taken, end.
systemd is told how far the service is (sd_notify), where it asks for that.
"""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import uvloop

from carnet.control_room.rest.door import Door
from carnet.control_room.rest.log import loop_faults
from carnet.control_room.rest.protocol import DoorOnTheNetwork
from carnet.edge import acts
from carnet.edge.connection import Connection
from carnet.edge.gate import allow_files
from carnet.edge.limits import Limits
from carnet.edge.running import Running
from carnet.edge.tls import server_context
from carnet.errors import UsageError
from carnet.server_log import Log


def notify(address: str | None, state: str) -> None:
    """`address` is NOTIFY_SOCKET's value; an abstract one begins with @."""
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.connect(name)
            sender.send(state.encode())
        except OSError:
            return  # nobody listens: that must not end the service


BACKLOG = 2048
GRACE = 30  # seconds for what was taken to be answered, when the server ends
SIGNALS = (signal.SIGINT, signal.SIGTERM)
Beside = Callable[[], AbstractAsyncContextManager[object]]


@dataclass(frozen=True)
class Tls:
    certificate: Path
    private_key: Path


@dataclass(frozen=True)
class Options:
    tls: Tls | None = None
    limits: Limits = field(default_factory=Limits)
    proxies: frozenset[str] = frozenset()  # where there are some, nobody else is let in
    prefix: str = ""  # of the path, as `carnet.edge.prefix` has it


class Server:
    """Serves one door until it is told to stop, and ends by returning: what opened the engine also closes it."""

    def __init__(
        self, door: Door, options: Options, log: Log, told: Callable[[str], None], now: Callable[[], datetime]
    ) -> None:
        self.beside: list[Beside] = []  # what runs as long as the server does
        self._door, self._log, self._told, self._now = door, log, told, now
        self._limits, self._proxies, self._prefix = options.limits, options.proxies, options.prefix
        self._context = server_context(options.tls.certificate, options.tls.private_key) if options.tls else None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: Running | None = None
        self._stop, self._at_once = asyncio.Event(), False

    @property
    def connections(self) -> set[Connection]:
        return self._running.connections if self._running else set()

    def stop(self) -> None:
        """Begin to end; from any thread, once the server is ready. Nothing happens where it has ended already."""
        assert self._loop
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._stop.set)

    async def serve(self, listeners: Sequence[socket.socket]) -> None:
        """Serve on `listeners`, which are closed at the end, until `stop` or a signal."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(loop_faults(self._log))
        with self._signals(self._loop):
            async with AsyncExitStack() as stack:
                for each in self.beside:
                    await stack.enter_async_context(each())
                await self._serve(listeners)

    async def _serve(self, listeners: Sequence[socket.socket]) -> None:
        wanted = self._limits.connections
        most = allow_files(wanted)
        running = self._running = Running(
            DoorOnTheNetwork(self._door, self._prefix),
            replace(self._limits, connections=most),
            self._log,
            self._now,
            context=self._context,
            proxies=self._proxies,
        )
        self._door.connections, self._door.acts = lambda: len(running.connections), lambda: running.acts
        running.open(listeners)
        self._told("ready")
        if most < wanted:  # as many as there are open files for
            self._log("limit", limit=acts.DESCRIPTORS, connections=most, wanted=wanted)
        while not self._stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._stop.wait()
            running.tick()
        self._told("stopping")
        await running.end(0 if self._at_once else GRACE)

    @contextmanager
    def _signals(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():  # only the main thread hears of signals
            yield
            return
        for each in SIGNALS:
            loop.add_signal_handler(each, self._signalled, each)
        try:
            yield
        finally:
            for each in SIGNALS:
                loop.remove_signal_handler(each)

    def _signalled(self, what: signal.Signals) -> None:
        """A second Ctrl-C waits for no connection any more."""
        if self._stop.is_set() and what == signal.SIGINT:
            self._at_once = True
            if self._running:
                self._running.hurry()
        self._stop.set()


def run(server: Server, listener: socket.socket) -> None:
    """Serve until a signal ends it. Run it in the main thread, or call `server.stop` from another one."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve([listener.dup()]))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(f"{host}, port {port}: {error.strerror}.", "Name another one with --host, --port.") from error
    listener.setblocking(False)
    return listener


__all__ = ["Beside", "Options", "Server", "Tls", "listen", "run"]
