"""A1: what a key that is limited to some products is shown of the whole."""

from dataclasses import replace
from typing import Any, TypeVar

from carnet.control_room.api.metrics import Figures
from carnet.control_room.authority import questions
from carnet.control_room.authority.decision import Question
from carnet.control_room.authority.state import ApiKey
from carnet.control_room.authority.usage import Usage
from carnet.control_room.authority.views import Status
from carnet.control_room.granting.permissions import in_scope

T = TypeVar("T", Status, Usage)


def within(question: Question, key: ApiKey) -> Question:
    """The question of this key: a page of holders is a page of its own products' holders."""
    return replace(question, products=key.products) if isinstance(question, questions.Usage) else question


def visible(answer: object, key: ApiKey) -> object:
    """The answer without the products that are not this key's. Refusals are counted over all products: left out."""
    if isinstance(answer, Figures):
        return replace(answer, status=_of(answer.status, key))
    if isinstance(answer, Usage) and key.products is not None:
        return replace(_of(answer, key), refusals=[])
    return _of(answer, key) if isinstance(answer, Status) else answer


def _of(answer: T, key: ApiKey) -> T:
    if key.products is None:
        return answer
    return replace(answer, products=_mine(answer.products, key), lines=_mine(answer.lines, key))


def _mine(views: list[Any], key: ApiKey) -> list[Any]:
    return [view for view in views if in_scope(key, view.sku)]
