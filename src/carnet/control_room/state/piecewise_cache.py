"""What is constant between two moments is worked out once for the whole span, instead of at each decision in it."""

from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from typing import Generic, TypeVar

T = TypeVar("T")

_EVER = datetime.max.replace(tzinfo=UTC)
_ALWAYS = datetime.min.replace(tzinfo=UTC)


class PiecewiseCache(Generic[T]):
    """Remembers, by name, the last value of a function of time, and from when until when it is the same."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[datetime, datetime, T]] = {}

    def known(self, name: Hashable, now: datetime) -> T | None:
        """The value, where it is already known for this moment."""
        known = self._known.get(name)
        return known[2] if known and known[0] <= now < known[1] else None

    def remember(self, name: Hashable, now: datetime, value: T, changes: Iterable[datetime]) -> T:
        """`changes`: all the moments at which the value may become another one."""
        moments = list(changes)
        since = max((moment for moment in moments if moment <= now), default=_ALWAYS)
        until = min((moment for moment in moments if moment > now), default=_EVER)
        self._known[name] = since, until, value
        return value
