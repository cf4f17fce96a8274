"""What a running server is made of: the writer, the doors to it, and what tells of them. Part of the composition root,
kept apart so that no other command loads an HTTP server.
"""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from carnet.control_room.api.handle import Door
from carnet.control_room.api.log import new_log
from carnet.control_room.api.notify import notify
from carnet.control_room.api.serve import Options, Tls, listen, make, run
from carnet.control_room.authority.trusted_time import Reading
from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.socket_door import SocketDoor
from carnet.control_room.engine.writer import Writer


@dataclass(frozen=True)
class At:
    host: str
    port: int
    tls: tuple[Path, Path] | None  # certificate, private key
    hot: bool


def serve(engine: Engine, reading: Callable[[], Reading], folder: Path, at: At) -> None:
    log = new_log(lambda: reading().system, sys.stderr)
    writer = Writer(engine, reading)
    listener = listen(at.host, at.port)
    host, port = listener.getsockname()[:2]
    where = f"{'https' if at.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"

    def told(what: str) -> None:
        log(what, address=where, carrier="hot" if at.hot else "asgi")
        notify(os.environ.get("NOTIFY_SOCKET"), "READY=1" if what == "ready" else "STOPPING=1")

    options = Options(Tls(*at.tls) if at.tls else None, hot=at.hot)
    server = make(Door(writer), options, log, told, [lambda: _beside(writer, folder)])
    gc.collect()
    gc.freeze()  # what is here now stays: a collection that looks at all of it would make every caller wait 50 ms
    with listener:
        run(server, listener)
    log("stopped", records=engine.checkpoint.size)


@asynccontextmanager
async def _beside(writer: Writer, folder: Path) -> AsyncIterator[None]:
    """The local door, and what the writer does by itself. All that waits is decided before the end."""
    door = SocketDoor(writer, folder)
    await door.start()
    sweeping = asyncio.create_task(writer.sweep())
    try:
        yield
    finally:
        sweeping.cancel()
        await door.stop()
        await writer.close()
