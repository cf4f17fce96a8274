"""A client's core driven by hand: a clock that the test sets, and replies as a Control Room would give them."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from carnet.sdk._core import (
    Attempt,
    Core,
    Done,
    Reply,
    Request,
    Wait,
)
from carnet.sdk._faults import SdkError

KEY = "cnk_abcdefgh_" + "a" * 52
UNITS = {"sku": "document-pages", "units": 12, "remaining": 88, "owed": 0}


def core(**options: Any) -> Core:
    keys = count()
    return Core(KEY, **({"random": lambda: 0.5, "new_key": lambda: f"key-{next(keys)}"} | options))


def mark(size: int, root: str = "a") -> str:
    return f"{size}.{root * 64}.{'0' * 32}"


def granted(size: int = 1, root: str = "a", body: Any = UNITS) -> Reply:
    return Reply(200, {"carnet-checkpoint": mark(size, root)}, json.dumps(body).encode())


def refused(code: str, status: int, size: int | None = 1, **headers: str) -> Reply:
    problem = {"type": f"urn:carnet:{code}", "status": status, "detail": "Why.", "code": code, "next": "What."}
    shown = {} if size is None else {"carnet-checkpoint": mark(size)}
    return Reply(status, shown | {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps(problem).encode())


class Told:
    """Tells an attempt what becomes of each of its requests, one after the other; waits pass at once."""

    def __init__(self, attempt: Attempt[Any], now: float = 0.0) -> None:
        self.attempt, self.now = attempt, now
        self.requests: list[Request] = []
        self.waits: list[float] = []

    def run(self, *outcomes: Reply | str) -> Any:
        """The answer, or the error raised. A text is a connection that failed; “unsent …” before it was made."""
        for outcome in outcomes:
            self.requests.append(self.attempt.request(self.now))
            try:
                if isinstance(outcome, str):
                    step = self.attempt.failed(outcome, self.now, sent=not outcome.startswith("unsent"))
                else:
                    step = self.attempt.answered(outcome, self.now)
            except SdkError as error:
                return error
            if isinstance(step, Done):
                return step.answer
            assert isinstance(step, Wait)
            self.waits.append(step.seconds)
            self.now += step.seconds
        return None
