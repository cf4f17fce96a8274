"""G7: refusals are counted, and sampled into the ledger, so that a flood of them cannot fill it.

Of what is refused with the same code to the same kind of order, the first few in a minute get a record each. The rest
are counted here, and the counts become one record: a minute later at the latest, before an exchange states totals, and
when the site is closed. A process that is killed loses at most a minute's counts, and no refusal that was recorded.
"""

from collections import Counter
from datetime import datetime, timedelta

from carnet.control_room.ledger.events import CountedRefusal, RefusalsCounted
from carnet.control_room.rules.decision import Command

IN_FULL = 10  # of one kind in one minute
COUNTED_AFTER = timedelta(minutes=1)
KINDS = 256  # that are counted apart; beyond that, products are no longer told apart
_Kind = tuple[str, str, str | None]  # what, code, sku


def is_sampled(command: Command[object]) -> bool:
    """What bots and products may ask comes by the thousand; what people do, and files, by the piece."""
    return hasattr(command, "needs")


class RefusalCounts:
    def __init__(self) -> None:
        self._minute: datetime | None = None
        self._in_full: Counter[tuple[str, str]] = Counter()
        self._counts: Counter[_Kind] = Counter()
        self._since: datetime | None = None

    def gets_a_record(self, what: str, code: str, sku: str | None, now: datetime) -> bool:
        """Whether this refusal is recorded by itself; else it is counted."""
        minute = now.replace(second=0)
        if minute != self._minute:
            self._minute, self._in_full = minute, Counter()
        self._in_full[what, code] += 1
        if self._in_full[what, code] <= IN_FULL:
            return True
        kind = (what, code, sku)
        self._counts[kind if kind in self._counts or len(self._counts) < KINDS else (what, code, None)] += 1
        self._since = self._since or now
        return False

    def due(self, now: datetime) -> bool:
        return bool(self._counts) and not (self._since and self._since <= now < self._since + COUNTED_AFTER)

    def take(self) -> RefusalsCounted | None:
        """What was counted and is in no record yet; from now on it is the caller's to record, or to give back."""
        counts = [
            CountedRefusal(what=what, code=code, sku=sku, count=count)
            for (what, code, sku), count in sorted(self._counts.items(), key=lambda each: str(each[0]))
        ]
        self._counts, self._since = Counter(), None
        return RefusalsCounted(counts=counts) if counts else None

    def give_back(self, event: RefusalsCounted) -> None:
        """The record of these counts could not be written."""
        for each in event.counts:
            self._counts[each.what, each.code, each.sku] += each.count
