"""G4: a running server's disk fills up under load, and is freed again. Nobody restarts anything."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from tests.crash.audit import Auditor
from tests.crash.load import PAGES, QUANTITIES, Asked, Caller, Load
from tests.support.own_site import OwnSite, ServeProcess, licensed_site

CALLERS = 8
LIMIT = 400 * 1024  # bytes of a file, or of what is free on the filesystem
MEBIBYTE = 1024 * 1024


@dataclass
class Place:
    """Where a server runs that will find no space: `free` gives it some, `folder` is what a look at it needs."""

    folder: Path
    before: Sequence[str] = ()  # words before the server's command

    def start(self, site: OwnSite) -> ServeProcess:
        return ServeProcess(site.folder, self.before)

    def free(self, server: ServeProcess) -> None:
        raise NotImplementedError


class SizeLimit(Place):
    """No file may grow beyond a size."""

    def free(self, server: ServeProcess) -> None:
        most = resource.RLIM_INFINITY
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, most))


class SmallFilesystem(Place):
    """A filesystem in memory, mounted where only the server sees it; a filler takes most of it until `free`."""

    def free(self, server: ServeProcess) -> None:
        (self.folder / "filler").unlink()


@contextmanager
def size_limit(site: OwnSite) -> Iterator[Place]:
    yield SizeLimit(site.folder, ["prlimit", f"--fsize={LIMIT}:unlimited"])


@contextmanager
def small_filesystem(site: OwnSite) -> Iterator[Place]:
    """The mount lives as long as a process that holds it; we look into it through /proc."""
    own = ["--map-root-user"] if os.getuid() else []
    size = 3 * MEBIBYTE
    mount = 'mount -t tmpfs -o size="$1" tmpfs "$2" && echo mounted && exec cat'
    words = ["unshare", *own, "--mount", "sh", "-c", mount, "sh", str(size), str(site.folder)]
    held = site.folder.with_name("held")
    shutil.copytree(site.folder, held)
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as holder:
        assert holder.stdout
        if holder.stdout.readline() != "mounted\n":
            pytest.skip("No filesystem can be mounted here: the limit on a file's size is tried in its place.")
        seen = Path(f"/proc/{holder.pid}/root{site.folder}")
        shutil.copytree(held, seen, dirs_exist_ok=True)
        seen.chmod(0o700)
        free = os.statvfs(seen).f_bavail * os.statvfs(seen).f_frsize
        (seen / "filler").write_bytes(bytes(free - LIMIT))
        enter = ["--user", "--preserve-credentials"] if own else []
        yield SmallFilesystem(seen, ["nsenter", *enter, "--mount", f"--target={holder.pid}", "--"])
        holder.stdin.close()  # type: ignore[union-attr]


@dataclass
class Patient(Load):
    """Callers that ask again, a little later, what was refused because the disk failed."""

    refused: list[dict[str, Any]] = field(default_factory=list)
    full: asyncio.Event = field(default_factory=asyncio.Event)
    left: int = -1  # answers after which all end; below 0: none

    @property
    def consumed(self) -> int:
        """Units that callers were told they consumed."""
        granted = [answer for asked in self.answered for answer in asked.granted.values()]
        return sum(answer["units"] for answer in granted if "owed" in answer)

    async def _call(self, caller: Caller) -> None:
        self.going = lambda _: self.left != 0
        await super()._call(caller)

    async def _take(self, caller: Caller, status: int, headers: dict[str, str], answer: Any) -> None:
        if status != 503:
            self.left -= self.left > 0
            await super()._take(caller, status, headers, answer)
            return
        self.refused.append(answer)
        assert headers["content-type"] == "application/problem+json"
        assert (answer["code"], headers["retry-after"]) == ("storage_failed", "1"), answer
        if len(self.refused) >= 5 * CALLERS:
            self.full.set()
        await asyncio.sleep(0.02)  # polling, less often than it could


async def until(load: Load, path: str, fits: Callable[[Any], bool]) -> Any:
    """What is answered here, once it fits: a small change may still find room where a large one found none."""
    headers = {"authorization": f"Bearer {load.key}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=20) as client, asyncio.timeout(20):
        while True:
            answer = await client.get(f"http://127.0.0.1:{load.port}{path}")
            if fits(answer.json()):
                assert answer.status_code == (503 if path == "/health" else 200)
                return answer.json()
            await asyncio.sleep(0.05)


async def hammered(load: Patient, callers: list[Caller], place: Place, server: ServeProcess) -> None:
    calling = asyncio.create_task(load.run(callers))
    await asyncio.wait_for(load.full.wait(), timeout=60)
    told = load.consumed
    status = await until(load, "/api/v1/status", lambda answer: "could not be written" in answer["storage"])
    consumed = next(each["consumed"] for each in status["products"] if each["sku"] == PAGES)
    assert consumed >= told, "what is durable is still told"
    health = await until(load, "/health", lambda answer: not answer["grants"])
    assert health["storage"]
    place.free(server)
    load.left = 50 * CALLERS
    await asyncio.wait_for(calling, timeout=60)
    assert load.left == 0, "it grants again, without a restart"
    await until(load, "/api/v1/status", lambda answer: not answer["storage"])


@pytest.mark.rule("G4", "G5", "L1", "storage_failed")
@pytest.mark.parametrize("make", [size_limit, small_filesystem])
def test_a_disk_that_fills_up_and_is_freed(tmp_path: Path, make: Any) -> None:
    site = licensed_site(tmp_path / "site", QUANTITIES)
    callers = [Caller(number, Random(f"full/{number}")) for number in range(CALLERS)]
    with make(site) as place:
        server = place.start(site)
        try:
            load = Patient(server.wait(), site.key, lambda _: None)
            asyncio.run(hammered(load, callers, place, server))
            assert server.stop() == 0, "".join(server.log)
        finally:
            server.end()
        shutil.copytree(place.folder, tmp_path / "after", ignore=shutil.ignore_patterns("engine.sock", "filler"))
    _audit(replace(site, folder=tmp_path / "after"), load.answered, [c.pending for c in callers if c.pending])


def _audit(site: OwnSite, answered: list[Asked], pending: list[Asked]) -> None:
    """Each that was refused for want of space was done once, or not at all."""
    auditor = Auditor(site)
    auditor.look()
    auditor.hear(answered)
    assert auditor.judge(pending) == (0, len(pending))
