"""The hot carrier: uvicorn's own httptools protocol, which here answers /api/v1/* itself and hands all else to ASGI.

What a protocol owes its caller is done here: answers in the order of the requests, also where several wait; limits on
headers, body and slowness; no write on a connection that is closing; what was taken is answered before a stop. And
what it owes all others: however many requests come in one packet, they are taken a few at a time, and a connection has
one question answered before the others have their turn. It leans on names inside uvicorn, so its version is bounded,
and the same tests run over both carriers.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from carnet.control_room.rest import limits as limit
from carnet.control_room.rest import problems
from carnet.control_room.rest.asgi import request_of
from carnet.control_room.rest.door import Door
from carnet.control_room.rest.limits import Limits
from carnet.control_room.rest.message import Answer, Request
from carnet.control_room.rest.operations import PREFIX
from carnet.exchange.verdicts import Refusal

_PREFIX = PREFIX.encode()
_CLOSE = b"connection: close\r\n"
_NO_LINGER = struct.pack("ii", 1, 0)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Owed:
    """The answer that one request waits for, in its place."""

    __slots__ = ("bare", "data", "last", "turned_away")

    def __init__(self, *, last: bool, bare: bool = False, turned_away: bool = False) -> None:
        self.data: bytes | None = None
        self.bare = bare  # an answer to HEAD has no body
        self.last = last  # the connection ends after it
        self.turned_away = turned_away  # before all of it was read


class DoorProtocol(HttpToolsProtocol):
    """One connection. `bound` makes the class that uvicorn is given."""

    door: Door
    limits: Limits
    hot: bool
    fault: Callable[[BaseException], None]

    # --- the connection's life -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._owed: deque[_Owed] = deque()
        self._held: tuple[RequestResponseCycle, Any] | None = None
        self._arriving = False  # a request has begun and is not all there
        self._in_head = False
        self._mine = False
        self._deaf = False  # what arrives is not looked at
        self._lingering = False  # and is thrown away
        self._stopping = False
        self._kept = b""  # what came, and is not looked at before others have their answers
        self._todo: deque[tuple[_Owed, Request]] = deque()  # taken, and not yet asked of the door
        self._turn: asyncio.Handle | None = None  # in which this goes on
        self._active = True
        self._stuck: asyncio.TimerHandle | None = None
        self._begun = 0  # requests
        self._more = 0  # bytes of a request that came after the data in which it began
        self._deadline: asyncio.TimerHandle | None = self.loop.call_later(self.limits.seconds, self._too_slow)
        self._idle = self.loop.call_later(self.limits.idle_seconds, self._idled)
        if len(self.connections) > self.limits.connections:
            self._turn_away(limit.too_many(self.limits))

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        if self._stuck is not None:
            self._stuck.cancel()
        self._idle.cancel()
        if self._turn is not None:
            self._turn.cancel()
        self._deaf = True
        self._kept = b""
        self._todo.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            if not self._lingering:
                self.flow.pause_reading()
            return
        self._active = True
        if self.timeout_keep_alive_task is not None:
            self._unset_keepalive_if_required()
        if self._kept:
            self._kept += data
            self.flow.pause_reading()
        else:
            self._take(data)
        if self._todo and self._turn is None:
            self._work()

    def _take(self, data: bytes) -> None:
        """Look at what came, a part at a time, until too much waits for its answer; the rest is kept until then."""
        at, size = 0, self.limits.fed
        while at < len(data) and not self._deaf:
            if self._too_much_waits():
                self._kept = data[at:]
                break
            self._feed(data if len(data) <= size else data[at : at + size])
            at += size
        if not self._deaf and (self._kept or self._too_much_waits()):
            self.flow.pause_reading()

    def _too_much_waits(self) -> bool:
        return len(self._owed) >= self.limits.pipelined or self.flow.write_paused or bool(self.pipeline)

    def _go_on(self) -> None:
        """In the next turn: with what was taken, and, where nothing waits any more, with what was kept."""
        if self._turn is None and (self._todo or self._kept):
            self._turn = self.loop.call_soon(self._turned)

    def _turned(self) -> None:
        self._turn = None
        if self._kept and not self._owed and not self._deaf:
            data, self._kept = self._kept, b""
            if not self._stopping:
                self._take(data)
                if not self._kept and not self._deaf and not self._too_much_waits():
                    self.flow.resume_reading()
        if self._todo and self._turn is None:
            self._work()

    def _work(self) -> None:
        """Ask the door what was taken, in its order: changes all together, and one question."""
        todo = self._todo
        if self.transport.is_closing():  # nobody would read what it came to
            todo.clear()
        while todo:
            owed, request = todo.popleft()
            try:
                self.door.handle(request, partial(self._answer, owed))
            except Exception as error:
                type(self).fault(error)
                self._answer(owed, problems.fault())
            if todo and self.door.is_question(request.path):
                break
        self._go_on()

    def _feed(self, data: bytes) -> None:
        begun = self._begun
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._close_after_this()  # asked for what is not spoken here; its request itself is answered
        except httptools.HttpParserError:
            if not self._deaf:
                self._turn_away(limit.unreadable())
        if self._deaf:
            return
        if self._arriving:
            self._mind_the_time(len(data) if begun == self._begun else 0)
        elif self._deadline is not None:
            self._in_time()

    def _mind_the_time(self, more: int) -> None:
        """A request is there in part: it must be there as a whole in time, and must not grow for ever; neither in its
        head, nor in chunks of nothing and in what comes after them."""
        self._more += more
        if self._in_head and self._more > self.limits.header_bytes:
            self._turn_away(limit.headers_too_large(self.limits))
        elif self._more > self.limits.header_bytes + 8 * self.limits.body:
            self._turn_away(limit.body_too_large(self.limits))
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.limits.seconds, self._too_slow)

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self._arriving and self.flow.read_paused:  # it is this side that does not go on
            self._deadline = self.loop.call_later(self.limits.seconds, self._too_slow)
        elif self._arriving:
            self._turn_away(limit.too_slow(self.limits))
        elif not self.transport.is_closing():
            self.transport.close()

    def _idled(self) -> None:
        """Kept is a connection that was used since this was asked last; one timer a connection, none a request."""
        busy = self._active or self._owed or (self.cycle is not None and not self.cycle.response_complete)
        self._active = False
        self._idle = self.loop.call_later(self.limits.idle_seconds, self._idled)
        if self.transport.is_closing():
            self._reset()  # it closes since a while: what is left to send, nobody fetches
        elif not busy:
            self.transport.close()

    def pause_writing(self) -> None:
        """The caller does not fetch its answers: nothing more is read from it, and it has not for ever."""
        super().pause_writing()
        self.flow.pause_reading()
        self._stuck = self.loop.call_later(self.limits.seconds, self._reset)

    def resume_writing(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
        super().resume_writing()
        if not self._kept:
            self.flow.resume_reading()
        self._go_on()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._go_on()

    def _reset(self) -> None:
        """End the connection at once, and forget what the system has not yet sent of the answers."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()

    def shutdown(self) -> None:
        """What was taken is answered; what is on its way here has a moment."""
        self._stopping = True
        self.loop.call_later(0.05, self._stop_if_idle)

    def _stop_if_idle(self) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False  # it closes the connection itself
        elif not self._owed:
            self.transport.close()

    # --- one request ---------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._deaf:
            return
        self._arriving = self._in_head = True
        self._mine = False
        self.url = b""
        self._size = 0  # of the body
        self._more = 0
        self._lines: list[tuple[bytes, bytes]] = []
        self._body = b""
        self._begun += 1
        if self._deadline is not None:
            self._in_time()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # what comes after the body is of no use here
            self._lines.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._deaf:
            return
        head, body, expects = len(self.url), 0, False
        for name, value in self._lines:
            head += len(name) + len(value)
            if name == b"content-length":
                body = int(value)
            elif name == b"expect":
                expects = True
        if head > self.limits.header_bytes or len(self._lines) > self.limits.headers:
            self._turn_away(limit.headers_too_large(self.limits))
        elif body > self.limits.body:
            self._turn_away(limit.body_too_large(self.limits))
        else:
            self._begin(expects=expects)

    def _begin(self, *, expects: bool) -> None:
        cycle = self.cycle
        self._mine = self.hot and (cycle is None or cycle.response_complete) and self.url.startswith(_PREFIX)
        if not self._mine:
            self._to_asgi()
            return
        self._request = request_of(self.parser.get_method(), self.url, self._lines)
        if expects and not self._owed and not self.transport.is_closing():
            self.transport.write(_CONTINUE)

    def _to_asgi(self) -> None:
        url, lines = self.url, self._lines
        super().on_message_begin()
        self.url = url
        for name, value in lines:
            super().on_header(name, value)
        super().on_headers_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._owed:  # answers of requests before this one
            self._held = (cycle, app)
            self.flow.pause_reading()
        else:
            super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        if self._deaf:
            return
        self._size += len(body)
        if self._size > self.limits.body:
            self._turn_away(limit.body_too_large(self.limits))
        elif self._mine:
            self._body = self._body + body if self._body else body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._arriving = False
        if self._deaf:
            return
        if not self._mine:
            super().on_message_complete()
            return
        request, parser = self._request, self.parser
        request.body = self._body
        owed = _Owed(last=not parser.should_keep_alive() or parser.should_upgrade(), bare=request.method == b"HEAD")
        self._owed.append(owed)
        self._todo.append((owed, request))

    # --- answers, in order ---------------------------------------------------------------------------------------

    def _answer(self, owed: _Owed, answer: Answer) -> None:
        if owed.data is not None:
            return
        waiting = self._owed
        owed.last = owed.last or (self._stopping and owed is waiting[-1])
        owed.data = encoded(answer, self.server_state.default_headers, last=owed.last, bare=owed.bare)
        while waiting and (data := waiting[0].data) is not None:
            first = waiting.popleft()
            if self.transport.is_closing():
                continue
            self.server_state.total_requests += 1
            self.transport.write(data)
            if first.last:
                self._hang_up(first)
        if not waiting:
            self._all_answered()

    def _all_answered(self) -> None:
        if self._held is not None:
            (cycle, app), self._held = self._held, None
            super()._start_asgi_task(cycle, app)
        if self._kept:
            self._go_on()
        elif self.flow.read_paused and not self.flow.write_paused and not self.transport.is_closing():
            self.flow.resume_reading()
        if self._stopping:
            self._stop_if_idle()

    def _hang_up(self, after: _Owed) -> None:
        """Close at once where the caller is done; else let it read first why its request was turned away."""
        if after.turned_away:
            self._lingering = True
            self.flow.resume_reading()
            self.loop.call_later(self.limits.linger_seconds, self.transport.close)
        else:
            self._deaf = True
            self.transport.close()

    def _close_after_this(self) -> None:
        self._deaf = True
        self._stopping = True
        self._stop_if_idle()

    def _turn_away(self, refusal: Refusal) -> None:
        """Refuse what is not to be read any further. The answers before it go first; then the connection ends."""
        self._in_time()
        self._deaf = True
        self._arriving = False
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if cycle.response_started or self._owed or self.pipeline or not cycle.more_body:
                # it is of an earlier request, or has begun: after it the caller sees the end, and at last by the clock
                cycle.keep_alive = False
                self._deadline = self.loop.call_later(self.limits.seconds, self._reset)
                return
            cycle.disconnected = True
            cycle.message_event.set()
        owed = _Owed(last=True, turned_away=True)
        self._owed.append(owed)
        self._answer(owed, problems.refused(refusal))


def encoded(answer: Answer, default: Iterable[tuple[bytes, bytes]], *, last: bool, bare: bool = False) -> bytes:
    """The answer as HTTP/1.1. Put together by hand: it is done for every request."""
    head = _head(answer.status, answer.kind)
    for name, value in (*default, *answer.headers):
        head += name + b": " + value + b"\r\n"
    if answer.checkpoint:
        head += b"carnet-checkpoint: " + answer.checkpoint.encode() + b"\r\n"
    if last:
        head += _CLOSE
    return b"%bcontent-length: %d\r\n\r\n%b" % (head, len(answer.body), b"" if bare else answer.body)


@cache
def _head(status: int, kind: bytes) -> bytes:
    return STATUS_LINE[status] + b"content-type: " + kind + b"\r\ncache-control: no-store\r\n"


def bound(door: Door, limits: Limits, fault: Callable[[BaseException], None], *, hot: bool) -> type[DoorProtocol]:
    """The class of connections to this door, as uvicorn wants one."""
    return type("Connection", (DoorProtocol,), {"door": door, "limits": limits, "hot": hot, "fault": fault})
