"""A1, A2: who asks, and what a key that is limited to some products is shown.

`Authorization: Bearer cnk_<id>_<secret>`; kept is only the SHA-256 of the secret. An unknown id costs what a known one
with a wrong secret costs.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any

from carnet.control_room.engine.engine import QueuedCommand
from carnet.control_room.ledger.record import API_KEY
from carnet.control_room.queries import questions
from carnet.control_room.queries.status import Status, banner_words
from carnet.control_room.queries.usage import Usage
from carnet.control_room.rest.monitoring import Figures
from carnet.control_room.rules.decision import Command, Question
from carnet.control_room.rules.granting.api_keys import read_key
from carnet.control_room.rules.granting.permissions import in_scope
from carnet.control_room.rules.granting.preconditions import IDEMPOTENCY_KEY
from carnet.control_room.state.state import ApiKey

_SCHEME = b"bearer "
_NOBODY = sha256(b"").hexdigest()
_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY.encode())


def authenticate(header: bytes | None, keys: Mapping[str, ApiKey], now: Callable[[], datetime]) -> ApiKey | None:
    """The key that was shown, if it is in force. The scheme may be written in any case. `now` is trusted time, asked
    for only where a key has an end."""
    if header is None or header[: len(_SCHEME)].lower() != _SCHEME:
        return None
    read = read_key(header[len(_SCHEME) :])
    if read is None:
        return None
    key_id, shown = read
    known = keys.get(key_id)
    same = compare_digest(shown, known.secret_sha256 if known else _NOBODY)
    if not same or known is None or known.revoked_at is not None:
        return None
    return known if known.expires_at is None or now() < known.expires_at else None


def order(command: Command[object], key: ApiKey, idempotency: bytes | None) -> QueuedCommand:
    """The command as this key's: records name the public part of it, and idempotency keys are its own (G5)."""
    return QueuedCommand(command, f"{API_KEY}{key.key_id}", None if idempotency is None else idempotency.decode(), key)


def is_idempotency_key(text: bytes) -> bool:
    return _IDEMPOTENCY_KEY.fullmatch(text) is not None


def within(question: Question[object], key: ApiKey) -> Question[object]:
    """The question of this key: a page of holders is a page of its own products' holders."""
    return replace(question, products=key.products) if isinstance(question, questions.Usage) else question


def visible_figures(figures: Figures, key: ApiKey) -> Figures:
    return replace(figures, status=_status(figures.status, key))


def visible(answer: object, key: ApiKey) -> object:
    """The answer without the products that are not this key's. Refusals are counted over all products: left out."""
    if isinstance(answer, Usage) and key.products is not None:
        mine = _mine(answer.products, key)
        return replace(answer, products=mine, lines=_mine(answer.lines, key), refusals=[])
    return _status(answer, key) if isinstance(answer, Status) else answer


def _status(answer: Status, key: ApiKey) -> Status:
    """What becomes less of other products would name them, and say how many hold them: left out of the banners too."""
    if key.products is None:
        return answer
    mine, words = _mine(answer.products, key), banner_words(answer.notice)
    return replace(answer, products=mine, lines=_mine(answer.lines, key), coming=None, banner=words)


def _mine(views: list[Any], key: ApiKey) -> list[Any]:
    return [view for view in views if in_scope(key, view.sku)]
