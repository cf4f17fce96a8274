"""Who is assigned to which product, in the order in which they were (Q4); each person once, in the order of names; and
who may be one person under two names (G2).

All orders are derived, and no part of a snapshot: a page of a hundred thousand users must not sort them all.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import ItemsView, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

import msgspec

from carnet.control_room.state.acquisition_order import AcquisitionOrder
from carnet.control_room.state.names import Twins

_NOBODY: Mapping[str, "Assigned"] = MappingProxyType({})


class Assigned(msgspec.Struct):
    since: datetime
    number: int  # of the record that assigned


class Users(msgspec.Struct, dict=True):
    """By product. A product that somebody was ever assigned to is in it."""

    by_sku: dict[str, dict[str, Assigned]] = {}

    def __post_init__(self) -> None:
        self._rolls = {
            sku: AcquisitionOrder((each.number, user) for user, each in of.items()) for sku, of in self.by_sku.items()
        }
        self._people = sorted({_order(user) for of in self.by_sku.values() for user in of})
        self._twins: dict[str, Twins] = {}  # of those products for which it was asked

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_sku)

    def __getitem__(self, sku: str) -> Mapping[str, Assigned]:
        return self.by_sku[sku]

    def items(self) -> ItemsView[str, dict[str, Assigned]]:
        return self.by_sku.items()

    def of(self, sku: str) -> Mapping[str, Assigned]:
        """Those assigned to the product, the earliest first."""
        return self.by_sku.get(sku, _NOBODY)

    def roll(self, sku: str) -> AcquisitionOrder:
        return self._rolls.get(sku) or AcquisitionOrder()

    def assign(self, sku: str, user: str, at: datetime, number: int) -> None:
        if self._is_new(user):
            insort(self._people, _order(user))
        self.by_sku.setdefault(sku, {})[user] = Assigned(at, number)
        self._rolls.setdefault(sku, AcquisitionOrder()).add(number, user)
        if sku in self._twins:
            self._twins[sku].add(user)

    def unassign(self, sku: str, user: str) -> None:
        assigned = self.by_sku.get(sku, {}).pop(user, None)
        if assigned is None:
            return
        self._rolls[sku].remove(assigned.number)
        if sku in self._twins:
            self._twins[sku].remove(user)
        if self._is_new(user):
            del self._people[bisect_left(self._people, _order(user))]

    def spelled(self, user: str) -> str:
        """How somebody who is assigned to something spells this name, whatever its case; else as given."""
        place = bisect_left(self._people, (user.casefold(), ""))
        same = place < len(self._people) and self._people[place][0] == user.casefold()
        return self._people[place][1] if same else user

    def twins_of(self, sku: str, user: str) -> list[str]:
        """G2: those assigned to the product who may be this person, under another name."""
        if sku not in self._twins:
            self._twins[sku] = Twins(self.of(sku))
        return self._twins[sku].of(user)

    def count_people(self) -> int:
        return len(self._people)

    def people(self, after: str = "") -> Iterator[tuple[str, str]]:
        """Each person once, as written in small letters and as is, by name; those after this name, who may be gone."""
        start = bisect_right(self._people, _order(after)) if after else 0
        for place in range(start, len(self._people)):
            yield self._people[place]

    def products_of(self, user: str) -> list[tuple[str, Assigned]]:
        """By sku."""
        return [(sku, self.by_sku[sku][user]) for sku in sorted(self.by_sku) if user in self.by_sku[sku]]

    def _is_new(self, user: str) -> bool:
        return not any(user in of for of in self.by_sku.values())


def _order(user: str) -> tuple[str, str]:
    return user.casefold(), user
