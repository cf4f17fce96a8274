"""Timing, and the rows of the table: what was measured, against what, and whether it is good enough."""

import statistics
import time
from collections.abc import Callable

import msgspec


class Row(msgspec.Struct):
    name: str
    value: float
    unit: str
    limit: float | None  # what it is measured against
    ratio: float | None  # value / limit
    target: str
    met: bool | None


def seconds(work: Callable[[], object], times: int = 15) -> float:
    """The median of several runs, after one that does not count."""
    work()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def alternating(one: Callable[[], object], other: Callable[[], object], times: int = 15) -> tuple[float, float]:
    """Medians of two works, run in turn, so that a machine that slows down slows both."""
    one(), other()
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for place, work in enumerate((one, other)):
            start = time.perf_counter()
            work()
            taken[place].append(time.perf_counter() - start)
    return statistics.median(taken[0]), statistics.median(taken[1])


def at_most(name: str, value: float, unit: str, limit: float) -> Row:
    return Row(name, round(value, 3), unit, limit, round(value / limit, 3), f"at most {limit:g} {unit}", value <= limit)


def ratio_at_most(name: str, value: float, unit: str, peer: float, target: float) -> Row:
    ratio = value / peer
    return Row(name, round(value, 3), unit, round(peer, 3), round(ratio, 3), f"ratio at most {target:g}", ratio <= target)


def ratio_at_least(name: str, value: float, unit: str, peer: float, target: float) -> Row:
    ratio = value / peer
    return Row(name, round(value, 3), unit, round(peer, 3), round(ratio, 3), f"ratio at least {target:g}", ratio >= target)


def figure(name: str, value: float, unit: str) -> Row:
    """A figure without a target: for the reader."""
    return Row(name, round(value, 3), unit, None, None, "", None)
