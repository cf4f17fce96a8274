"""The door: from a request to its answer, at once or, for a change, once it is durable. It knows no server.

    authenticate (A1) · route · compare checkpoints · read the body · submit, or may this key ask? · answer

It is one plain function with a callback, because a request costs less than a task would.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any, Protocol, TypeVar

import msgspec

from carnet.control_room.engine.engine import Engine, Outcome, QueuedCommand
from carnet.control_room.rest import (
    authentication,
    monitoring,
    openapi,
    problems,
)
from carnet.control_room.rest import batch as batches
from carnet.control_room.rest.authentication import visible, visible_figures, within
from carnet.control_room.rest.batch import BATCH, Batch
from carnet.control_room.rest.bodies import Nothing, Reader, read_query
from carnet.control_room.rest.message import TEXT, Answer, Reply, Request
from carnet.control_room.rest.operations import (
    OPERATIONS,
    PREFIX,
    Counts,
    Operation,
)
from carnet.control_room.rules.decision import Question
from carnet.control_room.rules.granting.permissions import refuse, unauthenticated
from carnet.control_room.state.state import ApiKey
from carnet.errors import CarnetError
from carnet.exchange.strict import MalformedError
from carnet.exchange.verdicts import Code, Refusal

HEALTH, LIVE, METRICS, DOCUMENT = b"/health", b"/live", b"/metrics", f"{PREFIX}openapi.json".encode()
T = TypeVar("T")
_only = itemgetter(0)
_encode = msgspec.json.Encoder().encode


class Writer(Protocol):
    """What the door asks of the engine's writer."""

    engine: Engine

    def submit(self, orders: Sequence[QueuedCommand], done: Callable[[list[Outcome]], None]) -> None: ...

    def ask(self, question: Question[T]) -> T: ...

    def now(self) -> datetime:
        """Trusted time."""
        ...

    @property
    def token(self) -> str:
        """The current checkpoint, as callers keep it."""
        ...

    def judge(self, shown: str) -> Refusal | None:
        """Whether the ledger goes on from what a caller saw: a caller who saw more records notices a restored copy."""
        ...


