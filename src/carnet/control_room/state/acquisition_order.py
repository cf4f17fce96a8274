"""In which order holders came, so that a page of them, and the place of one among them, cost no look at all the others.

A holder is numbered by the record that granted it: a fact that never changes and always rises. Rolls are derived from
what holds the numbers, and no part of a snapshot.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class AcquisitionOrder:
    """Who came, the earliest first."""

    def __init__(self, came: Iterable[tuple[int, str]] = ()) -> None:
        ordered = sorted(came)
        self._numbers = [number for number, _ in ordered]
        self._who = [who for _, who in ordered]

    def __len__(self) -> int:
        return len(self._who)

    def add(self, number: int, who: str) -> None:
        """`number` is higher than any that is here."""
        self._numbers.append(number)
        self._who.append(who)

    def remove(self, number: int) -> None:
        place = bisect_left(self._numbers, number)
        del self._numbers[place], self._who[place]

    def rank(self, number: int) -> int:
        """How many came before."""
        return bisect_left(self._numbers, number)

    def newest(self, before: int | None = None) -> Iterator[tuple[int, str]]:
        """Number and name, the newest first; those that came before this number."""
        end = len(self._numbers) if before is None else bisect_left(self._numbers, before)
        for place in range(end - 1, -1, -1):
            yield self._numbers[place], self._who[place]

    def oldest(self, after: int | None = None) -> Iterator[tuple[int, str]]:
        start = 0 if after is None else bisect_right(self._numbers, after)
        for place in range(start, len(self._numbers)):
            yield self._numbers[place], self._who[place]
