"""How people come and go (A1). Whoever was let go stays known: their name is in the records."""

from msgspec.structs import replace

from carnet.control_room.authority.handlers import on
from carnet.control_room.authority.state import Person, State
from carnet.control_room.ledger import events as e
from carnet.control_room.ledger.record import Record


@on(e.PersonAdded)
def _added(state: State, record: Record, event: e.PersonAdded) -> None:
    state.people[event.name] = Person(event.name, event.role, record.at)


@on(e.PersonChanged)
def _changed(state: State, _: Record, event: e.PersonChanged) -> None:
    state.people[event.name] = replace(state.people[event.name], role=event.role)
