"""Granting beside one machine that holds connections without a key: at half the speed at least, in the same run."""

import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.certificates import self_signed

from bench.measure import Row, at_most, ratio_at_least
from bench.place import ROOT, SEATS, Place, Running, licensed, served

ROUNDS, SECONDS, BOTS = 3, 2.0, 64
WAYS = (
    ("kept", 1_000, "1,000 kept connections"),
    ("head", 1_000, "1,000 dripping heads"),
    ("body", 1_000, "1,000 dripping bodies"),
)
MUTE = ("mute", 5_200, "5,200 mute connections, over TLS")


def rows(folder: Path) -> Iterator[Row]:
    place = licensed(folder / "site")
    with served(place) as site:
        site.load(place, BOTS, 1, "--seats", SEATS)  # one that does not count
        for way in WAYS:
            yield from _beside(place, site, way)
    certificate, key = self_signed(folder)
    with served(place, "--certificate", str(certificate), "--private-key", str(key)) as site:
        site.load(place, BOTS, 1, "--seats", SEATS, "--ca", str(certificate))
        yield from _beside(place, site, MUTE, "--ca", str(certificate))


def _beside(place: Place, site: Running, way: tuple[str, int, str], *words: str) -> Iterator[Row]:
    how, connections, says = way
    alone, beside = [], []
    for _ in range(ROUNDS):
        alone.append(site.load(place, BOTS, SECONDS, "--seats", SEATS, *words))
        with _attacked(site, how, connections):
            beside.append(site.load(place, BOTS, SECONDS, "--seats", SEATS, *words))
    rate, peer = (statistics.median(run["rate"] for run in runs) for runs in (beside, alone))
    name = f"acquire + release at {BOTS} connections beside {says}, against alone"
    yield ratio_at_least(name, rate, "1/s", peer, 0.5)
    yield at_most(f"answers that were none, beside {says}", sum(run["wrong"] for run in (*alone, *beside)), "", 0)


@contextmanager
def _attacked(site: Running, how: str, connections: int) -> Iterator[None]:
    words = ["--port", str(site.port), "--connections", str(connections), "--how", how]
    process = subprocess.Popen([sys.executable, "-m", "bench.attack", *words], cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout
        assert process.stdout.readline() == b"holding\n"
        yield
    finally:
        process.kill()
        process.communicate()
