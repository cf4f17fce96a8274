"""Run the door on uvicorn: sockets, TLS, start and stop. SIGTERM: accept nothing more, answer what was taken, end.
systemd is told how far the service is (sd_notify), where it asks for that.
"""

import asyncio
import math
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, cast

import uvicorn

from carnet.control_room.rest.asgi import Application
from carnet.control_room.rest.door import Door
from carnet.control_room.rest.limits import Limits
from carnet.control_room.rest.log import (
    Log,
    fault_log,
    forward,
    loop_faults,
)
from carnet.control_room.rest.protocol import bound
from carnet.errors import UsageError


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


LISTENERS = 16  # uvloop accepts one connection a turn on each: without them 250 at once wait for half a second
BACKLOG = 2048
FILES = 4096
GRACE = 30  # seconds
Beside = Callable[[], AbstractAsyncContextManager[object]]


@dataclass(frozen=True)
class Tls:
    certificate: Path
    private_key: Path


@dataclass(frozen=True)
class Options:
    tls: Tls | None = None
    hot: bool = True  # answered by the protocol itself; else through ASGI
    limits: Limits = field(default_factory=Limits)


class Server(uvicorn.Server):
    """Tells when it is ready and when it stops, and ends by returning: what opened the engine also closes it."""

    def __init__(self, config: uvicorn.Config, log: Log, told: Callable[[str], None], beside: Sequence[Beside]) -> None:
        super().__init__(config)
        self._log, self._told, self._beside = log, told, beside

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(loop_faults(self._log))
        async with AsyncExitStack() as stack:
            for each in self._beside:
                await stack.enter_async_context(each())
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._told("ready")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._told("stopping")
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the base's own signature
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def make(door: Door, options: Options, log: Log, told: Callable[[str], None], beside: Sequence[Beside] = ()) -> Server:
    """A server for the door. `told` hears “ready” and “stopping”; `beside` runs as long as the server does."""
    forward(log)
    fault = fault_log(log)
    config = uvicorn.Config(
        cast("Any", Application(door, options.limits, fault)),
        http=bound(door, options.limits, fault, hot=options.hot),
        ws="none",
        loop="uvloop",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=math.ceil(2 * options.limits.idle_seconds),  # the protocol's own clock runs first
        timeout_graceful_shutdown=GRACE,
        ssl_context_factory=_context(options.tls) if options.tls else None,
    )
    server = Server(config, log, told, beside)
    door.connections = lambda: len(server.server_state.connections)
    return server


def run(server: Server, listener: socket.socket) -> None:
    """Serve until a signal ends it. Run it in the main thread, or set `server.should_exit` from another one."""
    _allow_files()
    server.run(sockets=[listener.dup() for _ in range(LISTENERS)])


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


def _context(tls: Tls) -> Any:
    def make_context(*_: object) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(tls.certificate, tls.private_key)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"The certificate and its key cannot be used: {error}.") from error
        return context

    return make_context


def _allow_files() -> None:
    """Each connection is an open file; many systems allow 1,024 until one asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


__all__ = ["Beside", "Options", "Server", "Tls", "listen", "make", "run"]
