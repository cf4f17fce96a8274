"""What a running server is made of: the writer, the doors to it, and what tells of them. Part of the composition root,
kept apart so that no other command loads an HTTP server.
"""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import msgspec

from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.key_uses import EVERY, note
from carnet.control_room.engine.writer import Writer
from carnet.control_room.local_api.pages_acts import PagesAct
from carnet.control_room.local_api.protocol import Reply, read_reply
from carnet.control_room.local_api.server import Pages, UnixServer
from carnet.control_room.pages.runtime_config import RuntimeConfig
from carnet.control_room.rest.door import Door
from carnet.control_room.rest.serve import (
    Options,
    Server,
    Tls,
    listen,
    notify,
    run,
)
from carnet.control_room.state.trusted_time import Reading
from carnet.edge.limits import Limits
from carnet.errors import CarnetError
from carnet.server_log import Log, new_log

PAGES_COMMAND = (sys.executable, "-m", "carnet.control_room.pages_process")
PAGES_END = 25.0  # seconds that requests to the pages may take when the server ends
PAGES_AGAIN = 5.0  # seconds after which pages that ended by themselves are started again


@dataclass(frozen=True)
class At:
    host: str
    port: int
    tls: tuple[Path, Path] | None  # certificate, private key
    machine: RuntimeConfig  # what the pages need for what somebody on the machine has them do
    pages: RuntimeConfig | None = None  # None: bots only
    proxies: frozenset[str] = frozenset()  # where there are some, nobody else is let in
    connections: int | None = None  # at most; None: as the release has it
    per_address: int | None = None
    prefix: str = ""  # of the path, at both doors


def serve(engine: Engine, reading: Callable[[], Reading], folder: Path, at: At) -> None:
    def now() -> datetime:
        return reading().system

    log = new_log(now, sys.stderr)
    writer = Writer(engine, reading)
    listener = listen(at.host, at.port)
    host, port = listener.getsockname()[:2]
    where = f"{'https' if at.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    def told(what: str) -> None:
        log(what, address=where)
        notify(os.environ.get("NOTIFY_SOCKET"), "READY=1" if what == "ready" else "STOPPING=1")

    limits = Limits().with_connections(at.connections, at.per_address)
    options = Options(Tls(*at.tls) if at.tls else None, limits, at.proxies, at.prefix)
    door = Door(writer)
    server = Server(door, options, log, told, now)
    server.beside.append(lambda: _noting(door.used, folder, now))
    server.beside.append(lambda: _beside(writer, folder, partial(_act_of_pages, at.machine)))
    if at.pages:
        server.beside.append(partial(_pages, at.pages, log))
    gc.collect()
    gc.freeze()  # what is here now stays: a collection that looks at all of it would make every caller wait 50 ms
    with listener:
        run(server, listener)
    log("stopped", records=engine.checkpoint.size)


@asynccontextmanager
async def _beside(writer: Writer, folder: Path, pages: Pages) -> AsyncIterator[None]:
    """The local door, and what the writer does by itself. All that waits is decided before the end."""
    door = UnixServer(writer, folder, pages=pages)
    await door.start()
    sweeping = asyncio.create_task(writer.sweep())
    try:
        yield
    finally:
        sweeping.cancel()
        await door.stop()
        await writer.close()


@asynccontextmanager
async def _noting(used: set[str], folder: Path, now: Callable[[], datetime]) -> AsyncIterator[None]:
    """Which API keys were used is written down now and then, and at the end."""

    async def noting() -> None:
        while True:
            await asyncio.sleep(EVERY)
            note(used, folder, now())

    task = asyncio.create_task(noting())
    try:
        yield
    finally:
        task.cancel()
        note(used, folder, now())


@asynccontextmanager
async def _pages(given: RuntimeConfig, log: Log) -> AsyncIterator[None]:
    """The pages' process, as long as the server runs. Bots are served even if it ends."""
    kept = asyncio.create_task(_keep_pages(given, log))
    try:
        yield
    finally:
        kept.cancel()
        with suppress(asyncio.CancelledError):
            await kept


async def _keep_pages(given: RuntimeConfig, log: Log) -> None:
    while True:
        child = await asyncio.create_subprocess_exec(*PAGES_COMMAND, stdin=asyncio.subprocess.PIPE)
        try:
            await _tell(child, given)
            code = await child.wait()
        except asyncio.CancelledError:
            await _end(child)
            raise
        log("pages ended", code=code, again_in_seconds=PAGES_AGAIN)
        await asyncio.sleep(PAGES_AGAIN)


async def _act_of_pages(given: RuntimeConfig, act: PagesAct) -> Reply:
    """In a process of its own, as the pages are: this one loads no Django. Raises CarnetError."""
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*PAGES_COMMAND, "act", stdin=pipe, stdout=pipe)
    try:
        answer, _ = await child.communicate(msgspec.json.encode(given) + b"\n" + msgspec.json.encode(act) + b"\n")
    except asyncio.CancelledError:
        await _end(child)
        raise
    if not answer:
        raise CarnetError("The pages ended before they answered.", "Look at the server's log.")
    return read_reply(answer)


async def _tell(child: asyncio.subprocess.Process, given: RuntimeConfig) -> None:
    """Its keys go over a pipe: they are in no argument and in no environment."""
    assert child.stdin
    with suppress(BrokenPipeError, ConnectionResetError):  # it ended at once: its end is seen next
        child.stdin.write(msgspec.json.encode(given) + b"\n")
        await child.stdin.drain()
        child.stdin.close()


async def _end(child: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        child.terminate()
    try:
        async with asyncio.timeout(PAGES_END):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
