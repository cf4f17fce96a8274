"""Progress of long work, on stderr: a bar where somebody looks, and now and then a line where nobody does."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

A_LINE_EVERY = 100_000  # records


@contextmanager
def progress_of(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function that takes how much is done."""
    if not sys.stderr.isatty():
        yield lambda done: _line(what, done, total)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def _line(what: str, done: int, total: int) -> None:
    if done and done % A_LINE_EVERY == 0:
        print(f"{what}: {done:,} of {total:,} records", file=sys.stderr, flush=True)
