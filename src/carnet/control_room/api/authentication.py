"""A1, A2: who asks. `Authorization: Bearer cnk_<id>_<secret>`; kept is only the SHA-256 of the secret.

An unknown id costs what a known one with a wrong secret costs.
"""

from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest

from carnet.control_room.authority.decision import Command
from carnet.control_room.authority.state import ApiKey
from carnet.control_room.engine.order import Order

_SCHEME, _PREFIX = b"bearer ", b"cnk_"
_ID = slice(len(_SCHEME) + len(_PREFIX), len(_SCHEME) + len(_PREFIX) + 8)
_SECRET = slice(_ID.stop + 1, _ID.stop + 1 + 52)
_NOBODY = sha256(b"").hexdigest()


def authenticate(header: bytes | None, keys: Mapping[str, ApiKey]) -> ApiKey | None:
    """The key that was shown, if it is in force."""
    if header is None:
        return None
    known = keys.get(header[_ID].decode("latin-1"))
    shown = sha256(header[_SECRET]).hexdigest()
    same = compare_digest(shown, known.secret_sha256 if known else _NOBODY)
    if not same or known is None or known.revoked_at is not None:
        return None
    return known if _has_form(header) else None


def _has_form(header: bytes) -> bool:
    """What lies around the id and the secret: the scheme, in any case, and nothing else."""
    start = header[: len(_SCHEME)]
    return (
        len(header) == _SECRET.stop
        and (start == b"Bearer " or start.lower() == _SCHEME)
        and header[len(_SCHEME) : _ID.start] == _PREFIX
        and header[_ID.stop : _SECRET.start] == b"_"
    )


def order(command: Command, key: ApiKey, idempotency: bytes | None) -> Order:
    """The command as this key's: records name the public part of it, and idempotency keys are its own (G5)."""
    return Order(command, f"cnk_{key.key_id}", None if idempotency is None else idempotency.decode(), key)


def is_idempotency_key(text: bytes) -> bool:
    return 1 <= len(text) <= 64 and text.isascii() and text.decode().isprintable()
