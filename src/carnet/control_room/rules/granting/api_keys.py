"""A1, A2: API keys, which bots and products show. The key is said once, when it is made; kept is only its SHA-256."""

import re
from base64 import b32encode
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import ClassVar

from carnet.control_room.ledger.events import ApiKeyCreated, ApiKeyRenamed, ApiKeyRevoked
from carnet.control_room.rules.decision import Command, Decision, Moment, Question, SecretAnswer, View
from carnet.control_room.rules.granting.permissions import PERMISSIONS
from carnet.control_room.rules.granting.preconditions import malformed
from carnet.control_room.state.state import ApiKey, State
from carnet.exchange.keys import RandomBytes
from carnet.exchange.verdicts import Code, Refusal
from carnet.printable import is_printable

ID_BYTES, SECRET_BYTES = 5, 32  # 8 and 52 characters
_SKU = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_KEY = re.compile(rb"cnk_([a-z2-7]{8})_([a-z2-7]{52})")


@dataclass(frozen=True)
class ApiKeyAnswer(SecretAnswer):
    key_id: str
    name: str
    products: list[str] | None  # None: all of them
    permissions: list[str]
    key: str | None = field(default=None, repr=False)  # only in the answer to its making
    expires_at: datetime | None = None

    def without_secret(self) -> "ApiKeyAnswer":
        return replace(self, key=None)


@dataclass(frozen=True)
class ApiKeyView:
    key_id: str
    name: str
    products: list[str] | None
    permissions: list[str]
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True)
class ApiKeys:
    keys: list[ApiKeyView]  # the earliest made first


@dataclass(frozen=True)
class CreateApiKey(Command[ApiKeyAnswer]):
    """`products` None: all of them. With a repeated idempotency key the answer comes without the key itself: who lost
    it revokes that key and makes another."""

    name: str
    products: list[str] | None
    permissions: list[str]
    expires_at: datetime | None = None  # None: it counts until it is revoked
    what: ClassVar[str] = "api-key create"

    def decide(self, state: State, moment: Moment) -> Decision[ApiKeyAnswer] | Refusal:
        refusal = self._check()
        if refusal:
            return refusal
        if self.expires_at is not None and self.expires_at <= moment.now:
            return malformed("The key would have ended before it was made.")
        key_id = _new_id(state, moment.random)
        secret = _base32(moment.random(SECRET_BYTES))
        permissions = [each for each in PERMISSIONS if each in self.permissions]
        products = None if self.products is None else sorted(set(self.products))
        event = ApiKeyCreated(
            key_id=key_id,
            name=self.name,
            secret_sha256=digest(secret),
            products=products,
            permissions=permissions,
            expires_at=self.expires_at,
        )
        shown = f"cnk_{key_id}_{secret}"
        return Decision([event], ApiKeyAnswer(key_id, self.name, products, permissions, shown, self.expires_at))

    def _check(self) -> Refusal | None:
        if refusal := _name_refusal(self.name):
            return refusal
        if not self.permissions or not set(self.permissions) <= set(PERMISSIONS):
            return malformed(f"A key has at least one permission of: {', '.join(PERMISSIONS)}.")
        if self.products is not None and not self.products:
            return malformed("A key is for at least one product, or for all.")
        wrong = next((sku for sku in self.products or () if not _SKU.fullmatch(sku)), None)
        return malformed(f"{wrong!r} is not the sku of a product.") if wrong is not None else None


@dataclass(frozen=True)
class RevokeApiKey(Command[ApiKeyAnswer]):
    """From the next decision on the key counts no more. Twice is the same as once."""

    key_id: str
    what: ClassVar[str] = "api-key revoke"

    def decide(self, state: State, _: Moment) -> Decision[ApiKeyAnswer] | Refusal:
        known = state.api_keys.get(self.key_id)
        if known is None:
            return _unknown()
        answer = ApiKeyAnswer(known.key_id, known.name, known.products, known.permissions, expires_at=known.expires_at)
        return Decision([] if known.revoked_at else [ApiKeyRevoked(key_id=self.key_id)], answer)


@dataclass(frozen=True)
class RenameApiKey(Command[ApiKeyAnswer]):
    """It is the same key, for those who look at the list. A key that was revoked keeps the name it had."""

    key_id: str
    name: str
    what: ClassVar[str] = "api-key rename"

    def decide(self, state: State, _: Moment) -> Decision[ApiKeyAnswer] | Refusal:
        known = state.api_keys.get(self.key_id)
        if known is None or known.revoked_at:
            return _unknown()
        if refusal := _name_refusal(self.name):
            return refusal
        answer = ApiKeyAnswer(known.key_id, self.name, known.products, known.permissions, expires_at=known.expires_at)
        same = known.name == self.name
        return Decision([] if same else [ApiKeyRenamed(key_id=self.key_id, name=self.name)], answer)


def _unknown() -> Refusal:
    return Refusal(
        Code.NOT_FOUND,
        "There is no API key of this id in force.",
        "See which there are.",
        run="control-room api-key list",
    )


def _name_refusal(name: str) -> Refusal | None:
    if not 1 <= len(name) <= 200 or not name.strip() or not is_printable(name):
        return malformed("A key's name has 1 to 200 printable characters.")
    return None


@dataclass(frozen=True)
class ListApiKeys(Question[ApiKeys]):
    what: ClassVar[str] = "api-key list"

    def answer(self, view: View) -> ApiKeys:
        return ApiKeys([_view(key) for key in view.state.api_keys.values()])


def read_key(shown: bytes) -> tuple[str, str] | None:
    """The id, and the SHA-256 of the secret, of a key as it is shown; None where it does not look like one."""
    found = _KEY.fullmatch(shown)
    return (found[1].decode(), sha256(found[2]).hexdigest()) if found else None


def digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _new_id(state: State, random: RandomBytes) -> str:
    key_id = _base32(random(ID_BYTES))
    return key_id if key_id not in state.api_keys else _new_id(state, random)


def _base32(data: bytes) -> str:
    return b32encode(data).decode().rstrip("=").lower()


def _view(key: ApiKey) -> ApiKeyView:
    return ApiKeyView(
        key.key_id, key.name, key.products, key.permissions, key.created_at, key.revoked_at, key.expires_at
    )
