"""What a decision gets to know beside the state, and what it may answer. Decisions change nothing themselves.

command.decide(state, moment) → Decision(events, answer, …) | Refusal
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

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


class Decision(msgspec.Struct, frozen=True):
    """Facts to record, in order, and what else becomes true in the same transaction."""

    events: Sequence[Event]
    answer: object
    documents: Callable[[LedgerPreview], dict[str, bytes]] | None = None  # files made of the ledger as it will be
    new_keys: Sequence[Signer | Opener] = ()
    moved: datetime | None = None  # T1, T3: the time of `clock.raised` or `clock.lowered`, and of every event after it


class Command(Protocol):
    what: ClassVar[str]  # as a refusal's record names it
    answers: ClassVar[type]  # what it is answered with, where it is granted

    def decide(self, state: State, moment: Moment) -> Decision | Refusal: ...


class SecretAnswer:
    """Base of an answer that holds a secret: it is said once, and never kept (A2)."""

    def without_secret(self) -> object:
        """What a repeated idempotency key (G5) is answered."""
        raise NotImplementedError


@dataclass(frozen=True)
class FileCommand:
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


class Question(Protocol):
    """What is asked, and changes nothing."""

    what: ClassVar[str]
    answers: ClassVar[type]

    def answer(self, view: View) -> object | Refusal: ...
