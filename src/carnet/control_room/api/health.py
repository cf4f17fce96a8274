"""Whether this Control Room can grant, for whoever watches it. It needs no key, and tells nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import msgspec

from carnet.control_room.api.message import Answer
from carnet.control_room.authority.decision import Question, View
from carnet.control_room.authority.states import state_name
from carnet.control_room.granting.rules import may_grant
from carnet.errors import CarnetError


@dataclass(frozen=True)
class HealthAnswer:
    grants: bool
    state: str
    storage: str  # why nothing can be written now; empty where all is well


@dataclass(frozen=True)
class Health:
    what: ClassVar[str] = "health"
    answers: ClassVar[type] = HealthAnswer

    def answer(self, view: View) -> HealthAnswer:
        grants = not view.storage and may_grant(view.state, view.now) is None
        return HealthAnswer(grants, state_name(view.state, view.now), view.storage)


def answer(ask: Callable[[Question], object]) -> Answer:
    try:
        found = ask(Health())
    except CarnetError as error:  # not even the state can be read
        found = HealthAnswer(False, "unknown", str(error))
    assert isinstance(found, HealthAnswer)
    return Answer(200 if found.grants else 503, msgspec.json.encode(found))
