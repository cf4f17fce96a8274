"""Asking, without input or output: what to send, what an answer means, whether and when to try again.

The two carriers (`_client`, `_aio`) send what an `Attempt` says, tell it what became of it, and wait as long as it
says. Times are seconds of a clock that never goes back; randomness is a function that gives 0 up to 1.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from carnet.sdk._answers import NotUnderstoodError
from carnet.sdk._checkpoints import Checkpoints, Shown, read
from carnet.sdk._faults import SdkError, ServerFault, Unreachable
from carnet.sdk._refusals import (
    OF_ONE_PRODUCT,
    PASSING,
    Busy,
    ClockFarAhead,
    Refused,
    RolledBack,
    refusal_of,
)
from carnet.sdk._unreachable import (
    Decide,
    Unanswered,
    can_be_granted_here,
    deny,
)
from carnet.sdk.calls import Call

T = TypeVar("T")
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0  # seconds
LONGEST_RETRY_AFTER = 10.0
PROXY = (502, 504)  # what stands before the server could not reach it


@dataclass(frozen=True)
class Request:
    """What to send, and how many seconds to wait for its answer."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)  # they hold the API key
    body: bytes
    timeout: float


@dataclass(frozen=True)
class Reply:
    """What came back over HTTP."""

    status: int
    headers: Mapping[str, str]  # names in lower case, or a mapping that does not mind
    body: bytes


