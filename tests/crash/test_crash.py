"""G4, G5, L1: a server under load is killed, again and again, on the same folder.

A few times in each run, and 200 in `make test-deep`; CARNET_SEED says at which instants.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from tests.crash.audit import Auditor
from tests.crash.load import PAGES, QUANTITIES, SEATS, USERS, Caller, Load
from tests.support import depth
from tests.support.own_site import OwnSite, ServeProcess, licensed_site

KILLS, SEED = depth.times(5, 200), depth.seed()
CALLERS = 64
MANY = 100  # kills: from here on, chance must have hit what it is meant to hit


@dataclass
class Run:
    site: OwnSite
    random: Random
    callers: list[Caller]
    auditor: Auditor
    counts: Counter[str] = field(default_factory=Counter)

    def killed(self) -> None:
        """Start, ask, kill; then look at what is there."""
        server = ServeProcess(self.site.folder)
        try:
            self._look()  # while it starts: it changes nothing before it is asked for something
            port = server.wait()
            what, left = self.random.choice(["answered", "answered", "sent"]), self.random.randint(0, 300)

            def tick(happened: str) -> None:
                nonlocal left
                left -= happened == what
                if left < 0:
                    server.kill()

            load = Load(port, self.site.key, tick)
            asyncio.run(load.run(self.callers))
        finally:
            server.end()
        assert server.process.returncode == -9, server.log
        self._count(load)

    def _count(self, load: Load) -> None:
        self.auditor.hear(load.answered)
        self.counts["kills"] += 1
        self.counts["answered"] += len(load.answered)
        self.counts["answered to a repeated request"] += sum(asked.tries > 1 for asked in load.answered)

    def _look(self) -> None:
        unanswered = [caller.pending for caller in self.callers if caller.pending]
        self.auditor.look()
        done, lost = self.auditor.judge(unanswered)
        self.counts["unanswered and done"] += done
        self.counts["unanswered and not done"] += lost
        self.counts["kills amid requests"] += bool(unanswered)
        self.counts["kills after a commit that was not told"] += bool(done)
        self.counts["kills before a commit"] += bool(lost)

    def last(self) -> None:
        """Start once more: all that got no answer gets one. The server knows what the ledger says; it ends in peace."""
        server = ServeProcess(self.site.folder)
        try:
            self._look()
            load = Load(server.wait(), self.site.key, lambda _: None, going=lambda caller: caller.pending is not None)
            asyncio.run(load.run(self.callers))
            assert not [caller.pending for caller in self.callers if caller.pending]
            self._count(load)
            self.counts["kills"] -= 1
            self._compare(load.port)
            assert server.stop() == 0
        finally:
            server.end()
        self._look()
        assert not self.auditor.promised, "each that was done got its answer"

    def _usage(self, port: int, headers: dict[str, str], after: str) -> Any:
        where, asked = f"http://127.0.0.1:{port}/api/v1/usage", {"after": after} if after else {}
        return httpx.get(where, params=asked, headers=headers, trust_env=False, timeout=30).json()

    def _compare(self, port: int) -> None:
        self.auditor.look()
        ledger = self.auditor.ledger
        headers = {"authorization": f"Bearer {self.site.key}"}
        usage = page = self._usage(port, headers, "")
        holders = list(page["holders"])
        while page["next"]:
            page = self._usage(port, headers, page["next"])
            holders += page["holders"]
        products = {product["sku"]: product for product in usage["products"]}
        assert products[PAGES]["consumed"] == ledger.consumed == self.auditor.units
        held = {holder["lease_id"]: holder["holder"] for holder in holders if holder["sku"] == SEATS}
        assert held == ledger.held
        assert len(held) <= QUANTITIES[SEATS]
        assert {holder["holder"] for holder in holders if holder["sku"] == USERS} == ledger.users


@pytest.mark.rule("G4", "G5", "L1")
def test_killed_again_and_again_under_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every acknowledged change is there, nothing unacknowledged is half there, and asking again gets the first
    answer."""
    site = licensed_site(tmp_path / "site", QUANTITIES)
    auditor = Auditor(site)
    auditor.look()
    run = Run(site, Random(SEED), [Caller(number, Random(f"{SEED}/{number}")) for number in range(CALLERS)], auditor)
    for _ in range(KILLS):
        run.killed()
    run.last()
    counts = run.counts
    if KILLS >= MANY:
        with capsys.disabled():
            print(f"\n{dict(counts)}; {auditor.ledger.size} records")
        assert counts["kills after a commit that was not told"] > KILLS // 10
        assert counts["kills before a commit"] > KILLS // 10
        assert counts["unanswered and done"] > KILLS
    assert counts["kills"] == KILLS
    assert counts["kills amid requests"] > KILLS // 2
    assert counts["answered to a repeated request"] > 0
