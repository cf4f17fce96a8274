"""A1: what a key that is limited to some products is shown of the whole."""

from dataclasses import replace
from typing import Any

from carnet.control_room.authority.state import ApiKey
from carnet.control_room.authority.usage import Usage
from carnet.control_room.authority.views import Status
from carnet.control_room.granting.permissions import in_scope


def visible(answer: object, key: ApiKey) -> object:
    """The answer without the products that are not this key's. Refusals are counted over all products: left out."""
    if key.products is None or not isinstance(answer, Status | Usage):
        return answer
    products, lines = _mine(answer.products, key), _mine(answer.lines, key)
    if isinstance(answer, Usage):
        return replace(answer, products=products, lines=lines, holders=_mine(answer.holders, key), refusals=[])
    return replace(answer, products=products, lines=lines)


def _mine(views: list[Any], key: ApiKey) -> list[Any]:
    return [view for view in views if in_scope(key, view.sku)]
