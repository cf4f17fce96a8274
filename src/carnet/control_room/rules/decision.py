"""What a decision gets to know beside the state, and what it may answer. Decisions change nothing themselves.

command.decide(state, moment) → Decision(events, answer, …) | Refusal
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import UnionType
from typing import ClassVar, Generic, Protocol, TypeVar, get_args, get_origin

import msgspec

from carnet.control_room.ledger.events import Event
from carnet.control_room.ledger.record import Record
from carnet.control_room.state.state import State
from carnet.control_room.state.trusted_time import Reading
from carnet.exchange.keys import Opener, RandomBytes, Signer
from carnet.exchange.verdicts import Refusal
from carnet.merkle import Checkpoint, GetNode


class Keys(Protocol):
    """The site's private keys, by thumbprint."""

    def signer(self, kid: str) -> Signer: ...

    def opener(self, kid: str) -> Opener: ...


@dataclass(frozen=True)
class Moment:
    """`now` is trusted time (T1); the reading is what the machine itself says."""

    now: datetime
    reading: Reading
    random: RandomBytes
    keys: Keys
    document: Callable[[str], bytes | None]  # a kept file, by its name
    version: str  # of this release


class LedgerPreview(Protocol):
    """The ledger with the decision's own records appended, just before it is committed: proofs can be made of it."""

    @property
    def records(self) -> Sequence[Record]: ...

    @property
    def checkpoint(self) -> Checkpoint: ...

    def inclusion(self, index: int) -> list[bytes]: ...

    def consistency(self, size: int) -> list[bytes]: ...


T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Decision(msgspec.Struct, Generic[T], frozen=True):
    """Facts to record, in order, what is answered, and what else becomes true in the same transaction."""

    events: Sequence[Event]
    answer: T
    documents: Callable[[LedgerPreview], dict[str, bytes]] | None = None  # files made of the ledger as it will be
    new_keys: Sequence[Signer | Opener] = ()
    moved: datetime | None = None  # T1, T3: the time of `clock.raised` or `clock.lowered`, and of every event after it


class Asked(Generic[T_co]):
    """What can be asked of the engine: a frozen dataclass, so that it can go over the local door's socket.

    The type in brackets is that of the answer, for the type checker and at run time: an answer that comes over the
    socket, or out of the ledger (G5), is decoded as `answers`.
    """

    what: ClassVar[str]  # as a request and a refusal's record name it
    answers: ClassVar[type]  # what it is answered with, where it is granted
    may_refuse: ClassVar[bool]  # whether a rule may say no to it

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for base in cls.__dict__.get("__orig_bases__", ()):
            (answer,) = get_args(base)
            if not isinstance(answer, TypeVar):  # that stands in a base for others
                kinds = get_args(answer) if get_origin(answer) is UnionType else (answer,)
                cls.may_refuse = issubclass(cls, Command) or Refusal in kinds
                (cls.answers,) = (kind for kind in kinds if kind is not Refusal)


class Command(Asked[T_co]):
    """What changes the site. A rule may refuse any of them."""

    def decide(self, state: State, moment: Moment, /) -> Decision[T_co] | Refusal:
        raise NotImplementedError


class SecretAnswer:
    """Base of an answer that holds a secret: it is said once, and never kept (A2)."""

    def without_secret(self) -> object:
        """What a repeated idempotency key (G5) is answered."""
        raise NotImplementedError


@dataclass(frozen=True)
class FileCommand(Command[T_co]):
    """A command that reads an exchange file; a refusal's record holds the file's SHA-256."""

    raw: bytes = field(repr=False)


@dataclass(frozen=True)
class View:
    """What a question gets to see: what is durable, at one moment."""

    state: State
    checkpoint: Checkpoint
    now: datetime  # trusted time
    reading: Reading
    document: Callable[[str], bytes | None]
    records: Callable[[int], Iterator[Record]]  # from an index on
    storage: str = ""  # why nothing can be written now; empty where all is well
    moment: Moment | None = None  # where a question asks what a command would decide
    leaf: Callable[[int], bytes] | None = None  # of the ledger's tree, by the record's index
    node: GetNode | None = None


class Question(Asked[T_co]):
    """What is asked, and changes nothing. One that a rule may refuse says so: `Question[… | Refusal]`."""

    def answer(self, view: View, /) -> T_co:
        raise NotImplementedError