@dataclass(frozen=True)
class Wait:
    """Try again after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Done(Generic[T]):
    """The call has ended, with this answer."""

    answer: T


class Core:
    """What all calls of a client share, for any number of threads. Raises ValueError for an option out of bounds."""

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
            raise ValueError("That is not an API key: one begins with cnk_ and has no spaces.")
        if timeout <= 0 or retries < 0:
            raise ValueError("A timeout is more than 0 seconds, and retries are counted from 0.")
        self.api_key, self.timeout, self.retries = api_key, timeout, retries
        self.when_unreachable, self.random, self.new_key = when_unreachable, random, new_key
        self.checkpoints = Checkpoints(checkpoint)
        self.granted_at: dict[tuple[str, str], float] = {}  # by what was asked, of which product; refusals take it away

    def begin(self, call: Call[T], now: float, until: float = float("inf")) -> "Attempt[T]":
        """Begin a call. No try begins after `until`."""
        return Attempt(self, call.with_key(self.new_key), now, until)

    def heard(self, call: Call[Any], now: float, answer: object) -> None:
        """Note the server's word on a call: its answer or its refusal; of a batch that of each part."""
        if isinstance(answer, Refused):
            self._forget(call.fields.get("sku"), answer)
        elif can_be_granted_here(call.name):
            self.granted_at[call.name, call.fields["sku"]] = now
        for part, outcome in zip(call.parts, answer if isinstance(answer, list) else (), strict=False):
            self.heard(part, now, outcome)

    def _forget(self, sku: str | None, refused: Refused) -> None:
        """A refusal of one product says nothing of others; any other one may be meant for all."""
        if isinstance(refused, PASSING):
            return
        one = sku if isinstance(refused, OF_ONE_PRODUCT) else None
        for name, of in list(self.granted_at):
            if one in (None, of):
                self.granted_at.pop((name, of), None)

    def decide(self, call: Call[Any], now: float) -> Any:
        """What the product decides where no answer came: an answer, or None."""
        since = self.granted_at.get((call.name, call.fields.get("sku", "")))
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
        """What to send now. It shows the largest checkpoint known at this moment."""
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
        return Request(self.call.method, self.call.path, headers, self.call.body, timeout)

    def answered(self, reply: Reply, now: float) -> Done[T] | Wait:
        """What follows from an answer: the end, or another try.

        Raises:
            SdkError: The call ends without an answer.
        """
        if reply.status == 200:
            return self._granted(reply, now)
        problem = _problem(reply)
        if problem and (reply.status < 500 or reply.status == 503):
            return self._refused(refusal_of(problem, reply.status), reply, now)
        sentence = f"The server answered with status {reply.status}, and not as a Control Room does."
        if problem:  # its own fault is not a refusal: it does not know whether anything was changed
            sentence = str(refusal_of(problem, reply.status))
        if reply.status in PROXY or reply.status == 503:
            return self.failed(sentence, now, sent=True, at_least=_retry_after(reply))
        if reply.status < 500:
            raise self._fault(sentence, reply.status)
        self._perhaps_done()
        return self._again(self._fault(sentence, reply.status), now)

    def failed(self, sentence: str, now: float, *, sent: bool, at_least: float = 0.0) -> Done[T] | Wait:
        """What follows where no answer came. `sent`: the request may have reached the server.

        Raises:
            Unreachable: No try is left, and the product does not grant it by itself.
        """
        if sent:
            self._perhaps_done()
        wait = self._wait(now, at_least)
        if wait:
            return wait
        answer = self._core.decide(self.call, now)
        if answer is None:
            raise Unreachable(sentence, self.call.key, may_be_done=self._may_be_done)
        return Done(answer)

    def _granted(self, reply: Reply, now: float) -> Done[T] | Wait:
        mark = read(reply.headers.get("carnet-checkpoint", ""))
        if mark is None:
            self._perhaps_done()
            raise self._fault("The server's answer names no checkpoint.", reply.status)
        self._judge(reply, now)
        try:
            answer = self.call.read(_decoded(reply.body))
        except NotUnderstoodError as error:
            self._perhaps_done()
            raise self._fault(f"The server's answer is not understood: {error}.", reply.status) from error
        self._core.heard(self.call, now, answer)
        return Done(answer)

    def _refused(self, refused: Refused, reply: Reply, now: float) -> Done[T] | Wait:
        if not isinstance(refused, RolledBack):
            self._judge(reply, now)
        self._core.heard(self.call, now, refused)
        if reply.status == 503:
            if not isinstance(refused, (Busy, ClockFarAhead)):  # a failing disk may have kept what it did not confirm
                self._perhaps_done()
            return self._again(refused, now, _retry_after(reply))
        raise refused

    def _judge(self, reply: Reply, now: float) -> None:
        """Raises RolledBack, whatever the server granted: what an older copy grants counts twice."""
        mark = read(reply.headers.get("carnet-checkpoint", ""))
        disproved = self._core.checkpoints.take(mark, self._shown) if mark else ""
        if disproved:
            next_step = "Tell the administrator. Only once it is explained: accept_rollback()."
            refused = RolledBack(disproved, next_step, status=reply.status)
            self._core.heard(self.call, now, refused)
            raise refused

    def _again(self, error: SdkError, now: float, at_least: float = 0.0) -> Wait:
        wait = self._wait(now, at_least)
        if wait is None:
            raise error
        return wait

    def _wait(self, now: float, at_least: float) -> Wait | None:
        """Twice as long each time, and never all callers at once. None where no other try may begin."""
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (self._sent - 1))
        seconds = at_least + longest * (0.5 + self._core.random() / 2)
        return Wait(seconds) if self._sent <= self._core.retries and now + seconds < self._until else None

    def _perhaps_done(self) -> None:
        """A request reached the server, or may have, and no answer says what became of it."""
        self._may_be_done |= self.call.changes or bool(self.call.parts)

    def _fault(self, sentence: str, status: int) -> ServerFault:
        return ServerFault(sentence, status, self.call.key, may_be_done=self._may_be_done)


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _problem(reply: Reply) -> dict[str, Any] | None:
    """What a Control Room says of what it did not grant; None where the answer is not one of its own."""
    said = _decoded(reply.body)
    return said if isinstance(said, dict) and said.get("code") and said.get("type") != "about:blank" else None


def _retry_after(reply: Reply) -> float:
    said = reply.headers.get("retry-after", "")
    return min(LONGEST_RETRY_AFTER, float(said)) if said.isascii() and said.isdigit() else 0.0
