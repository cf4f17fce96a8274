"""How API keys come and go (A1). A revoked one stays known, so that its id is never given again."""

from msgspec.structs import replace

from carnet.control_room.authority.handlers import on
from carnet.control_room.authority.state import ApiKey, State
from carnet.control_room.ledger import events as e
from carnet.control_room.ledger.record import Record


@on(e.ApiKeyCreated)
def _created(state: State, record: Record, event: e.ApiKeyCreated) -> None:
    state.api_keys[event.key_id] = ApiKey(
        event.key_id, event.name, event.secret_sha256, event.products, event.permissions, record.at
    )


@on(e.ApiKeyRevoked)
def _revoked(state: State, record: Record, event: e.ApiKeyRevoked) -> None:
    state.api_keys[event.key_id] = replace(state.api_keys[event.key_id], revoked_at=record.at)
