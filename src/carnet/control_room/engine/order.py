"""An order: a command, who gives it, and under which idempotency key."""

import msgspec

from carnet.control_room.authority.decision import Command
from carnet.control_room.authority.state import ApiKey
from carnet.errors import CarnetError
from carnet.exchange.verdicts import Refusal

Outcome = object | Refusal | CarnetError  # an answer, a rule that said no, or what broke


class Order(msgspec.Struct, frozen=True):
    command: Command
    actor: str
    key: str | None = None  # G5
    api_key: ApiKey | None = None  # A1: what limits the caller; None for people at the site's own door
