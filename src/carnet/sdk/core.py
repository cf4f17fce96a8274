"""Asking, without input or output: what to send, what an answer means, whether and when to try again.

The two carriers (`client`, `aio`) send what an `Attempt` says, tell it what became of it, and wait as long as it says.
Times are seconds of a clock that never goes back; randomness is a function that gives 0 up to 1.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from carnet.sdk import calls
from carnet.sdk.answers import NotUnderstoodError
from carnet.sdk.calls import Call
from carnet.sdk.checkpoints import Checkpoints, Shown, read
from carnet.sdk.faults import SdkError, ServerFault, Unreachable
from carnet.sdk.refusals import PASSING, Refused, RolledBack
from carnet.sdk.unreachable import Decide, Unanswered, deny

T = TypeVar("T")
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds
LONGEST_RETRY_AFTER = 10.0
PROXY = (502, 504)  # what stands before the server could not reach it


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)  # they hold the API key
    body: bytes
    timeout: float


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # names in lower case, or a mapping that does not mind
    body: bytes


@dataclass(frozen=True)
class Wait:
    """Try again after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Done(Generic[T]):
    answer: T


class Core:
    """What is common to all calls of a client; for any number of threads."""

    def __init__(
        self,
        api_key: str,
        *,
        timeout: float = 5.0,
        retries: int = 3,
        when_unreachable: Decide = deny,
        checkpoint: str = "",
        random: Callable[[], float],
        new_key: Callable[[], str],
    ) -> None:
        if not api_key.startswith("cnk_") or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
            raise ValueError("That is no API key: it begins with cnk_ and has no spaces.")
        if timeout <= 0 or retries < 0:
            raise ValueError("A timeout is more than 0 seconds, and retries are counted from 0.")
        self.api_key, self.timeout, self.retries = api_key, timeout, retries
        self.when_unreachable, self.random, self.new_key = when_unreachable, random, new_key
        self.checkpoints = Checkpoints(checkpoint)
        self.granted_at: float | None = None  # None where the server's last word was a refusal

    def begin(self, call: Call[T], now: float, until: float = float("inf")) -> "Attempt[T]":
        """`until`: after this moment there is no sense in trying again."""
        return Attempt(self, call.with_key(self.new_key), now, until)

    def heard(self, now: float, refused: Refused | None) -> None:
        if refused is None:
            self.granted_at = now
        elif not isinstance(refused, PASSING):
            self.granted_at = None

    def decide(self, call: Call[Any], now: float) -> Any:
        since = self.granted_at
        silent_for = None if since is None else now - since
        return self.when_unreachable(Unanswered(call.name, dict(call.fields), silent_for))


class Attempt(Generic[T]):
    """One call, from its first request to its end. Its idempotency key never changes."""

    def __init__(self, core: Core, call: Call[T], begun: float, until: float) -> None:
        self.call, self.begun = call, begun
        self._core, self._until = core, until
        self._sent = 0
        self._may_be_done = False
        self._shown: Shown = core.checkpoints.show()

    def request(self, now: float) -> Request:
        """What to send now; it shows what is known of the ledger at this moment."""
        self._sent += 1
        self._shown = self._core.checkpoints.show()
        headers = {"authorization": f"Bearer {self._core.api_key}", "accept": "application/json"}
        if self.call.method == "POST":
            headers["content-type"] = "application/json"
        if self.call.key is not None:
            headers["idempotency-key"] = self.call.key
        if self._shown.text:
            headers["carnet-checkpoint"] = self._shown.text
        timeout = max(0.05, min(self._core.timeout, self._until - now))
        return Request(self.call.method, f"/api/v1/{self.call.name}", headers, self.call.body, timeout)

    def answered(self, reply: Reply, now: float) -> Done[T] | Wait:
        """Raises SdkError where this is the end and no answer."""
        if reply.status == 200:
            return self._granted(reply, now)
        problem = _decoded(reply.body)
        if isinstance(problem, dict) and problem.get("code") and problem.get("type") != "about:blank":
            return self._refused(calls.refusal_of(problem, reply.status), reply, now)
        sentence = f"The server answered with status {reply.status}, and not as a Control Room does."
        if reply.status in PROXY or reply.status == 503:
            return self.failed(sentence, now, sent=True, at_least=_retry_after(reply))
        fault = ServerFault(sentence, reply.status, self.call.key)
        return self._again(fault, now) if reply.status >= 500 else _raised(fault)

    def failed(self, sentence: str, now: float, *, sent: bool, at_least: float = 0.0) -> Done[T] | Wait:
        """No answer came. `sent`: the request may have reached the server."""
        self._may_be_done |= sent and (self.call.changes or self.call.name == "batch")
        if self._may_try_again(now, at_least):
            return self._wait(at_least)
        answer = self._core.decide(self.call, now)
        if answer is None:
            raise Unreachable(sentence, self.call.key, may_be_done=self._may_be_done)
        return Done(answer)

    def _granted(self, reply: Reply, now: float) -> Done[T] | Wait:
        mark = read(reply.headers.get("carnet-checkpoint", ""))
        if mark is None:
            raise ServerFault("The server's answer names no checkpoint.", reply.status, self.call.key)
        self._judge(reply, now)
        try:
            answer = self.call.read(_decoded(reply.body))
        except NotUnderstoodError as error:
            raise ServerFault(
                f"The server's answer is not understood: {error}.", reply.status, self.call.key
            ) from error
        self._core.heard(now, None)
        return Done(answer)

    def _refused(self, refused: Refused, reply: Reply, now: float) -> Done[T] | Wait:
        if not isinstance(refused, RolledBack):
            self._judge(reply, now)
        self._core.heard(now, refused)
        if reply.status == 503:
            return self._again(refused, now, _retry_after(reply))
        raise refused

    def _judge(self, reply: Reply, now: float) -> None:
        """Raises RolledBack, whatever the server granted: what an older copy grants counts twice."""
        mark = read(reply.headers.get("carnet-checkpoint", ""))
        disproved = self._core.checkpoints.take(mark, self._shown) if mark else ""
        if disproved:
            next_step = "Tell the administrator. Only once it is explained: accept_rollback()."
            refused = RolledBack(disproved, next_step, status=reply.status)
            self._core.heard(now, refused)
            raise refused

    def _again(self, error: SdkError, now: float, at_least: float = 0.0) -> Wait:
        return self._wait(at_least) if self._may_try_again(now, at_least) else _raised(error)

    def _may_try_again(self, now: float, at_least: float) -> bool:
        return self._sent <= self._core.retries and now + at_least < self._until

    def _wait(self, at_least: float) -> Wait:
        """Twice as long each time, and never all callers at once."""
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (self._sent - 1))
        return Wait(at_least + longest * (0.5 + self._core.random() / 2))


def _raised(error: SdkError) -> Any:
    raise error


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _retry_after(reply: Reply) -> float:
    said = reply.headers.get("retry-after", "")
    return min(LONGEST_RETRY_AFTER, float(said)) if said.isascii() and said.isdigit() else 0.0
