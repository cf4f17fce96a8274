"""HTTP/1.1 on one connection: httptools parses, an application answers, and what a server owes its callers is kept
here.

To the caller: answers in the order of the requests, also where several wait; limits on headers, body and slowness; no
write on a connection that is closing; what was taken is answered before a stop. To all others: however many requests
come in one packet, they are taken a few at a time, and a connection has one question answered before the others have
their turn. No task and no future is made for a request.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import httptools

from carnet.edge import acts
from carnet.edge import limits as limit
from carnet.edge.places import Place
from carnet.edge.service import Headers, Pending, Service
from carnet.exchange.verdicts import Refusal

_VERSIONS = ("1.0", "1.1")
_JUDGED = frozenset((b"content-length", b"expect", b"host"))
_NO_LINGER = struct.pack("ii", 1, 0)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_STOP_WAIT = 0.05  # seconds for a request that is on its way when the server is told to stop


class Connection(asyncio.Protocol):
    """One connection, which the event loop calls; httptools calls its `on_…` methods."""

    transport: asyncio.Transport

    def __init__(self, service: Service, address: str, place: Place | None, left: Callable[[], None]) -> None:
        """`place` None: there is none, and the caller is told so."""
        self._service, self.address, self._place, self._left = service, address, place, left
        self._application, self.limits, self._places = service.application, service.limits, service.places
        self.loop = asyncio.get_running_loop()
        self.parser = httptools.HttpRequestParser(self)
        # What follows a request with “Connection: close” is ignored; it does not make that request unreadable.
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._pending: deque[Pending] = deque()
        self._undecided: deque[tuple[Pending, Any]] = deque()  # taken, and not yet handled
        self._unread = b""  # what came, and is not looked at before others have their answers
        self._arriving = False  # a request has begun and is not all there
        self._in_head = False
        self._deaf = False  # what arrives is not looked at
        self._lingering = False  # and is thrown away
        self._stopping = False
        self._read_paused = self._write_paused = False
        self._turn: asyncio.Handle | None = None  # in which this goes on
        self._active = True
        self._stuck: asyncio.TimerHandle | None = None
        self._begun = 0  # requests
        self._more = 0  # bytes of a request that came after the data in which it began
        self._since = 0.0  # when what must be here in time began
        # Who streams an answer hears that it may go on, or that the connection has ended.
        self.writable: Callable[[], None] = lambda: None

    # --- the connection's life -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._deadline: asyncio.TimerHandle | None = self.loop.call_later(self.limits.seconds, self._too_slow)
        self._idle = self.loop.call_later(self.limits.idle_seconds, self._idled)
        self._since = self.loop.time()
        if self._service.buffered is not None:
            self.transport.set_write_buffer_limits(self._service.buffered)
        self._service.connections.add(self)
        if self._place is None:
            self._turn_away(limit.too_many())
            return
        self._place.close = self.transport.abort
        if self._place.left:  # room was made of it since
            self.transport.abort()
        elif self._service.stopping:
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._left()
        self._in_time()
        self.writable()
        if self._stuck is not None:
            self._stuck.cancel()
        self._idle.cancel()
        if self._turn is not None:
            self._turn.cancel()
        self._deaf = True
        self._unread = b""
        self._undecided.clear()
        self._service.closed(self)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            if not self._lingering:
                self._pause_reading()
            return
        self._active = True
        if self._unread:
            self._unread += data
            self._pause_reading()
        else:
            self._take(data)
        if self._undecided and self._turn is None:
            self._work()

    def _take(self, data: bytes) -> None:
        """Look at what came, a part at a time, until too much waits for its answer; the rest is kept until then."""
        at, size = 0, self.limits.fed
        while at < len(data) and not self._deaf:
            if self._too_much_waits():
                self._unread = data[at:]
                break
            self._feed(data if len(data) <= size else data[at : at + size])
            at += size
        if not self._deaf and (self._unread or self._too_much_waits()):
            self._pause_reading()

    def _too_much_waits(self) -> bool:
        return len(self._pending) >= self.limits.pipelined or self._write_paused

    def _go_on(self) -> None:
        """In the next turn: with what was taken, and, where nothing waits any more, with what was kept."""
        if self._application.one_by_one and self._pending and len(self._pending) > len(self._undecided):
            return  # its answer goes on
        if self._turn is None and (self._undecided or self._unread):
            self._turn = self.loop.call_soon(self._turned)

    def _turned(self) -> None:
        self._turn = None
        if self._unread and not self._pending and not self._deaf:
            data, self._unread = self._unread, b""
            if not self._stopping:
                self._take(data)
                if not self._unread and not self._deaf and not self._too_much_waits():
                    self._resume_reading()
        if self._undecided and self._turn is None:
            self._work()

    def _work(self) -> None:
        """Have handled what was taken, in its order: changes all together, and one question."""
        undecided, application = self._undecided, self._application
        if application.one_by_one and len(self._pending) > len(undecided):
            return  # the one before is not answered yet
        if self.transport.is_closing():  # nobody would read what it came to
            undecided.clear()
        while undecided:
            pending, request = undecided.popleft()
            try:
                application.handle(request, self, pending)
            except Exception as error:
                self._service.fault(error)
                self.answer(pending, application.fault())
            if undecided and (application.one_by_one or application.is_question(request)):
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
            self._since = self.loop.time()
            self._deadline = self.loop.call_later(self.limits.seconds, self._too_slow)

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        """The deadline is one for head and body; only whole `rate`s of bytes move it, so that a drip does not."""
        self._deadline = None
        left = self._since + self.limits.seconds + self._more // self.limits.rate - self.loop.time()
        if self._arriving and self._read_paused:  # it is this side that does not go on
            self._deadline = self.loop.call_later(self.limits.seconds, self._too_slow)
        elif self._arriving and left > 0:
            self._deadline = self.loop.call_later(left, self._too_slow)
        elif self._arriving:
            self._service.acts.acted(acts.SLOW, self.address)
            self._turn_away(limit.too_slow(self.limits))
        elif not self.transport.is_closing():
            self.transport.close()

    def _idled(self) -> None:
        """Kept is a connection that was used since this was asked last; one timer a connection, none a request."""
        busy = self._active or bool(self._pending)
        self._active = False
        self._idle = self.loop.call_later(self.limits.idle_seconds, self._idled)
        if self.transport.is_closing():
            self.reset()  # it closes since a while: what is left to send, nobody fetches
        elif not busy:
            self.transport.close()

    def _pause_reading(self) -> None:
        if not self._read_paused:
            self._read_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._read_paused:
            self._read_paused = False
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """The caller does not fetch its answers: nothing more is read from it, and it has not for ever."""
        self._write_paused = True
        self._pause_reading()
        self._stuck = self.loop.call_later(self.limits.seconds, self._unfetched)

    def is_full(self) -> bool:
        """The caller has to fetch some of its answer before more of it is written."""
        return self._write_paused

    def _unfetched(self) -> None:
        self._service.acts.acted(acts.UNFETCHED, self.address)
        self.reset()

    def resume_writing(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
        self._write_paused = False
        if not self._unread:
            self._resume_reading()
        self._go_on()
        self.writable()

    def reset(self) -> None:
        """End the connection at once, and forget what the system has not yet sent of the answers."""
        held = self.transport.get_extra_info("socket")
        if held is not None:  # else it has ended, and nobody was told
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()
        self._service.closed(self)

    def shutdown(self) -> None:
        """What was taken is answered; what is on its way here has a moment."""
        self._stopping = True
        self.loop.call_later(_STOP_WAIT, self._stop_if_idle)

    def _stop_if_idle(self) -> None:
        if not self._pending and not self.transport.is_closing():
            self.transport.close()

    # --- one request ---------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._deaf:
            return
        self._arriving = self._in_head = True
        self._url = b""
        self._size = 0  # of the body
        self._more = 0
        self._headers: Headers = []
        self._body: list[bytes] = []
        self._begun += 1
        if self._deadline is not None:
            self._in_time()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # what comes after the body is of no use here
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head = False
        if self._deaf:
            return
        head, body, expects, hosts = len(self._url), 0, False, 0
        for name, value in self._headers:
            head += len(name) + len(value)
            if name not in _JUDGED:
                continue
            if name == b"content-length":
                body = int(value)
            elif name == b"host":
                hosts += 1
            else:
                expects = True
        if head > self.limits.header_bytes or len(self._headers) > self.limits.headers:
            self._turn_away(limit.headers_too_large(self.limits))
        elif body > self.limits.body:
            self._turn_away(limit.body_too_large(self.limits))
        elif (version := self.parser.get_http_version()) not in _VERSIONS:
            self._turn_away(limit.unreadable())
        elif hosts != 1:
            self._turn_away(limit.not_one_host())
        else:
            self._begin(version, expects=expects)

    def _begin(self, version: str, *, expects: bool) -> None:
        url = self._url if self._url.startswith(b"/") else _of_absolute(self._url)
        method = self.parser.get_method()
        self._head = method == b"HEAD"
        self._request = self._application.request(method, url, self._headers, version)
        if expects and not self._pending and not self.transport.is_closing():
            self.transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        if self._deaf:
            return
        self._size += len(body)
        if self._size > self.limits.body:
            self._turn_away(limit.body_too_large(self.limits))
        elif self._place and not self._places.hold(self._place, len(body)):
            self._service.acts.acted(acts.MEMORY, self.address)
            self._turn_away(limit.too_much_held())
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self._arriving = False
        if self._deaf:
            return
        request, parser = self._request, self.parser
        request.body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        last = not parser.should_keep_alive() or parser.should_upgrade()
        pending = Pending(last=last, bare=self._head)
        if not self._pending and self._place:
            self._places.works(self._place)
        self._pending.append(pending)
        self._undecided.append((pending, request))

    # --- answers, in order ---------------------------------------------------------------------------------------

    def stream(self, pending: Pending, data: bytes) -> None:
        """A part of an answer of which more comes; the connection ends after it. Only where answers go one by one."""
        pending.last = True
        if not self.transport.is_closing():
            self.transport.write(data)

    def answer(self, pending: Pending, answer: Any) -> None:
        """The answer, or the rest of one that was begun. Only the first counts."""
        if pending.data is not None:
            return
        waiting = self._pending
        pending.last = pending.last or (self._stopping and pending is waiting[-1])
        date = self._service.date
        pending.data = self._application.encoded(answer, date, last=pending.last, bare=pending.bare)
        while waiting and (data := waiting[0].data) is not None:
            first = waiting.popleft()
            if self.transport.is_closing():
                continue
            self.transport.write(data)
            if first.last:
                self._hang_up(first)
        if not waiting:
            self._all_answered()
        elif self._application.one_by_one:
            self._go_on()

    def _all_answered(self) -> None:
        if self._place:
            self._places.waits(self._place)
        if self._unread:
            self._go_on()
        elif self._read_paused and not self._write_paused and not self.transport.is_closing():
            self._resume_reading()
        if self._stopping:
            self._stop_if_idle()

    def _hang_up(self, after: Pending) -> None:
        """Close at once where the caller is done; else let it read first why its request was turned away."""
        if after.turned_away:
            self._lingering = True
            self._resume_reading()
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
        pending = Pending(last=True, turned_away=True)
        self._pending.append(pending)
        self.answer(pending, self._application.refused(refusal))


def _of_absolute(url: bytes) -> bytes:
    """The path of a request line that names the whole address, as to a proxy (RFC 9112, section 3.2.2)."""
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return url  # of OPTIONS * or CONNECT: nothing is at such a path
    return (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"")
