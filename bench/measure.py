"""Timing, and the rows of the table: what was measured, against what, and whether it is good enough."""

import statistics
import time
from collections.abc import Callable, Sequence

import msgspec


class Row(msgspec.Struct):
    name: str
    value: float
    unit: str
    limit: float | None  # what it is measured against
    ratio: float | None  # value / limit
    target: str
    met: bool | None


def in_turn(works: Sequence[Callable[[], object]], times: int = 15) -> list[float]:
    """The median seconds of several works, run in turn, so that a machine that slows down slows them all."""
    taken: list[list[float]] = [[] for _ in works]
    for work in works:
        work()  # one that does not count
    for _ in range(times):
        for place, work in enumerate(works):
            start = time.perf_counter()
            work()
            taken[place].append(time.perf_counter() - start)
    return [statistics.median(each) for each in taken]


def at_most(name: str, value: float, unit: str, limit: float) -> Row:
    ratio = round(value / limit, 3) if limit else None
    return Row(name, round(value, 3), unit, limit, ratio, f"at most {limit:g} {unit}".rstrip(), value <= limit)


def ratio_at_most(name: str, value: float, unit: str, peer: float, target: float) -> Row:
    ratio = value / peer
    return Row(
        name, round(value, 3), unit, round(peer, 3), round(ratio, 3), f"ratio at most {target:g}", ratio <= target
    )


def ratio_at_least(name: str, value: float, unit: str, peer: float, target: float) -> Row:
    ratio = value / peer
    return Row(
        name, round(value, 3), unit, round(peer, 3), round(ratio, 3), f"ratio at least {target:g}", ratio >= target
    )


def figure(name: str, value: float, unit: str) -> Row:
    """A figure without a target: for the reader."""
    return Row(name, round(value, 3), unit, None, None, "", None)
