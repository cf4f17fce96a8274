"""A1, A2: who asks. `Authorization: Bearer cnk_<id>_<secret>`; kept is only the SHA-256 of the secret.

An unknown id costs what a known one with a wrong secret costs.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest

from carnet.control_room.authority.decision import Command
from carnet.control_room.authority.state import ApiKey
from carnet.control_room.engine.order import Order
from carnet.control_room.granting.api_keys import read_key
from carnet.control_room.granting.rules import IDEMPOTENCY_KEY

_SCHEME = b"bearer "
_NOBODY = sha256(b"").hexdigest()
_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY.encode())


def authenticate(header: bytes | None, keys: Mapping[str, ApiKey]) -> ApiKey | None:
    """The key that was shown, if it is in force. The scheme may be written in any case."""
    if header is None or header[: len(_SCHEME)].lower() != _SCHEME:
        return None
    read = read_key(header[len(_SCHEME) :])
    if read is None:
        return None
    key_id, shown = read
    known = keys.get(key_id)
    same = compare_digest(shown, known.secret_sha256 if known else _NOBODY)
    return known if same and known is not None and known.revoked_at is None else None


def order(command: Command, key: ApiKey, idempotency: bytes | None) -> Order:
    """The command as this key's: records name the public part of it, and idempotency keys are its own (G5)."""
    return Order(command, f"cnk_{key.key_id}", None if idempotency is None else idempotency.decode(), key)


def is_idempotency_key(text: bytes) -> bool:
    return _IDEMPOTENCY_KEY.fullmatch(text) is not None
