"""A server's local door in a test: the real writer and the real socket, in a thread with its own event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.writer import Writer
from carnet.control_room.local_api.server import CALLERS, PATIENCE, UnixServer
from carnet.control_room.state.trusted_time import Reading


class Served:
    """`engine` opens it, in the server's own thread, and closes it there. As a context it runs until its end."""

    def __init__(
        self,
        engine: Callable[[], AbstractContextManager[Engine]],
        reading: Callable[[], Reading],
        folder: Path,
        *,
        callers: int = CALLERS,
        patience: float = PATIENCE,
        loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> None:
        self._engine, self._reading, self._folder, self._loop = engine, reading, folder, loop
        self._callers, self._patience = callers, patience
        self._thread = threading.Thread(target=self._run)
        self._open = threading.Event()
        self._end: Callable[[], None] = lambda: None
        self._failed: BaseException | None = None

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._open.wait(30)
        if self._failed:
            self._thread.join()
            raise self._failed
        return self

    def end(self) -> None:
        """Tell the server to end, once: after that its loop may be closed at any moment."""
        end, self._end = self._end, lambda: None
        end()

    def __exit__(self, *_: object) -> None:
        self.end()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=self._loop) as runner:
            try:
                runner.run(self._serve())
            except BaseException as error:
                self._failed = error
                self._open.set()

    async def _serve(self) -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        with self._engine() as engine:
            writer = Writer(engine, self._reading)
            door = UnixServer(writer, self._folder, self._callers, self._patience)
            await door.start()
            self._end = lambda: loop.call_soon_threadsafe(end.set)
            self._open.set()
            await end.wait()
            await door.stop()
