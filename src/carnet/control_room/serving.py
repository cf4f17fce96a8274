"""What a running server is made of: the writer, the doors to it, and what tells of them. Part of the composition root,
kept apart so that no other command loads an HTTP server.
"""

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
from carnet.exchange.verdicts import Refusal


@dataclass(frozen=True)
class At:
    host: str
    port: int
    tls: tuple[Path, Path] | None  # certificate, private key
    hot: bool


class Seen:  # STAND-IN
    def __init__(self, engine: Engine) -> None:
        self._engine, self._size, self._token = engine, -1, ""

    @property
    def token(self) -> str:
        peaks = self._engine.book.peaks
        if peaks.size != self._size:
            self._size, self._token = peaks.size, f"{peaks.size}.{peaks.root.hex()}.{'0' * 32}"
        return self._token

    def judge(self, text: str) -> Refusal | None:
        return None


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
    server = make(Door(writer, Seen(engine)), options, log, told, [lambda: _local_door(writer, folder)])
    with listener:
        run(server, listener)
    log("stopped", records=engine.checkpoint.size)


@asynccontextmanager
async def _local_door(writer: Writer, folder: Path) -> AsyncIterator[None]:
    door = SocketDoor(writer, folder)
    await door.start()
    try:
        yield
    finally:
        await door.stop()
