"""A load client: one process, one thread, N keep-alive connections, each with one request under way.

It must cost less than the server that it drives, so it speaks just enough HTTP, on bare sockets. Prints one line of
JSON: requests a second, latencies in milliseconds, and how many answers were not 200.

    python -m bench.load --port 8650 --connections 64 --seconds 2 --seats unattended-bot-runner --api-key-file FILE
"""

import argparse
import json
import select
import socket
import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path

_LENGTH = b"content-length: "
_LEASE = b'"lease_id":"'


@dataclass
class Asking:
    """What a connection asks next: bytes to send, made of the answer before."""

    head: bytes  # of every request, up to its idempotency key
    product: str = ""
    batch: int = 1
    keys: bool = True

    def next(self, name: str, number: int, body: bytes) -> bytes:
        raise NotImplementedError


class Seats(Asking):
    """Acquire, release, acquire, … each with a key of its own, as the SDK sends it."""

    def next(self, name: str, number: int, body: bytes) -> bytes:
        place = body.find(_LEASE)
        if number % 2 == 0 or place < 0:
            return self._post(b"acquire", name, number, f'{{"sku":"{self.product}","holder":"{name}"}}'.encode())
        lease = body[place + len(_LEASE) : place + len(_LEASE) + 36]
        return self._post(b"release", name, number, b'{"lease_id":"' + lease + b'"}')

    def _post(self, what: bytes, name: str, number: int, body: bytes) -> bytes:
        key = f"Idempotency-Key: {name}-{number}\r\n".encode() if self.keys else b""
        head = b"POST /api/v1/seats/%s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n"
        return head % (what, self.head, key, len(body)) + body


class Batches(Asking):
    """Requests of many commands each: units consumed, one by one."""

    def next(self, name: str, number: int, body: bytes) -> bytes:
        commands = ",".join(
            f'{{"do":"units/consume","key":"{name}-{number}-{place}","sku":"{self.product}","units":1}}'
            for place in range(self.batch)
        )
        body = f'{{"commands":[{commands}]}}'.encode()
        return b"POST /api/v1/batch HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s" % (self.head, len(body), body)


@dataclass
class Connection:
    name: str
    socket: socket.socket
    number: int = 0
    sent_at: float = 0.0
    buffer: bytes = b""


@dataclass
class Load:
    host: str
    port: int
    asking: Asking
    run: str  # makes names differ from run to run
    tls: ssl.SSLContext | None = None
    taken: list[float] = field(default_factory=list)  # seconds
    count: int = 0
    wrong: int = 0
    first: float = 0.0  # when the last connection had its first reply, in seconds
    second: float = 0.0  # the longest wait for a second reply

    def drive(self, connections: int, seconds: float) -> float:
        poll, open_ = select.epoll(), {}
        start = time.perf_counter()
        for number in range(connections):
            made = self._connect(f"{self.run}-{number}")
            open_[made.socket.fileno()] = made
            poll.register(made.socket, select.EPOLLIN)
        for made in open_.values():
            self._send(made, b"")
        end = start + seconds
        under_way = len(open_)
        while under_way:
            for handle, _ in poll.poll(5):
                made = open_[handle]
                body = self._received(made)
                if body is None:
                    continue
                now = time.perf_counter()
                made.number += 1
                if made.number == 1:
                    self.first = now - start  # how all come at once is told by itself, and not among the latencies
                else:
                    self.taken.append(now - made.sent_at)
                if made.number == 2:
                    self.second = max(self.second, now - made.sent_at)
                self.count += 1
                if now < end:
                    self._send(made, body)
                else:
                    poll.unregister(handle)
                    under_way -= 1
        took = time.perf_counter() - start
        for made in open_.values():
            made.socket.close()
        return took

    def _connect(self, name: str) -> Connection:
        made = socket.create_connection((self.host, self.port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            made = self.tls.wrap_socket(made, server_hostname=self.host)
        return Connection(name, made)

    def _send(self, made: Connection, body: bytes) -> None:
        request = self.asking.next(made.name, made.number, body)
        made.sent_at = time.perf_counter()
        made.socket.sendall(request)

    def _received(self, made: Connection) -> bytes | None:
        """The body, once it is whole."""
        data = made.buffer + made.socket.recv(65536)
        head = data.find(b"\r\n\r\n")
        if head >= 0:
            place = data.lower().find(_LENGTH, 0, head) + len(_LENGTH)
            length = int(data[place : data.index(b"\r", place)])
            if len(data) >= head + 4 + length:
                made.buffer = b""
                self.wrong += not data.startswith(b"HTTP/1.1 200")
                return data[head + 4 :]
        made.buffer = data
        return None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seats", default="")
    parser.add_argument("--no-keys", action="store_true")
    parser.add_argument("--batch", default="")
    parser.add_argument("--of", type=int, default=50)
    parser.add_argument("--api-key-file", type=Path)
    parser.add_argument("--ca", type=Path, help="over TLS, with this certificate")
    given = parser.parse_args()
    key = given.api_key_file.read_text().strip() if given.api_key_file else ""
    head = f"Host: bench\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n".encode()
    asking: Asking = Seats(head, given.seats, keys=not given.no_keys)
    if given.batch:
        asking = Batches(head, given.batch, given.of)
    tls = ssl.create_default_context(cafile=given.ca) if given.ca else None
    load = Load(given.host, given.port, asking, f"{time.time_ns():x}", tls)
    took = load.drive(given.connections, given.seconds)
    print(json.dumps(_summary(load, took)))


def _summary(load: Load, took: float) -> dict[str, float]:
    taken = sorted(load.taken)
    return {
        "rate": load.count / took,
        "count": load.count,
        "p50": taken[len(taken) // 2] * 1000,
        "p99": taken[len(taken) * 99 // 100] * 1000,
        "max": taken[-1] * 1000,
        "wrong": load.wrong,
        "first": load.first * 1000,
        "second": load.second * 1000,
    }


if __name__ == "__main__":
    main()
