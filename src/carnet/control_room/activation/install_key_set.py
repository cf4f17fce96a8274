"""E16: taking a key set that came as a file of its own."""

from dataclasses import dataclass
from typing import ClassVar

from carnet.control_room.authority.decision import Decision, FileCommand, Moment
from carnet.control_room.authority.state import State
from carnet.control_room.ledger.events import KeySetTaken
from carnet.exchange.key_set import read_key_set
from carnet.exchange.verdicts import Refusal


@dataclass(frozen=True)
class KeySetAnswer:
    version: int
    was: int


@dataclass(frozen=True)
class InstallKeySet(FileCommand):
    what: ClassVar[str] = "key set"
    answers: ClassVar[type] = KeySetAnswer

    def decide(self, state: State, moment: Moment) -> Decision | Refusal:  # noqa: ARG002 - a key set has no window
        key_set = read_key_set(self.raw, state.pinned)
        if isinstance(key_set, Refusal):
            return key_set
        was = state.pinned.version
        if key_set.version == was:
            return Decision([], KeySetAnswer(was, was))
        return Decision(
            [KeySetTaken(key_set=key_set)],
            KeySetAnswer(key_set.version, was),
            documents=lambda _: {"key-set": self.raw},
        )
