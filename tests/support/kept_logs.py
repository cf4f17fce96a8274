"""What the servers of a run wrote, and what none of them may have written (A2).

A run of the tests has one folder for both (`tests/conftest.py`), which processes of tests find in the environment.
Whoever starts a server keeps its log here; whoever makes a secret says it here. `secrets_in_logs` compares the two.
Outside of a run nothing is kept.
"""

import json
import os
from itertools import count
from pathlib import Path

FOLDER = "CARNET_TEST_LOGS"
SECRETS, LOG = ".secrets", ".log"  # endings
SHORTEST = 10  # bytes of a secret: less would be found by chance
_numbers = count()
_said: set[bytes] = set()


def folder() -> Path | None:
    name = os.environ.get(FOLDER)
    return Path(name) if name else None


def keep(name: str, text: str) -> None:
    """The log of one server, or the next part of it."""
    place = folder()
    if place and text:
        with (place / f"{name}-{os.getpid()}{LOG}").open("a") as log:
            log.write(text)


def new_name(name: str) -> str:
    """For a log of its own, where several servers of one name run."""
    return f"{name}-{next(_numbers)}"


def secret(value: str, what: str) -> str:
    """Says that no log may tell this; gives it back."""
    secret_bytes(value.encode(), what)
    return value


def secret_bytes(value: bytes, what: str) -> bytes:
    assert len(value) >= SHORTEST, f"too short to be looked for: {what}"
    place = folder()
    if place and value not in _said:
        _said.add(value)
        with (place / f"{os.getpid()}{SECRETS}").open("a") as file:
            file.write(json.dumps({"what": what, "value": value.hex()}) + "\n")
    return value


def secret_lines(text: str, what: str) -> str:
    """Of a PEM file: each line of its body."""
    for line in text.splitlines():
        if line and not line.startswith("-----"):
            secret(line, what)
    return text
