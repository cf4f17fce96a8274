"""From a connection to a WSGI application and back (PEP 3333). A thread works on a request once all of it is here, and
is free again when its answer is handed over: how slow a client is costs no thread.

Only an answer that is longer than BUFFERED keeps its thread until most of it is fetched: exports, for people who are
signed in.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from carnet.edge.connection import Connection
from carnet.edge.prefix import stripped
from carnet.edge.service import Headers, Pending
from carnet.exchange.verdicts import Refusal
from carnet.rest_kit.problems import FAULT, STATUS
from carnet.server_log import shown_path

BUFFERED = 1024 * 1024  # bytes of an answer that wait in memory for the client to fetch them
PART = 64 * 1024  # bytes of a longer one that are handed over at a time
_OURS = {"connection", "transfer-encoding", "date"}  # headers that are the server's own matter
_NO_BODY = ("1", "204", "304")  # how such a status begins

Wsgi = Callable[..., Iterable[bytes]]
_faults = logging.getLogger("carnet.pages")
_requests = logging.getLogger("carnet.pages.requests")


@dataclass(slots=True)
class PageRequest:
    method: str
    url: bytes
    headers: Headers
    version: str
    body: bytes = b""

    @property
    def path(self) -> str:
        """As WSGI writes it: each character is a byte."""
        return unquote_to_bytes(self.url.partition(b"?")[0]).decode("latin-1")


@dataclass(slots=True)
class PageAnswer:
    status: str
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class _Rest:
    """What ends an answer that was streamed."""

    data: bytes


@dataclass(frozen=True)
class Gateway:
    """What the connections of one process share. `one_by_one`: a browser's acts happen in its order."""

    application: Wsgi
    threads: ThreadPoolExecutor
    secure: bool
    one_by_one: bool = True
    prefix: str = ""  # of the path, as `carnet.edge.prefix` has it

    def request(self, method: bytes, url: bytes, headers: Headers, version: str) -> PageRequest:
        return PageRequest(method.decode("latin-1"), url, headers, version)

    def handle(self, request: PageRequest, connection: Connection, pending: Pending) -> None:
        self.threads.submit(_Exchange(self, request, connection, pending).work)

    def is_question(self, request: PageRequest) -> bool:
        del request
        return True

    def encoded(self, answer: PageAnswer | _Rest, date: bytes, *, last: bool, bare: bool) -> bytes:
        if isinstance(answer, _Rest):
            return answer.data
        own = {name.lower() for name, _ in answer.headers}
        more = b"" if not last else b"connection: close\r\n"
        if "content-length" not in own and not answer.status.startswith(_NO_BODY):
            more += b"content-length: %d\r\n" % len(answer.body)
        return head(answer, date + more) + (b"" if bare else answer.body)

    def refused(self, refusal: Refusal) -> PageAnswer:
        status = STATUS[refusal.code]
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")]
        if status == 503:
            headers.append(("Retry-After", "1"))
        return PageAnswer(f"{status} {refusal.code}", headers, f"{refusal.message} {refusal.next}\n".encode())

    def fault(self) -> PageAnswer:
        return self.refused(FAULT)


def head(answer: PageAnswer, more: bytes) -> bytes:
    lines = [f"HTTP/1.1 {answer.status}"]
    lines += [f"{name}: {value}" for name, value in answer.headers if name.lower() not in _OURS]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("A header of an answer has a line break.")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n" + more + b"\r\n"


def environ_of(request: PageRequest, *, secure: bool, server: Any, client: Any, prefix: str = "") -> dict[str, Any]:
    """PEP 3333. Headers whose names have an underscore are left out: WSGI could not tell them from those with a dash,
    which a proxy sets."""
    found = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": prefix,
        "PATH_INFO": stripped(request.path.encode("latin-1"), prefix.encode()).decode("latin-1"),
        "QUERY_STRING": request.url.partition(b"?")[2].decode("latin-1"),
        "SERVER_NAME": str(server[0]),
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "REMOTE_ADDR": str(client[0]),
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if secure else "http",
        "wsgi.input": BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw, value in request.headers:
        if b"_" in raw or raw in (b"transfer-encoding", b"content-length"):
            continue
        name = raw.decode("latin-1").upper().replace("-", "_")
        key, text = name if name == "CONTENT_TYPE" else f"HTTP_{name}", value.decode("latin-1")
        between = "; " if name == "COOKIE" else ","
        found[key] = f"{found[key]}{between}{text}" if key in found else text
    if request.body:
        found["CONTENT_LENGTH"] = str(len(request.body))
    return found


