"""Which function folds which kind of record. `evolve` looks here; the modules that fold register here."""

from collections.abc import Callable
from typing import Any

from carnet.control_room.ledger.record import Record
from carnet.control_room.state.state import State

Handler = Callable[[State, Record, Any], None]
HANDLERS: dict[type, Handler] = {}


def on(event: type) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        if event in HANDLERS:
            raise ValueError(f"{event.__name__} is folded elsewhere")
        HANDLERS[event] = handler
        return handler

    return register