class _Route:
    """An operation, with what is made once."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.method = operation.method.encode()
        self.read: Callable[[bytes], Any] = Reader[Any](operation.body).read
        self.asks = operation.body is not Nothing and operation.method == "GET"  # in its address
        self.command, self.question = operation.command, operation.question
        self.counts = Counts()


class Door:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._routes = {operation.path.encode(): _Route(operation) for operation in OPERATIONS}
        self._batch = Batch(writer)
        self._methods = {BATCH: b"POST", METRICS: b"GET", DOCUMENT: b"GET"}  # of paths that are not an operation
        self.counts = {route.operation.name: route.counts for route in self._routes.values()}
        self.counts |= {"batch": self._batch.counts, "": Counts()}
        self.prefix = ""  # of the path below which a proxy has this server
        self.used: set[str] = set()  # ids of the API keys that were shown since somebody looked (`engine.key_uses`)
        self.connections: Callable[[], int] = lambda: 0
        self.acts: Callable[[], Mapping[str, int]] = dict  # how often each limit of the server acted

    def handle(self, request: Request, reply: Reply) -> None:
        """Answer through `reply`, once: at once or later. Raises only what is a fault of this program."""
        try:
            self._handle(request, reply)
        except CarnetError as error:  # before it was known whose key it is
            refusal = problems.refusal_of(error)
            self.counts[""].refuse(refusal.code.value)
            reply(problems.refused(refusal))

    def is_question(self, path: bytes) -> bool:
        """True for short, read-only requests. They run in the event loop, so a connection gets one per turn."""
        route = self._routes.get(path)
        return path != BATCH and (route is None or route.question is not None)

    def _handle(self, request: Request, reply: Reply) -> None:
        path = request.path
        if path in (HEALTH, LIVE):
            reply(self._watched(path, request.method))
            return
        self._writer.engine.check_loaded()
        key = authentication.authenticate(request.authorization, self._writer.engine.state.api_keys, self._writer.now)
        if key is None or request.twice == b"authorization":
            self.counts[""].refuse(Code.UNAUTHENTICATED.value)
            reply(problems.refused(unauthenticated()))
            return
        self.used.add(key.key_id)
        try:
            self._known(request, key, reply)
        except CarnetError as error:
            reply(self._refused(problems.refusal_of(error), self.counts[""]))

    def _known(self, request: Request, key: ApiKey, reply: Reply) -> None:
        """A request of a key that is in force."""
        route, path = self._routes.get(request.path), request.path
        if route is None and b"?" in path:
            route = self._with_query(path)
        method = route.method if route else self._methods.get(path)
        if method is None:
            reply(self._refused(_not_found(), self.counts[""]))
        elif request.method != method:
            reply(self._wrong_method(method))
        elif refusal := self._headers(request):
            reply(self._refused(refusal, route.counts if route else self.counts[""]))
        elif route:
            self._operate(route, request, key, reply)
        else:
            self._other(request, key, reply)

    def _operate(self, route: _Route, request: Request, key: ApiKey, reply: Reply) -> None:
        try:
            body = route.read(request.body) if route.method == b"POST" else _query(route, request.path)
            if route.command:
                self._submit(route, body, request, key, reply)
            else:
                self._ask(route, body, key, reply)
        except MalformedError as error:
            reply(self._refused(problems.malformed(str(error)), route.counts))

    def _submit(self, route: _Route, body: Any, request: Request, key: ApiKey, reply: Reply) -> None:
        assert route.command
        command = route.command(body)
        order = authentication.order(command, key, request.key)
        self._writer.submit((order,), partial(self._done, route.counts, reply, _only))

    def _done(
        self, counts: Counts, reply: Reply, made: Callable[[list[Outcome]], Outcome], outcomes: list[Outcome]
    ) -> None:
        try:
            answer = self._answer(made(outcomes), counts)
        except Exception:
            reply(problems.fault())  # nobody else can answer any more
            raise
        reply(answer)

    def _ask(self, route: _Route, body: Any, key: ApiKey, reply: Reply) -> None:
        assert route.question
        question = within(route.question(body), key)
        refusal = refuse(key, question, self._writer.engine.state)
        outcome = refusal or visible(self._writer.ask(question), key)
        reply(self._answer(outcome, route.counts))

    def _answer(self, outcome: Outcome, counts: Counts) -> Answer:
        if isinstance(outcome, Refusal):
            return self._refused(outcome, counts)
        if isinstance(outcome, CarnetError):
            return self._refused(problems.refusal_of(outcome), counts)
        counts.granted += 1
        return Answer(200, _encode(outcome), checkpoint=self._writer.token)

    def _refused(self, refusal: Refusal, counts: Counts) -> Answer:
        counts.refuse(refusal.code.value)
        return problems.refused(refusal, self._writer.token)

    def _headers(self, request: Request) -> Refusal | None:
        """What is wrong with the headers that this interface reads."""
        if request.twice:
            return problems.malformed(f"The header {request.twice.decode()} came twice.")
        if request.key is not None and not authentication.is_idempotency_key(request.key):
            return problems.malformed("An Idempotency-Key has 1 to 64 printable ASCII characters.")
        if request.checkpoint is None:
            return None
        return self._writer.judge(request.checkpoint.decode("latin-1"))

    def _other(self, request: Request, key: ApiKey, reply: Reply) -> None:
        if request.path == BATCH:
            self._take_batch(request, key, reply)
        elif request.path == DOCUMENT:
            reply(Answer(200, openapi.body(self.prefix), checkpoint=self._writer.token))
        else:
            reply(self._metrics(key))

    def _take_batch(self, request: Request, key: ApiKey, reply: Reply) -> None:
        counts = self._batch.counts
        try:
            self._batch.submit(request, key, partial(self._done, counts, reply, batches.answer))
        except MalformedError as error:
            reply(self._refused(problems.malformed(str(error)), counts))

    def _watched(self, path: bytes, method: bytes) -> Answer:
        """For monitoring of the process, without a key."""
        if method != b"GET":
            return problems.refused(_method_not_allowed(), headers=((b"allow", b"GET"),))
        return monitoring.answer(self._writer.ask) if path == HEALTH else Answer(200, b'{"live":true}')

    def _metrics(self, key: ApiKey) -> Answer:
        question = monitoring.Metrics()
        refusal = refuse(key, question, self._writer.engine.state)
        figures = refusal or self._writer.ask(question)
        if isinstance(figures, Refusal):
            return self._refused(figures, self.counts[""])
        counted = monitoring.Counted(self.counts, self.connections(), self.acts())
        text = monitoring.text(visible_figures(figures, key), counted)
        return Answer(200, text, TEXT, self._writer.token)

    def _with_query(self, path: bytes) -> _Route | None:
        route = self._routes.get(path.partition(b"?")[0])
        return route if route and route.asks else None

    def _wrong_method(self, allowed: bytes) -> Answer:
        self.counts[""].refuse(Code.METHOD_NOT_ALLOWED.value)
        return problems.refused(_method_not_allowed(), self._writer.token, ((b"allow", allowed),))


def _query(route: _Route, path: bytes) -> Any:
    return read_query(route.operation.body, path.partition(b"?")[2]) if route.asks else None


def _not_found() -> Refusal:
    next_step = f"See which there are: GET {DOCUMENT.decode()}"
    return Refusal(Code.NOT_FOUND, "There is nothing at this address.", next_step)


def _method_not_allowed() -> Refusal:
    message = "This address does not take this method."
    return Refusal(Code.METHOD_NOT_ALLOWED, message, "Use the one that the header Allow names.")
