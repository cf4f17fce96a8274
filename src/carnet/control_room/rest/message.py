"""What goes into the door and comes out of it. It knows no connection."""

from collections.abc import Callable, Iterable

import msgspec

JSON, PROBLEM, TEXT = b"application/json", b"application/problem+json", b"text/plain; version=0.0.4; charset=utf-8"
Headers = tuple[tuple[bytes, bytes], ...]
_READ = {b"authorization": "authorization", b"idempotency-key": "key", b"carnet-checkpoint": "checkpoint"}


class Request(msgspec.Struct):
    """One request, whole. A header that came more than once is in `twice`: it could mean one thing or another."""

    method: bytes
    path: bytes  # as it was sent, with its query
    body: bytes = b""
    authorization: bytes | None = None
    key: bytes | None = None  # Idempotency-Key
    checkpoint: bytes | None = None  # Carnet-Checkpoint
    twice: bytes = b""


def request_of(method: bytes, path: bytes, headers: Iterable[tuple[bytes, bytes]], _version: str = "") -> Request:
    """`headers` have names in lower case."""
    request = Request(method, path)
    for name, value in headers:
        field = _READ.get(name)
        if field:
            if getattr(request, field) is not None:
                request.twice = name
            setattr(request, field, value)
    return request


class Answer(msgspec.Struct):
    status: int
    body: bytes
    kind: bytes = JSON
    checkpoint: str = ""  # empty: it is not for this caller
    headers: Headers = ()


Reply = Callable[[Answer], None]
