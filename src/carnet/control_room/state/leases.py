"""The leases of one product: who holds them, in the order in which they were acquired (Q4), and when each ends (G2).

How many run at a moment is asked at each decision, so it must not cost a look at each of ten thousand leases. The order
by end and the order of coming are derived, and no part of a snapshot.
"""

from bisect import bisect_left, insort
from datetime import datetime
from typing import Any

import msgspec

from carnet.control_room.state.acquisition_order import AcquisitionOrder

_AFTER_ANY_ID = "~"  # ids are hexadecimal


class Lease(msgspec.Struct):
    holder: str
    ttl_seconds: int
    expires_at: datetime
    since: datetime
    number: int  # of the record that granted it


class Leases(msgspec.Struct, dict=True):
    by_id: dict[str, Lease] = {}

    def __post_init__(self) -> None:
        self._of: dict[str, set[str]] = {}
        for lease_id, lease in self.by_id.items():
            self._of.setdefault(lease.holder.casefold(), set()).add(lease_id)
        self._ends = sorted((lease.expires_at, lease_id) for lease_id, lease in self.by_id.items())
        self.roll = AcquisitionOrder((lease.number, lease_id) for lease_id, lease in self.by_id.items())

    def add(self, lease_id: str, lease: Lease) -> None:
        self.by_id[lease_id] = lease
        self._of.setdefault(lease.holder.casefold(), set()).add(lease_id)
        insort(self._ends, (lease.expires_at, lease_id))
        self.roll.add(lease.number, lease_id)

    def extend(self, lease_id: str, expires_at: datetime) -> None:
        lease = self.by_id[lease_id]
        self._forget_end(lease_id, lease)
        lease.expires_at = expires_at
        insort(self._ends, (expires_at, lease_id))

    def remove(self, lease_id: str) -> None:
        lease = self.by_id.pop(lease_id, None)
        if lease:
            self._forget_end(lease_id, lease)
            self.roll.remove(lease.number)
            self._forget_holder(lease_id, lease)

    def rank(self, lease: Lease, now: datetime) -> int:
        """How many of those that run were acquired before it."""
        over = sum(self.by_id[each].number < lease.number for each in self.expired(now))
        return self.roll.rank(lease.number) - over

    def find(self, lease_id: str, now: datetime) -> Lease | None:
        """The lease of this id, if it runs."""
        lease = self.by_id.get(lease_id)
        return lease if lease and now < lease.expires_at else None

    def count(self, now: datetime) -> int:
        """How many run. An end is the first moment that is too late."""
        return len(self._ends) - bisect_left(self._ends, (now, _AFTER_ANY_ID))

    def newest_of(self, holder: str, now: datetime, *, exact: bool) -> str | None:
        """The lease of this holder that runs; of several the one that was acquired last. `exact`: a name in another
        case is another holder's (G2)."""
        named = [each for each in self._of.get(holder.casefold(), ()) if not exact or self.by_id[each].holder == holder]
        own = [lease_id for lease_id in named if self.find(lease_id, now)]
        return max(own, key=lambda lease_id: self.by_id[lease_id].number, default=None)

    def running(self, now: datetime) -> list[str]:
        """Those that run, the earliest acquired first."""
        return [lease_id for lease_id, lease in self.by_id.items() if now < lease.expires_at]

    def expired(self, now: datetime) -> list[str]:
        """Those that have ended and are not yet recorded so, the first to end first."""
        return [lease_id for _, lease_id in self._ends[: bisect_left(self._ends, (now, _AFTER_ANY_ID))]]

    def _forget_holder(self, lease_id: str, lease: Lease) -> None:
        key = lease.holder.casefold()
        own = self._of[key]
        own.discard(lease_id)
        if not own:
            del self._of[key]

    def _forget_end(self, lease_id: str, lease: Lease) -> None:
        end: tuple[datetime, Any] = (lease.expires_at, lease_id)
        del self._ends[bisect_left(self._ends, end)]
