"""Many commands in one request and one transaction, each with its own answer and its own idempotency key."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol, Union

import msgspec
from msgspec import UNSET, Meta, UnsetType

from carnet.control_room.engine.engine import Outcome, QueuedCommand
from carnet.control_room.rest import authentication, bodies, problems
from carnet.control_room.rest.message import Request
from carnet.control_room.rest.operations import OPERATIONS, PREFIX, Counts
from carnet.control_room.state.state import ApiKey
from carnet.errors import CarnetError, StorageError
from carnet.exchange.strict import MalformedError
from carnet.exchange.verdicts import Refusal

MOST = 100
BATCH = f"{PREFIX}batch".encode()


class Writer(Protocol):
    def submit(self, orders: Sequence[QueuedCommand], done: Callable[[list[Outcome]], None]) -> None: ...


class Refused(msgspec.Struct):
    code: str
    message: str
    next: str


class Granted(msgspec.Struct, omit_defaults=True):
    """What became of one command: one of the two."""

    granted: Any = None
    refused: Refused | None = None


class BatchAnswer(msgspec.Struct):
    answers: list[Granted]


def _item(name: str, body: type[bodies.Body]) -> type[bodies.Body]:
    """The body of an operation as a command of a batch: it says which, and may carry a key."""
    title = "".join(word.capitalize() for word in name.split("/"))
    made = msgspec.defstruct(
        title,
        [("key", Annotated[bodies.Key, Meta()] | UnsetType, UNSET)],
        bases=(body,),
        tag_field="do",
        tag=name,
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
    )
    assert issubclass(made, bodies.Body)
    return made


COMMANDS = {_item(each.name, each.body): each for each in OPERATIONS if each.command}


class Commands(bodies.Body, frozen=True):
    commands: Annotated[list[Union[tuple(COMMANDS)]], Meta(min_length=1, max_length=MOST)]  # type: ignore[valid-type]  # noqa: UP007


class Batch:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._decode = bodies.Reader[Commands](Commands).decode
        self.counts = Counts()

    def submit(self, request: Request, key: ApiKey, done: Callable[[list[Outcome]], None]) -> None:
        """Have all commands decided together. Raises MalformedError where the batch as a whole cannot be read."""
        if request.key is not None:
            raise MalformedError("A batch has no key of its own: give each command its own “key”.")
        orders = [self._order(item, key) for item in self._read(request.body)]
        self._writer.submit(orders, done)

    def _read(self, raw: bytes) -> list[Any]:
        items: list[Any] = self._decode(raw).commands
        bodies.refuse_twice(raw)
        return items

    def _order(self, item: Any, key: ApiKey) -> QueuedCommand:
        make = COMMANDS[type(item)].command
        assert make
        return authentication.order(make(item), key, None if item.key is UNSET else item.key.encode())


def answer(outcomes: list[Outcome]) -> Outcome:
    """The answers of the batch, in the order of its commands; where the disk failed, nothing of it was done."""
    failed = next((outcome for outcome in outcomes if isinstance(outcome, StorageError)), None)
    return failed or BatchAnswer([_outcome(outcome) for outcome in outcomes])


def _outcome(outcome: Outcome) -> Granted:
    if isinstance(outcome, CarnetError):
        return _refused(problems.refusal_of(outcome))
    return _refused(outcome) if isinstance(outcome, Refusal) else Granted(outcome)


def _refused(refusal: Refusal) -> Granted:
    return Granted(refused=Refused(refusal.code.value, refusal.message, refusal.next))
