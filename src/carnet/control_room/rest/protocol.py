"""The door on the network: what a connection (`carnet.edge.connection`) asks of it, and its answers as HTTP/1.1."""

from functools import cache, partial
from http import HTTPStatus

from carnet.control_room.rest import problems
from carnet.control_room.rest.door import Door
from carnet.control_room.rest.message import Answer, Request, request_of
from carnet.edge.connection import Connection
from carnet.edge.prefix import stripped
from carnet.edge.service import Headers, Pending
from carnet.exchange.verdicts import Refusal

_CLOSE = b"connection: close\r\n"


def encoded(answer: Answer, date: bytes, *, last: bool, bare: bool = False) -> bytes:
    """The answer as HTTP/1.1. Put together by hand: it is done for every request. `date` is a whole header line."""
    head = _head(answer.status, answer.kind) + date
    for name, value in answer.headers:
        head += name + b": " + value + b"\r\n"
    if answer.checkpoint:
        head += b"carnet-checkpoint: " + answer.checkpoint.encode() + b"\r\n"
    if last:
        head += _CLOSE
    return b"%bcontent-length: %d\r\n\r\n%b" % (head, len(answer.body), b"" if bare else answer.body)


@cache
def _head(status: int, kind: bytes) -> bytes:
    line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    return line + b"content-type: " + kind + b"\r\ncache-control: no-store\r\n"


class DoorOnTheNetwork:
    """No task and no future is made for a request: the door's answer is a callback."""

    one_by_one = False
    encoded = staticmethod(encoded)

    def __init__(self, door: Door, prefix: str = "") -> None:
        self._door, self._prefix = door, prefix.encode()
        door.prefix = prefix

    def request(self, method: bytes, url: bytes, headers: Headers, version: str) -> Request:
        return request_of(method, stripped(url, self._prefix) if self._prefix else url, headers, version)

    def handle(self, request: Request, connection: Connection, pending: Pending) -> None:
        self._door.handle(request, partial(connection.answer, pending))

    def is_question(self, request: Request) -> bool:
        return self._door.is_question(request.path)

    def refused(self, refusal: Refusal) -> Answer:
        return problems.refused(refusal)

    def fault(self) -> Answer:
        return problems.fault()
