"""The portal: how long until the first byte of each page, with 1,000 accounts, 10,000 Control Rooms and 100,000 cycles
against a hundredth of the accounts. Both are real servers, asked in turn, over one connection each.

What a page costs may grow with what it shows, but not with what else is stored: at most three times as much.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.measure import Row, figure, in_turn, ratio_at_most

ACCOUNTS, HUNDREDTH, ROOMS, CYCLES = 1000, 10, 10, 10
TIMES = 15
MOST = 3  # times what it costs with a hundredth

# Who looks, and where. Names in braces are those of `portal_make.places`.
VENDOR = [
    "/inbox/",
    "/inbox/approvals/{approval}/",
    "/accounts/",
    "/control-rooms/",
    "/control-rooms/{room}/write-off/",
    "/purchases/",
    "/purchases/{purchase}/lower/",
    "/expiring/",
    "/confirmations/",
    "/issuing-log/",
    "/audit-log/",
    "/keys/",
    "/catalogue/",
    "/staff/",
    "/settings/",
    "/refused/{refused}/",
]
CUSTOMER = [
    "/accounts/{account}/",
    "/accounts/{account}/control-rooms/",
    "/accounts/{account}/purchases/",
    "/accounts/{account}/files/",
    "/accounts/{account}/timeline/",
    "/accounts/{account}/approval/",
    "/accounts/{account}/people/",
    "/accounts/{account}/notices/",
    "/accounts/{account}/token/",
    "/guids/{guid}/",
    "/guids/{guid}/timeline/",
    "/guids/{guid}/usage/",
    "/guids/{guid}/files/{file}/",
    "/guids/{guid}/files/{file}/certificate/",
]
PAGES = [("operator", path) for path in VENDOR] + [("administrator", path) for path in CUSTOMER]


@dataclass
class Portal:
    """One of the two, as a browser of each role sees it."""

    port: int
    sessions: dict[str, str]
    places: dict[str, str]
    connection: http.client.HTTPConnection

    def first_byte(self, role: str, path: str) -> int:
        """The status. The body is read too, so that the connection is free for the next."""
        headers = {"Cookie": f"calm_session={self.sessions[role]}"}
        try:
            self.connection.request("GET", path.format(**self.places), headers=headers)
            answer = self.connection.getresponse()
        except http.client.RemoteDisconnected:  # it was idle for too long
            self.connection.close()
            return self.first_byte(role, path)
        answer.read()
        return answer.status


def rows(folder: Path) -> Iterator[Row]:
    with ExitStack() as stack:
        start = time.perf_counter()
        big = stack.enter_context(served(folder / "big", ACCOUNTS))
        yield figure(f"a CALM with {ACCOUNTS * ROOMS * CYCLES:,} cycles made", time.perf_counter() - start, "s")
        small = stack.enter_context(served(folder / "small", HUNDREDTH))
        for role, path in PAGES:
            yield measured(big, small, role, path)


def measured(big: Portal, small: Portal, role: str, path: str) -> Row:
    name = f"{path} to its last byte, {ACCOUNTS:,} accounts against {HUNDREDTH}"
    answers = {portal.first_byte(role, path) for portal in (big, small)}
    if answers != {200}:
        return Row(f"{path} answered {answers}", 0, "ms", None, None, "a page", met=False)
    works = [partial(portal.first_byte, role, path) for portal in (big, small)]
    slow, quick = in_turn(works, TIMES)
    return ratio_at_most(name, slow * 1000, "ms", quick * 1000, MOST)


@contextmanager
def served(folder: Path, accounts: int) -> Iterator[Portal]:
    made = _made(folder, accounts)
    port = _free_port()
    options = ("--plain-http", "--optional-second-factor", "--workers", "1", "--bind", f"127.0.0.1:{port}")
    command = [_calm(), "serve", "--data", str(folder), *options]
    log = (folder / "serve.log").open("w")
    with log, subprocess.Popen(command, stdout=log, stderr=log, env=_environment()) as process:
        try:
            yield Portal(port, made["sessions"], made["places"], _connected(port))
        finally:
            process.terminate()


def _made(folder: Path, accounts: int) -> dict[str, dict[str, str]]:
    size = ("--accounts", str(accounts), "--rooms", str(ROOMS), "--cycles", str(CYCLES))
    command = [sys.executable, "-m", "bench.portal_make", str(folder), *size]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=_environment())
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


def _environment() -> dict[str, str]:
    """Without what the other measurements, or this machine, say of databases."""
    ours = ("DJANGO_SETTINGS_MODULE", "CARNET_CALM_DATA", "DATABASE_URL")
    return {name: value for name, value in os.environ.items() if name not in ours}


def _calm() -> str:
    return str(Path(sys.executable).with_name("calm"))


def _connected(port: int) -> http.client.HTTPConnection:
    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.connect()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return connection
    raise TimeoutError("calm serve does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    import tempfile

    from rich.console import Console

    with tempfile.TemporaryDirectory() as place:
        for row in rows(Path(place)):
            Console().print(f"{row.name}: {row.value:,} {row.unit}, ratio {row.ratio}")
