"""A1: what an API key may do. Deny by default: a command that names no permission is never open to a key.

People at the site's own door are not limited here; they are told apart by who may open it.
"""

from typing import Protocol, cast

from carnet.control_room.rules.decision import Command, Question
from carnet.control_room.state.state import ApiKey, State
from carnet.exchange.verdicts import Code, Refusal

TAKE, ASSIGN, READ = "take", "assign", "read"
PERMISSIONS = (TAKE, ASSIGN, READ)


class ById(Protocol):
    """A command on what was granted before, of which only the id is named."""

    def product(self, state: State) -> str | None:
        """Its sku; None where there is no such thing."""
        ...

    def unknown(self, state: State) -> Refusal:
        """What this is answered where there is no such thing."""
        ...


def refuse(api_key: ApiKey, command: Command[object] | Question[object], state: State) -> Refusal | None:
    """Why this key may not ask that, or None. Asked at each decision: a key may be revoked while its order waits."""
    known = state.api_keys.get(api_key.key_id)
    if known is None or known.revoked_at is not None:
        return unauthenticated()
    if getattr(command, "needs", None) not in known.permissions:
        return _not_permitted(f"The API key “{known.name}” may not do this.")
    if known.products is None:
        return None
    return _out_of_scope(known, command, state)


def in_scope(api_key: ApiKey, sku: str) -> bool:
    return api_key.products is None or sku in api_key.products


def unauthenticated() -> Refusal:
    return Refusal(
        Code.UNAUTHENTICATED,
        "No API key that is in force here was shown.",
        "Show one: Authorization: Bearer cnk_…; an administrator makes it.",
        run="control-room api-key create --name NAME --may take --all-products",
    )


def _out_of_scope(api_key: ApiKey, command: Command[object] | Question[object], state: State) -> Refusal | None:
    sku = getattr(command, "sku", None)
    if sku is not None:
        if in_scope(api_key, sku):
            return None
        return _not_permitted(f"The API key “{api_key.name}” is not for “{sku}”.")
    if not hasattr(command, "unknown"):
        return None  # it names no product: what it shows is limited by `in_scope` where it is answered
    named = cast("ById", command)
    sku = named.product(state)
    # as an unknown one: a key must not find out which ids there are
    return None if sku is None or in_scope(api_key, sku) else named.unknown(state)


def _not_permitted(message: str) -> Refusal:
    return Refusal(Code.NOT_PERMITTED, message, "Use a key that may; an administrator makes one.")
