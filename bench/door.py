"""Granting over HTTP: the real server, a load client on the same machine, and an empty handler as the limit."""

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.calm import _fdatasync as fdatasync
from bench.measure import Row, at_most, figure, ratio_at_least, ratio_at_most
from bench.place import FLOATING, PAGES, PEER, SEATS, Place, Running, licensed, running, served

ROUNDS, SECONDS = 5, 2.0
Runs = list[dict[str, float]]


def rows(folder: Path) -> Iterator[Row]:
    place = licensed(folder / "site")
    yield from _floating(place, folder)
    with served(place) as site, running(PEER) as peer:
        site.load(place, 64, 1, "--seats", SEATS)  # one that does not count
        ours, peers, keyless, processor = _in_turn(place, site, peer)
        many = [site.load(place, 250, SECONDS, "--seats", SEATS) for _ in range(ROUNDS)]
        alone = [site.load(place, 1, 1, "--seats", SEATS) for _ in range(ROUNDS)]
        batches = [site.load(place, 8, SECONDS, "--batch", PAGES, "--of", "50") for _ in range(ROUNDS)]
    yield from _throughput(ours, peers, keyless, processor)
    yield from _tails(ours, many)
    sync = fdatasync(folder) * 1000
    yield ratio_at_most("one connection, p50, against one fsync of this disk", _middle(alone, "p50"), "ms", sync, 2.5)
    commands = _middle(batches, "rate") * 50
    yield ratio_at_least("batches of 50, commands against requests", commands, "1/s", _middle(ours, "rate"), 5)
    yield at_most("answers that were none", sum(run["wrong"] for run in (*ours, *many, *alone, *batches)), "", 0)


def _in_turn(place: Place, site: Running, peer: Running) -> tuple[Runs, Runs, Runs, list[float]]:
    ours: Runs = []
    peers: Runs = []
    keyless: Runs = []
    processor: list[float] = []
    for _ in range(ROUNDS):
        before = site.processor_time, peer.processor_time
        ours.append(site.load(place, 64, SECONDS, "--seats", SEATS))
        middle = site.processor_time
        peers.append(peer.load(place, 64, SECONDS, "--seats", SEATS))
        spent = (middle - before[0]) / ours[-1]["count"], (peer.processor_time - before[1]) / peers[-1]["count"]
        processor.append(spent[1] / spent[0])
        keyless.append(site.load(place, 64, SECONDS, "--seats", SEATS, "--no-keys"))
    return ours, peers, keyless, processor


def _floating(place: Place, folder: Path) -> Iterator[Row]:
    """Against what a team writes in an afternoon, asked the same, in turn. For the record: the best that was seen of
    Keygen Relay, on another machine and without fsync, was 800 claims and releases a second."""
    ours: Runs = []
    theirs: Runs = []
    with served(place) as site, running(FLOATING, CARNET_BENCH_DATABASE=str(folder / "floating.sqlite3")) as peer:
        for server in (site, peer):
            server.load(place, 64, 1, "--seats", SEATS)  # one that does not count
        for _ in range(ROUNDS):
            ours.append(site.load(place, 64, SECONDS, "--seats", SEATS))
            theirs.append(peer.load(place, 64, SECONDS, "--seats", SEATS))
    name = "acquire + release at 64 connections, against a floating-license server (FastAPI, SQLAlchemy, SQLite)"
    yield ratio_at_least(name, _middle(ours, "rate"), "1/s", _middle(theirs, "rate"), 10)
    yield at_most("answers of either that were none", sum(run["wrong"] for run in (*ours, *theirs)), "", 0)


def _throughput(ours: Runs, peers: Runs, keyless: Runs, processor: list[float]) -> Iterator[Row]:
    name = "acquire + release at 64 connections, against an empty Starlette handler"
    rate, peer = _middle(ours, "rate"), _middle(peers, "rate")
    yield ratio_at_least(f"{name}, each with an idempotency key", rate, "1/s", peer, 0.7)
    yield ratio_at_least(f"{name}, without keys", _middle(keyless, "rate"), "1/s", peer, 0.7)
    yield figure("the same with keys, in processor time of the server", statistics.median(processor), "of the peer's")


def _tails(ours: Runs, many: Runs) -> Iterator[Row]:
    for connections, runs, target in ((64, ours, 5), (250, many, 3)):
        yield ratio_at_most(
            f"p99 at {connections} connections against p50", _middle(runs, "p99"), "ms", _middle(runs, "p50"), target
        )
    first, second = _middle(many, "first"), _middle(many, "second")
    yield ratio_at_most("250 new connections: the last first reply against the last second", first, "ms", second, 6)


def _middle(runs: Runs, what: str) -> Any:
    return statistics.median(run[what] for run in runs)
