"""The desk: one way to give commands, to ask, and to fetch a kept file, wherever the engine is.

Here the engine is in this process (`EngineDesk`); behind the local door it is in the server's (`socket_desk`). Both
give the same answers.
"""

from collections.abc import Callable
from typing import Protocol

from carnet.control_room.activation.generate_request import REQUEST
from carnet.control_room.activation.install_license import LICENSE, RECEIPT
from carnet.control_room.authority.decision import Command, Question
from carnet.control_room.authority.trusted_time import Reading
from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.store import Store
from carnet.control_room.engine.viewing import view_of
from carnet.errors import UsageError
from carnet.exchange.verdicts import Refusal

KEY_SET = "key-set"
DOCUMENTS = (REQUEST, LICENSE, RECEIPT, KEY_SET)  # that a desk hands out; the lock of the keys is none of them


class Desk(Protocol):
    def execute(self, command: Command, actor: str, key: str | None = None) -> object | Refusal:
        """Have a command decided, and what it decides made durable. Raises CarnetError where something broke."""
        ...

    def ask(self, question: Question) -> object | Refusal:
        """An answer from what is durable. Raises CarnetError."""
        ...

    def document(self, name: str) -> bytes | None:
        """A kept file, one of DOCUMENTS; None where there is none yet. Raises UsageError for any other name."""
        ...


class EngineDesk:
    """Over an engine of this process. `writing`: it was opened under the folder's lock."""

    def __init__(self, engine: Engine, reading: Callable[[], Reading], *, writing: bool) -> None:
        self._engine, self._reading, self._writing = engine, reading, writing

    def execute(self, command: Command, actor: str, key: str | None = None) -> object | Refusal:
        assert self._writing, "there is only ever one writer: the one that holds the folder's lock"
        return self._engine.execute(command, self._reading(), actor, key)

    def ask(self, question: Question) -> object | Refusal:
        return question.answer(view_of(self._engine, self._reading()))

    def document(self, name: str) -> bytes | None:
        return kept(self._engine.store, name)


def kept(store: Store, name: str) -> bytes | None:
    if name not in DOCUMENTS:
        raise UsageError(f"“{name}” is no file that a Control Room hands out: {', '.join(DOCUMENTS)}.")
    return store.document(name)
