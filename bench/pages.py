"""The site's pages: what License Management costs with a full ledger against a freshly licensed site, and what pages
and bots cost each other.
"""

import http.client
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import httpx
from tests.room.site import Pages, serve
from tests.support.own_site import engine_of, licensed_site
from tests.support.vendor_simulator import METRICS, Vendor

from bench.ledger import RECORDS, hold
from bench.measure import Row, at_most, figure, in_turn, ratio_at_least, ratio_at_most
from bench.place import PAGES, SEATS, Place, Running
from carnet.control_room.engine.engine import QueuedCommand
from carnet.control_room.engine.sqlite import SqliteStore
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.wiring import Site

HELD, USERS_HELD = 10_000, 100_000
TIMES = 31
ROUNDS, SECONDS, EACH = 5, 6.0, 0.2  # a page each 0.2 seconds
PATH = "/"
Runs = list[dict[str, float]]


def rows(folder: Path) -> Iterator[Row]:
    with _served(folder / "full", full=True) as full:
        with _served(folder / "new", full=False) as new:
            yield _growing(full, new)
        yield from _together(full)


def _growing(full: Pages, new: Pages) -> Row:
    name = f"License Management, {RECORDS:,} records, {HELD:,} seats, {USERS_HELD:,} users, against a new site"
    slow, quick = in_turn([partial(_Viewer(site).look) for site in (full, new)], TIMES)
    return ratio_at_most(name, slow * 1000, "ms", quick * 1000, 2)


def _together(site: Pages) -> Iterator[Row]:
    """Rounds with and without pages in turn, so that a machine that slows down slows them all."""
    place, rest = Place(site.folder), Running(site.port, site.process.process.pid, 0)
    load = partial(rest.load, place, 64, SECONDS, "--seats", SEATS)
    load()  # one that does not count
    alone: Runs = []
    beside: Runs = []
    pages: list[list[float]] = []
    for _ in range(ROUNDS):
        alone.append(load())
        with _looked_at(site) as taken:
            beside.append(load())
        pages.append(sorted(taken))
    asked = f"{1 / EACH:g} pages a second"
    p95 = statistics.median(each[len(each) * 95 // 100] for each in pages) * 1000
    yield at_most(f"{asked} while 64 connections acquire + release: the page, p95", p95, "ms", 500)
    yield figure("the same, p50", statistics.median(each[len(each) // 2] for each in pages) * 1000, "ms")
    rates, tails = ((_middle(beside, what), _middle(alone, what)) for what in ("rate", "p99"))
    yield ratio_at_least(
        f"acquire + release at 64 connections beside {asked}, against alone", rates[0], "1/s", rates[1], 0.8
    )
    yield ratio_at_most(f"its p99 beside {asked}, against alone", tails[0], "ms", tails[1], 2)
    yield at_most("answers that were none", sum(run["wrong"] for run in (*alone, *beside)), "", 0)


def _middle(runs: Runs, what: str) -> float:
    return statistics.median(run[what] for run in runs)


class _Viewer:
    """Somebody's browser: one connection that stays, for each thread that looks."""

    def __init__(self, site: Pages) -> None:
        self._cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in site.browser("viewer").cookies.jar)
        self._where, self._own = httpx.URL(site.address), threading.local()

    def look(self) -> None:
        if not hasattr(self._own, "connection"):
            self._own.connection = http.client.HTTPConnection(self._where.host, self._where.port or 80, timeout=60)
        connection = self._own.connection
        try:
            connection.request("GET", PATH, headers={"Cookie": self._cookie, "Accept": "text/html"})
            answer = connection.getresponse()
        except http.client.RemoteDisconnected:  # it was idle for too long
            connection.close()
            return self.look()
        answer.read()
        assert answer.status == 200, answer.status
        return None


@contextmanager
def _looked_at(site: Pages) -> Iterator[list[float]]:
    """Pages opened at a steady pace; how long each took, from when it was due. One that is late holds up no other."""
    viewer, taken, over = _Viewer(site), list[float](), threading.Event()
    start = time.perf_counter()

    def open_at(due: float) -> None:
        viewer.look()
        taken.append(time.perf_counter() - due)

    def go_on() -> None:
        count = 0
        while not over.wait(max(0.0, start + count * EACH - time.perf_counter())):
            asked.append(pool.submit(open_at, start + count * EACH))
            count += 1

    asked: list[object] = []
    with ThreadPoolExecutor(16) as pool:
        pacing = threading.Thread(target=go_on)
        pacing.start()
        yield taken
        over.set()
        pacing.join()
    for each in asked:
        each.result()  # type: ignore[attr-defined]


@contextmanager
def _served(folder: Path, *, full: bool) -> Iterator[Pages]:
    vendor = Vendor("bench")
    own = licensed_site(folder, dict.fromkeys(METRICS, 2**40), vendor)
    (folder / "api-key").write_text(own.key)
    if full:
        with closing(SqliteStore.open(folder, writing=True)) as store:
            engine, reading = engine_of(own, store), Site(folder).reading()
            hold(engine, reading, HELD, USERS_HELD)
            while (left := RECORDS - engine.checkpoint.size) > 0:
                engine.execute_all([QueuedCommand(ConsumeUnits(PAGES, 1), "bench")] * min(left, 5000), reading)
            engine.keep_snapshot(every=1)
    site = serve(own, vendor)
    try:
        yield site
    finally:
        site.end()


if __name__ == "__main__":
    import tempfile

    from rich.console import Console

    with tempfile.TemporaryDirectory() as place:
        for row in rows(Path(place)):
            Console().print(f"{row.name}: {row.value:,} {row.unit}, ratio {row.ratio}, met {row.met}")
