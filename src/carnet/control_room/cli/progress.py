"""Progress of long work, on stderr: a bar in a terminal, and now and then a line elsewhere, or a program
does."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from carnet.cli_support import console, say

A_LINE_EVERY = 100_000  # records
LINES = 200  # at most so many, where a program reads them


@contextmanager
def progress_of(what: str, total: int, *, for_a_program: bool = False) -> Iterator[Callable[[int], None]]:
    """Yields a function that takes how much is done. `for_a_program`: each line is `WHAT: N of M records`."""
    if for_a_program or not sys.stderr.isatty():
        yield _Lines(what, total, total // LINES if for_a_program else A_LINE_EVERY)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(err=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


class _Lines:
    def __init__(self, what: str, total: int, every: int) -> None:
        self._what, self._total, self._every, self._next = what, total, every, every

    def __call__(self, done: int) -> None:
        if done and done >= self._next:
            self._next = done - done % max(self._every, 1) + self._every
            say(f"{self._what}: {done:,} of {self._total:,} records", err=True)