@dataclass
class _Exchange:
    """One request, in its thread. What touches the connection is done in the event loop."""

    gateway: Gateway
    request: PageRequest
    connection: Connection
    pending: Pending
    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)
    size: int = 0
    sent: int = 0  # bytes that were streamed
    goes_on: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        loop = self.connection.loop
        began = loop.time()
        try:
            self._work()
        except _GoneError:
            return
        except Exception:
            _faults.exception("A request failed")
            self.status = "500"
            self._in_loop(self._failed)
        ms = round((loop.time() - began) * 1000, 1)
        fields = {
            "event": "request",
            "from": self._client()[0],
            "method": self.request.method,
            "path": shown_path(self.request.path),
            "status": int(self.status[:3]),
            "bytes": self.sent + self.size,
            "ms": ms,
        }
        _requests.info("request", extra={"fields": fields})

    def _client(self) -> Any:
        return self.connection.transport.get_extra_info("peername") or ("", 0)

    def _work(self) -> None:
        transport = self.connection.transport
        server = transport.get_extra_info("sockname") or ("", 0)
        gateway, client = self.gateway, self._client()
        environ = environ_of(self.request, secure=gateway.secure, server=server, client=client, prefix=gateway.prefix)
        result = gateway.application(environ, self._started)
        try:
            for data in result:
                self._take(data)
            self._finish()
        finally:
            if close := getattr(result, "close", None):
                close()

    def _started(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        if exc_info and self.sent:
            raise exc_info[1]
        head(PageAnswer(status, headers, b""), b"")  # what cannot be sent is this application's fault, here and now
        self.status, self.headers = status, headers
        return self._take

    def _take(self, data: bytes) -> None:
        self.kept.append(data)
        self.size += len(data)
        if self.size > (PART if self.sent else BUFFERED):
            self._stream()

    def _stream(self) -> None:
        """Hand over what is kept, and wait until the client has fetched enough."""
        data = b"".join(self.kept)
        first = not self.sent
        self.kept, self.size, self.sent = [], 0, self.sent + len(data)
        if self.request.method == "HEAD":
            data = b""
        elif self._is_chunked() and data:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if first:
            more = b"transfer-encoding: chunked\r\n" if self._is_chunked() else b""
            data = head(self._answer(b""), b"connection: close\r\n" + more) + data
        self.goes_on.clear()
        self._in_loop(self._put, data)
        self.goes_on.wait()
        if self.connection.transport.is_closing():
            raise _GoneError

    def _put(self, data: bytes) -> None:
        self.connection.writable = self._writable
        self.connection.stream(self.pending, data)
        if not self.connection.is_full():
            self.goes_on.set()

    def _writable(self) -> None:
        """Also where the connection has ended."""
        self.goes_on.set()

    def _is_chunked(self) -> bool:
        named = any(name.lower() == "content-length" for name, _ in self.headers)
        return self.request.version == "1.1" and not named

    def _finish(self) -> None:
        if not self.status:
            raise ValueError("The application answered nothing.")
        if not self.sent:
            self._in_loop(self.connection.answer, self.pending, self._answer(b"".join(self.kept)))
            return
        if self.kept:
            self._stream()
        ends = b"0\r\n\r\n" if self._is_chunked() and self.request.method != "HEAD" else b""
        self._in_loop(self.connection.answer, self.pending, _Rest(ends))

    def _answer(self, body: bytes) -> PageAnswer:
        return PageAnswer(self.status, self.headers, body)

    def _failed(self) -> None:
        if self.sent:
            self.connection.reset()  # an answer that is cut must not look whole
        else:
            self.connection.answer(self.pending, self.gateway.fault())

    def _in_loop(self, do: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it every connection
            self.connection.loop.call_soon_threadsafe(do, *arguments)
            return
        raise _GoneError


class _GoneError(Exception):
    """The client, or the server, has ended meanwhile."""
