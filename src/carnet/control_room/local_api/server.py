"""The local door of a running server: a socket in the data folder, for the command line and the pages.

Only its owner can open it (0600), and only the same user or root is answered. A caller that sends rubbish, or dies,
harms nobody else.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

from carnet.control_room.engine.engine import QueuedCommand
from carnet.control_room.engine.writer import Writer
from carnet.control_room.local_api import protocol
from carnet.control_room.local_api.client import kept_document, reachable
from carnet.control_room.local_api.pages_acts import PATIENCE as PAGES_PATIENCE
from carnet.control_room.local_api.pages_acts import PagesAct
from carnet.control_room.rules.decision import Question
from carnet.errors import BusyError, CarnetError, UsageError
from carnet.exchange.verdicts import Refusal

CALLERS = 32  # connections at a time
PATIENCE = 60.0  # seconds for a caller's next request to arrive whole
LAST_WORDS = 5.0  # seconds for those whose request has come, when the door closes
_BACKLOG = 64
_PEER = struct.Struct("3i")  # Linux' ucred: pid, uid, gid


Pages = Callable[[PagesAct], Awaitable[protocol.Reply]]


class UnixServer:
    """`start` and `stop` it in the event loop of the writer it speaks for. The folder's lock is held by then."""

    def __init__(
        self,
        writer: Writer,
        folder: Path,
        callers: int = CALLERS,
        patience: float = PATIENCE,
        pages: Pages | None = None,
    ) -> None:
        """`pages`: has the pages do what was asked for; None where there are none."""
        self._writer, self._folder, self._pages = writer, folder, pages
        self._limit, self._patience = callers, patience
        self._callers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._idle: set[asyncio.Task[None]] = set()  # those of them whose next request has not come
        self._closing = False
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Raises UsageError where the system has no such sockets."""
        if not hasattr(socket, "SO_PEERCRED"):
            raise UsageError("This system does not say who calls at a socket; the local door stays shut.")
        self._server = await asyncio.start_unix_server(self._called, sock=self._listen(), backlog=_BACKLOG)

    def _listen(self) -> socket.socket:
        """Replace the socket of a server that was killed: the holder of the folder's lock is the only server."""
        part = f".{protocol.SOCKET}.part"
        (self._folder / part).unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with reachable(self._folder, part) as path:
                listening.bind(path)
            (self._folder / part).chmod(0o600)
            listening.listen(_BACKLOG)
            (self._folder / part).rename(self._folder / protocol.SOCKET)
        except BaseException:
            listening.close()
            raise
        return listening

    async def stop(self) -> None:
        """No new connections; requests that came are answered; idle connections are closed."""
        if self._server is None:
            return
        self._closing = True
        (self._folder / protocol.SOCKET).unlink(missing_ok=True)
        self._server.close()
        for caller in self._idle:
            caller.cancel()
        await self._last_words(dict(self._callers))
        self._server = None

    async def _last_words(self, callers: dict[asyncio.Task[None], asyncio.StreamWriter]) -> None:
        if not callers:
            return
        _, late = await asyncio.wait(callers, timeout=LAST_WORDS)
        for task in late:
            task.cancel()
        hung_up = [asyncio.ensure_future(writer.wait_closed()) for writer in callers.values()]
        await asyncio.wait(hung_up, timeout=LAST_WORDS)

    def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer, full=len(self._callers) >= self._limit))
        self._callers[task] = writer

        def gone(task: asyncio.Task[None]) -> None:
            del self._callers[task]
            self._idle.discard(task)
            writer.close()

        task.add_done_callback(gone)
        self._idle.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, full: bool) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if not _may_call(writer):
                return
            if full:
                await _send(writer, BusyError("Too many callers at the local door.", "Try again in a second."))
                return
            while not self._closing:
                async with asyncio.timeout(self._patience):
                    request = await self._next(task, reader, writer)
                async with asyncio.timeout(self._patience) as limit:
                    await _send(writer, await self._outcome(request, limit))
        except (OSError, EOFError, TimeoutError):
            pass  # the caller went away, or is let go

    async def _next(
        self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """A whole request. Raises EOFError where the next one can no longer be found in what comes."""
        self._idle.add(task)
        try:
            return await _receive(reader)
        except UsageError as error:
            await _send(writer, error)
            raise EOFError from error
        finally:
            self._idle.discard(task)

    async def _outcome(self, raw: bytes, limit: asyncio.Timeout) -> object:
        try:
            request = protocol.read_lfr(raw)
            if isinstance(request, protocol.Execution):
                order = QueuedCommand(request.command, request.actor, request.key)
                (outcome,) = await self._writer.execute([order])
                return outcome
            if isinstance(request, protocol.Fetch):
                return protocol.Fetched(kept_document(self._writer.engine.store, request.name))
            if isinstance(request, PagesAct):
                limit.reschedule(asyncio.get_running_loop().time() + PAGES_PATIENCE)
                return await self._done_at_pages(request)
            return self._asked(request)
        except CarnetError as error:
            return error

    async def _done_at_pages(self, act: PagesAct) -> object:
        if self._pages is None:
            raise UsageError("This server has no pages.")
        if act.record:
            (outcome,) = await self._writer.execute([QueuedCommand(act.record, act.by)])
            if isinstance(outcome, Refusal | CarnetError):
                return outcome
        return await self._pages(act)

    def _asked(self, question: Question[object]) -> object:
        return self._writer.ask(question)


async def _receive(reader: asyncio.StreamReader) -> bytes:
    size, goes_on = protocol.frame_size(await reader.readexactly(protocol.HEADER))
    if goes_on:
        raise UsageError("A request is one frame.")
    return await reader.readexactly(size)


async def _send(writer: asyncio.StreamWriter, outcome: object) -> None:
    writer.write(protocol.frames(protocol.write_reply(outcome)))
    await writer.drain()


def _may_call(writer: asyncio.StreamWriter) -> bool:
    with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as connection:
        _, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return uid in (0, os.geteuid())
