"""HTTP/1.1 by hand, for tests of what a well-behaved client never does."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Wire:
    """One connection. `read` takes one reply off it; `ended` says whether the server has hung up."""

    def __init__(self, port: int, seconds: float = 5) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._left = b""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def read(self) -> Reply:
        while b"\r\n\r\n" not in self._left:
            self._more()
        head, self._left = self._left.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        size = int(headers.get("content-length", 0))
        while len(self._left) < size:
            self._more()
        body, self._left = self._left[:size], self._left[size:]
        return Reply(int(first.split()[1]), headers, body)

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("the server has hung up")
        self._left += data

    def rest(self) -> bytes:
        """All that still comes, until the server hangs up."""
        while data := self.socket.recv(65536):
            self._left += data
        return self._left

    def ended(self) -> bool:
        try:
            return self._left == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True


def request(path: str, key: str = "", body: bytes = b"", method: str = "", headers: tuple[str, ...] = ()) -> bytes:
    method = method or ("POST" if body else "GET")
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    if key:
        lines.append(f"Authorization: Bearer {key}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
