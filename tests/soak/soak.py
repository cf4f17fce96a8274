"""A Control Room under mixed load for as long as it is told: killed, stopped, rebooted, its clock moved under it, and
licensed anew by a real CALM in between; then everybody's books are laid side by side.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, cast

from msgspec import to_builtins

from carnet.control_room.ledger.verify import verify
from carnet.control_room.wiring import evidence_of
from carnet.exchange.license_file_request import LineTotals, read_lfr
from carnet.exchange.verdicts import Refusal
from carnet.merkle import Checkpoint
from carnet.sdk import Client
from tests.journeys.commands import FEATURE, PAGES, SEATS, USERS, Story, begin
from tests.room.site import free_port
from tests.soak import server
from tests.soak.bots import Books, Bot
from tests.support.own_site import ServeProcess

BOTS = 8
BOUGHT = {USERS: 1_000_000, SEATS: 1_000, PAGES: 1_000_000_000, FEATURE: 1}
STANDARD = {USERS: 1_000, SEATS: 50, PAGES: 500_000_000, FEATURE: 1}
BACK, AHEAD = -3 * 86_400, 55 * 60  # seconds by which the clock is off: two honest clocks differ by an hour (E5)
BETWEEN = (50, 400)  # answers between two blows


@dataclass(frozen=True)
class Totals:
    """What the soak counts, as somebody has it."""

    consumed: int
    seats: int
    users: int

    @classmethod
    def of_lines(cls, lines: Sequence[Any]) -> Totals:
        """Of an LFR's totals, read from the file or told by CALM."""
        told = [to_builtins(line) if isinstance(line, LineTotals) else line for line in lines]

        def sum_of(sku: str, what: str) -> int:
            return sum(line[what] for line in told if line["sku"] == sku)

        return cls(sum_of(PAGES, "consumed"), sum_of(SEATS, "in_use"), sum_of(USERS, "in_use"))


class Pace:
    """Waits for the bots' progress: how often they were answered."""

    def __init__(self) -> None:
        self._changed, self._count = threading.Condition(), 0

    def tick(self) -> None:
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait_for(self, more: int) -> None:
        with self._changed:
            goal = self._count + more
            assert self._changed.wait_for(lambda: self._count >= goal, 120), "the bots get no answers"


class Soak:
    def __init__(self, folder: Path, seed: str) -> None:
        self.story: Story = begin(folder, BOUGHT, STANDARD)
        self.random, self.counts, self.pace = Random(seed), Counter[str](), Pace()
        self.folder, self.port = self.story.site.data, free_port()
        self.boot, self.earlier = 1, cast("Checkpoint | None", None)
        may = ("--may", "take", "--may", "assign", "--may", "read", "--all-products")
        self.key = self.story.site("api-key", "create", "--name", "bots", *may)["key"]
        self.url, self.up = f"http://127.0.0.1:{self.port}", threading.Event()
        self.bots = [Bot(number, self.url, self.key, seed, self.up, self.pace.tick) for number in range(BOTS)]

    # --- the course -----------------------------------------------------------------------------------------------

    def run(self, going_on: Callable[[], bool]) -> Books:
        """One round of everything at the least, in any order; more rounds while `going_on`. What all bots were told."""
        self._set_machine()
        self._start()
        try:
            for bot in self.bots:
                bot.start()
            self._round()
            while going_on():
                self._round()
        finally:
            books = self._end()
        assert not (failed := [bot.failed for bot in self.bots if bot.failed]), failed
        return books

    def _round(self) -> None:
        blows = [self._kill, self._kill, self._stop, self._jump, self._jump, self._reboot, self._look]
        self.random.shuffle(blows)
        blows.insert(len(blows) // 2, self._license_anew)
        for blow in blows:
            self.pace.wait_for(self.random.randint(*BETWEEN))
            assert not any(bot.failed for bot in self.bots)
            blow()
            self.counts[blow.__name__.lstrip("_")] += 1

    def _end(self) -> Books:
        """Each bot ends once it knows what became of what it asked."""
        books = Books()
        for bot in self.bots:
            bot.ending.set()
        for bot in self.bots:
            bot.join(120)
            books.add(bot.books)
        return books

    # --- blows ----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        options = ("--no-pages", "--port", str(self.port))
        self.server = ServeProcess(self.folder, options=options, program=(server.__file__,))
        self.server.wait()
        self.up.set()

    def _kill(self) -> None:
        self._end_server(self.server.kill)
        self._start()

    def _stop(self) -> None:
        self._end_server(lambda: self._exit_code(0))
        self._start()

    def _exit_code(self, code: int) -> None:
        assert self.server.stop() == code, self.server.log

    def _reboot(self) -> None:
        """A machine that crashed comes up again with another clock."""
        self._end_server(self.server.kill)
        self.boot += 1
        self._set_machine(self.random.randint(BACK, AHEAD))
        self._start()

    def _end_server(self, how: Callable[[], None]) -> None:
        self.up.clear()
        how()
        self.server.end()

    def _jump(self) -> None:
        self._set_machine(self.random.choice([self.random.randint(BACK, 0), self.random.randint(0, AHEAD)]))

    def _set_machine(self, ahead: int = 0) -> None:
        server.set_machine(self.folder, ahead=ahead, boot=f"boot-{self.boot}")

    def _license_anew(self) -> None:
        """An LFR, its OLF with other quantities, installed: while the bots go on."""
        self.story.license(
            unattended_bot_runner=self.random.randint(165, 200), bot_creator=self.random.randint(200, 900)
        )

    def _look(self) -> None:
        """The ledger holds, and goes on from where it was seen last."""
        self.earlier = self.verified()

    # --- the end --------------------------------------------------------------------------------------------------

    def verified(self) -> Checkpoint:
        with self.story.site._world(self.folder)._store(writing=False) as (store, keys):
            report = verify(evidence_of(store, keys.masters, self.earlier))
        assert report.holds, report
        return Checkpoint(report.size, bytes.fromhex(report.root))

    def by_the_server(self) -> tuple[Totals, Any]:
        """What it answers over HTTP, and to the command line."""
        with Client(self.url, self.key) as client:
            usage, status = client.usage(), self.story.state()
        mine = {product.sku: product for product in usage.products}
        told = {product["sku"]: product for product in status["products"]}
        for sku, product in mine.items():
            assert (product.consumed, product.in_use) == (told[sku]["consumed"], told[sku]["in_use"])
        return Totals(mine[PAGES].consumed, mine[SEATS].in_use, mine[USERS].in_use), usage

    def by_the_files(self) -> tuple[Totals, Totals, int]:
        """By a new LFR, by CALM's answer to it, and the units that CALM counts from then on."""
        file = Path(self.story.ask())
        read = read_lfr(file.read_bytes())
        assert not isinstance(read, Refusal), read
        stated = Totals.of_lines(read.lfr.totals.record.body.lines)
        accepted = self.story.calm("request", "accept", str(file), "--guid", "Oslo")
        counted = self.story.calm("control-room", "show", "Oslo")["counted"]
        units = sum(one["consumed"] for one in counted if one["sku"] == PAGES)
        return stated, Totals.of_lines(accepted["in_use"]), units

    def close(self) -> None:
        self.server.end()
