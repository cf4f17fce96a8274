"""The door behind ASGI: the contract with any server. It reads a request whole, in bounds, and sends one answer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from carnet.control_room.rest import problems
from carnet.control_room.rest.door import Door
from carnet.control_room.rest.limits import Limits, body_too_large, headers_too_large
from carnet.control_room.rest.message import Answer, Request

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
READ = {b"authorization": "authorization", b"idempotency-key": "key", b"carnet-checkpoint": "checkpoint"}


class TooLarge(Exception):  # noqa: N818
    """The body is over its limit."""


class Application:
    def __init__(self, door: Door, limits: Limits, fault: Callable[[BaseException], None]) -> None:
        self._door, self._limits, self._fault = door, limits, fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError("only http is served")
        answer = await self._answer(scope, receive)
        if answer is not None:
            await _send(answer, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        headers = scope["headers"]
        size = sum(len(name) + len(value) for name, value in headers)
        if len(headers) > self._limits.headers or size > self._limits.header_bytes:
            return problems.refused(headers_too_large(self._limits))
        try:
            body = await self._body(receive)
        except TooLarge:
            return problems.refused(body_too_large(self._limits))
        if body is None:
            return None
        query = scope.get("query_string", b"")
        path = (scope.get("raw_path") or scope["path"].encode()) + (b"?" + query if query else b"")
        return await self._handle(request_of(scope["method"].encode(), path, headers, body))

    async def _body(self, receive: Receive) -> bytes | None:
        """None where the caller went away before all of it was there."""
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._limits.body:
                raise TooLarge
            more = message.get("more_body", False)
        return b"".join(parts)

    async def _handle(self, request: Request) -> Answer:
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def reply(answer: Answer) -> None:
            if not answered.done():  # the caller may have gone away
                answered.set_result(answer)

        try:
            self._door.handle(request, reply)
        except Exception as error:
            self._fault(error)
            return problems.fault()
        return await answered


def request_of(method: bytes, path: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes = b"") -> Request:
    """`headers` have names in lower case."""
    request = Request(method, path, body)
    for name, value in headers:
        field = READ.get(name)
        if field:
            if getattr(request, field) is not None:
                request.twice = name
            setattr(request, field, value)
    return request


async def _send(answer: Answer, send: Send) -> None:
    headers = [(b"content-type", answer.kind), (b"content-length", str(len(answer.body)).encode()), *answer.headers]
    headers.append((b"cache-control", b"no-store"))
    if answer.checkpoint:
        headers.append((b"carnet-checkpoint", answer.checkpoint.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
