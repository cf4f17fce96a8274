"""A command in a process of its own that is killed (SIGKILL) just before its nth change of the file system: files
opened for writing, renamed, linked, removed, folders made or removed. What SQLite writes itself is seen as the opening
of its database; that a commit is whole or not there is tested elsewhere.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

_CHANGES = {"os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "sqlite3.connect"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def killed_at(number: int, what: Callable[[], Any]) -> bool:
    """Run `what` in a fork that is killed before its change `number`, from 1 on; whether it came so far."""
    child = os.fork()
    if child == 0:
        try:
            sys.addaudithook(_Killer(number))
            what()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


class _Killer:
    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, event: str, given: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(given[2], int) and given[2] & _WRITES
        if not writes and event not in _CHANGES:
            return
        if event == "open" and str(given[0]).startswith(("/dev", "/proc")):
            return
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
