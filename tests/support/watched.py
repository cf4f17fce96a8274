"""Sees what a test starts: a process, or a listener on a network port. The tests' own conftest asks after each test.

An audit hook of Python sees it wherever it is done, in any thread of this process.
"""

from __future__ import annotations

import sys
from typing import Any

_STARTS = {"subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty"}
_seen: list[str] = []


def watch() -> None:
    """From now on; for good, as Python has it."""
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.bind":
        if isinstance(arguments[1], tuple):  # a socket in a folder is as cheap as a file
            _seen.append(f"a listener at {arguments[1]}")
    elif event in _STARTS:
        _seen.append(f"a process ({event} {arguments[:1]})")


def taken() -> list[str]:
    """What was started since this was asked last."""
    found = _seen[:]
    _seen.clear()
    return found
