"""Which records fit what is searched for, and where to look for those of a time without reading all the others.

Times rise from record to record, but where a clock was lowered (T3). Between two lowerings they are sorted.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec

from carnet.control_room.ledger.record import Record
from carnet.control_room.rules.decision import View

LONGEST = 200  # characters of what is searched for


@dataclass(frozen=True)
class RecordFilter:
    kind: str | None = None
    actor: str | None = None
    text: str = ""  # a part of the actor's name or of what the body says, in small or capital letters
    since: datetime | None = None
    until: datetime | None = None  # the first moment that is too late

    @property
    def is_all(self) -> bool:
        return self == RecordFilter()

    def fits(self, record: Record) -> bool:
        if self.kind not in (None, record.kind) or self.actor not in (None, record.actor):
            return False
        if (self.since and record.at < self.since) or (self.until and record.at >= self.until):
            return False
        return not self.text or self._is_said(record)

    def _is_said(self, record: Record) -> bool:
        wanted = self.text.casefold()
        if wanted in record.actor.casefold():
            return True
        raw = bytes(record.body).decode().casefold()
        if wanted not in raw and "\\" not in raw:  # most say it nowhere, and are not taken apart
            return False
        return any(wanted in text.casefold() for text in _said(msgspec.json.decode(record.body)))


def _said(value: Any) -> Iterator[str]:
    """Every value in a body, as text; not the names of its fields."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _said(each)
    elif value is not None:
        yield str(value)


def bounds(view: View, wanted: RecordFilter) -> tuple[int, int]:
    """From which record on, and before which, all are that can be of the time that is wanted."""
    size = view.checkpoint.size
    parts = [(first, end) for first, end in pairwise([0, *view.state.lowered, size]) if first < end]
    start, end = 0, size
    if wanted.since:
        start = min((found for part in parts if (found := _first(view, part, wanted.since)) < part[1]), default=size)
    if wanted.until:
        end = max((found for part in parts if (found := _first(view, part, wanted.until)) > part[0]), default=0)
    return start, max(start, end)


def _first(view: View, part: Sequence[int], at: datetime) -> int:
    """The first record of the part that is of this time or later; its end where there is none."""
    return part[0] + bisect_left(range(*part), at, key=lambda index: _at(view, index))


def _at(view: View, index: int) -> datetime:
    return next(view.records(index)).at
