"""G2, Q4: concurrent seats. A lease belongs to a holder and has a time to live, judged at each decision."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from carnet.control_room.ledger.events import SeatAcquired, SeatReleased, SeatRenewed
from carnet.control_room.rules.decision import Command, Decision, Moment
from carnet.control_room.rules.grant import (
    ProductGrant,
    count_leases,
    grant_of,
    is_covered,
)
from carnet.control_room.rules.granting.preconditions import (
    DEFAULT_TTL,
    MAX_TTL,
    MIN_TTL,
    check_name,
    exhausted,
    malformed,
    may_serve,
    may_take,
    no_longer_granted,
    not_covered,
    nothing_granted,
)
from carnet.control_room.state.leases import Lease
from carnet.control_room.state.state import State
from carnet.entitlements import Taking, new_id
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import later


class SeatAnswer(msgspec.Struct, frozen=True):
    sku: str
    lease_id: str
    holder: str
    expires_at: datetime | None  # None once given back
    in_use: int
    granted: int


@dataclass(frozen=True)
class AcquireSeat(Command[SeatAnswer]):
    """`resume`: a holder that has a lease of the product gets the newest one back, renewed, instead of another (G2)."""

    sku: str
    holder: str
    ttl_seconds: int = DEFAULT_TTL
    resume: bool = False
    what: ClassVar[str] = "acquire"
    needs: ClassVar[str] = "take"

    def decide(self, state: State, moment: Moment) -> Decision[SeatAnswer] | Refusal:
        refusal = check_name(self.holder, "holder's name") or _check_ttl(self.ttl_seconds)
        own = self._own(state, moment.now) if self.resume and not refusal else None
        if own:
            return RenewSeat(own).decide(state, moment)
        running = count_leases(state, self.sku, moment.now)
        grant = may_acquire(state, self.sku, moment.now, running=running, malformed=refusal)
        if isinstance(grant, Refusal):
            return grant
        lease_id = new_id(moment.now, moment.random)
        expires = later(moment.now, timedelta(seconds=self.ttl_seconds))
        event = SeatAcquired(
            sku=self.sku, lease_id=lease_id, holder=self.holder, ttl_seconds=self.ttl_seconds, expires_at=expires
        )
        return Decision([event], SeatAnswer(self.sku, lease_id, self.holder, expires, running + 1, grant.quantity))

    def _own(self, state: State, now: datetime) -> str | None:
        leases = state.leases.get(self.sku)
        return leases.newest_of(self.holder, now, exact=state.names == "exact") if leases else None


def may_acquire(
    state: State, sku: str, now: datetime, *, running: int, malformed: Refusal | None = None
) -> ProductGrant | Refusal:
    """Whether a seat may be taken while so many are. `malformed`: what is wrong with how it was asked for."""
    grant = may_take(state, sku, Taking.ACQUIRE, now)
    if isinstance(grant, Refusal):
        return grant
    if malformed:
        return malformed
    if grant.quantity == 0:
        return nothing_granted(grant, sku)
    return exhausted(grant.line.name, grant.quantity) if running >= grant.quantity else grant


@dataclass(frozen=True)
class RenewSeat(Command[SeatAnswer]):
    """Granted on a locked site too (E8), as long as the lease is covered (Q4)."""

    lease_id: str
    what: ClassVar[str] = "renew"
    needs: ClassVar[str] = "take"

    def decide(self, state: State, moment: Moment) -> Decision[SeatAnswer] | Refusal:
        refusal = may_serve(state)
        if refusal:
            return refusal
        sku, lease = find_lease(state, self.lease_id, moment.now)
        if lease is None:
            return _unknown(self.lease_id)
        limit = _limit(state, sku, moment.now)
        covered = is_covered(state, sku, self.lease_id, moment.now)
        refusal = may_renew(state, sku, lease.holder, moment.now, covered=covered)
        if refusal:
            return refusal
        expires = later(moment.now, timedelta(seconds=lease.ttl_seconds))
        using = count_leases(state, sku, moment.now)
        answer = SeatAnswer(sku, self.lease_id, lease.holder, expires, using, limit)
        return Decision([SeatRenewed(sku=sku, lease_id=self.lease_id, expires_at=expires)], answer)

    def product(self, state: State) -> str | None:
        return lease_product(state, self.lease_id)

    def unknown(self, state: State) -> Refusal:
        return may_serve(state) or _unknown(self.lease_id)


@dataclass(frozen=True)
class ReleaseSeat(Command[SeatAnswer]):
    """Giving back is always granted, in every state."""

    lease_id: str
    what: ClassVar[str] = "release"
    needs: ClassVar[str] = "take"

    def decide(self, state: State, moment: Moment) -> Decision[SeatAnswer] | Refusal:
        sku, lease = find_lease(state, self.lease_id, moment.now)
        if lease is None:
            return _unknown(self.lease_id)
        using, limit = count_leases(state, sku, moment.now), _limit(state, sku, moment.now)
        answer = SeatAnswer(sku, self.lease_id, lease.holder, None, using - 1, limit)
        return Decision([SeatReleased(sku=sku, lease_id=self.lease_id)], answer)

    def product(self, state: State) -> str | None:
        return lease_product(state, self.lease_id)

    def unknown(self, _: State) -> Refusal:
        return _unknown(self.lease_id)


def find_lease(state: State, lease_id: str, now: datetime) -> tuple[str, Lease | None]:
    """The product and the lease of this id, if it is still running."""
    for sku, leases in state.leases.items():
        lease = leases.find(lease_id, now)
        if lease:
            return sku, lease
    return "", None


def may_renew(state: State, sku: str, holder: str, now: datetime, *, covered: bool) -> Refusal | None:
    """Q4: why this lease is not renewed: nothing is granted any more, or others came earlier."""
    refusal = may_serve(state)
    if refusal or covered:
        return refusal
    grant = grant_of(state, sku, now)
    if grant is None or grant.quantity == 0:
        return no_longer_granted(state, sku, now)
    return not_covered(f"The lease of {holder}", grant.line.name, grant.quantity, "release the seat of")


def _check_ttl(seconds: int) -> Refusal | None:
    if MIN_TTL <= seconds <= MAX_TTL:
        return None
    return malformed(f"A seat's time to live is {MIN_TTL} to {MAX_TTL:,} seconds.")


def _limit(state: State, sku: str, now: datetime) -> int:
    grant = grant_of(state, sku, now)
    return grant.quantity if grant else 0


def lease_product(state: State, lease_id: str) -> str | None:
    return next((sku for sku, leases in state.leases.items() if lease_id in leases.by_id), None)


def _unknown(lease_id: str) -> Refusal:
    return Refusal(
        Code.UNKNOWN_LEASE, f"No lease {lease_id} is running here: it was given back or expired.", "Acquire a new seat."
    )
