"""What the pages are given by the composition root: a clock, and CALM. Set once when a process starts to serve."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from carnet.calm.use_cases.context import Calm


class Portal(Protocol):
    @property
    def name(self) -> str:
        """The vendor's name."""
        ...

    def now(self) -> datetime: ...

    def calm(self) -> Calm: ...

    def later(self, work: Callable[[], None]) -> None:
        """Do it after the request was answered, in its turn: how long it takes tells nobody anything (A6)."""
        ...


_open: list[Portal] = []


def open_portal(portal: Portal) -> None:
    _open[:] = [portal]


def portal() -> Portal:
    return _open[0]
