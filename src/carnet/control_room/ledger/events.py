"""The kinds of record; each is a struct of its body.

Law of the format: a version of a kind never changes. A new field is a new version of its kind, and a new meaning is a
new kind (E17). A body states as facts what the engine decided: nothing in it is computed again when the ledger is
folded, so that a later release with other arithmetic folds an old ledger to the same state.
"""

from typing import Literal

from carnet.control_room.ledger.kinds import (
    CLEAR,
    KINDS,
    SUPERSEDED,
    Event,
    Superseded,
    kind,
    own_event_of,
    superseded,
)
from carnet.entitlements import Count, Fields, Line, Quantity, Sha256, Sku, Text, Time, Uuid
from carnet.exchange.history import CheckpointFields
from carnet.exchange.issuing_log import LogBreak
from carnet.exchange.key_set import KeySet, Trust
from carnet.exchange.keys import AkpKey, OkpKey
from carnet.exchange.license_file_request import Cycle, Enrolment, KeyPair, RequestKind, Totals
from carnet.exchange.offline_license_file import AddedUnits
from carnet.exchange.reads import VendorReads
from carnet.exchange.windows import Windows

# The registry is imported from here too: then all kinds are registered.
__all__ = ["CLEAR", "KINDS", "SUPERSEDED", "Event", "Superseded", "kind", "own_event_of", "superseded"]

# --- the site and its exchange ---------------------------------------------------------------------------------


@kind("site.initialised")
class SiteInitialised(Event, frozen=True):
    """The site was set up: its identity, its public keys, and the vendor's roots that it trusts."""

    control_room_id: Uuid
    name: Text
    version: Text
    signing_key: OkpKey
    sealing_key: AkpKey
    trust: Trust
    names: Literal["exact", "fold"] = "exact"  # G2: whether names of users differ by case


@kind("site.upgraded")
class SiteUpgraded(Event, frozen=True):
    """Another release opened the ledger for the first time."""

    version: Text


@kind("ledger.restored")
class LedgerRestored(Event, frozen=True):
    """A backup of `size` records was restored. `nonce` makes two copies of it differ from their first record on."""

    size: Quantity
    nonce: Sha256


@kind("site.moved")
class SiteMoved(Event, frozen=True):
    """The site goes to another machine: the last record here (L7). `place`: the machine and folder that it leaves."""

    place: Text


@kind("site.arrived")
class SiteArrived(Event, frozen=True):
    """A site that moved goes on (L7), at `place`. `nonce` makes two copies of it differ from their first record on."""

    place: Text
    nonce: Sha256


@kind("rollback.found")
class RollbackFound(Event, frozen=True):
    """A caller showed a checkpoint that this ledger gave out and no longer contains: the ledger was rolled back."""

    size: Quantity
    root: Sha256


@kind("key_set.taken")
class KeySetTaken(Event, frozen=True):
    """A newer key set of the vendor was taken (E16)."""

    key_set: KeySet


@kind("issuing_log.broken")
class LogBroken(Event, frozen=True):
    """The vendor's roots state that CALM was restored, and from where its issuing log goes on (L6). `seen`: the log as
    this site saw it last before, which stays here as evidence; None where it saw none.
    """

    seen: CheckpointFields | None
    stated: LogBreak


@kind("token.installed")
class TokenInstalled(Event, frozen=True):
    """An enablement token was installed (E2). The one-time secret is not kept, only the proof of it."""

    token_id: Uuid
    account_id: Uuid
    account_name: Text
    enrolment: Enrolment
    windows: Windows  # in force until the first OLF (E18)
    reads: VendorReads  # E17


@kind("request.asked")
class RequestAsked(Event, frozen=True):
    """Who asked for a request: the actor of this record. `request.generated` leaves the site and names no person."""

    request: RequestKind


@kind("totals.stated", clear=True)
class TotalsStated(Totals, Event, frozen=True):
    """The totals that the next request states (L3). A clear leaf."""


@kind("request.generated", clear=True)
class RequestGenerated(Event, frozen=True):
    """An LFR was generated (E3). A clear leaf."""

    request_id: Uuid
    sequence: Count
    request: RequestKind
    cycle: Cycle | None
    install_by: Time | None
    new_keys: KeyPair | None
    nonce: Text  # 16 random bytes, so that two clones never write the same


@kind("cycle.withdrawn")
class CycleWithdrawn(Event, frozen=True):
    """The open cycle was withdrawn (E14)."""

    cycle_id: Uuid


@kind("cycle.missed")
class CycleMissed(Event, frozen=True):
    """The open cycle was missed (E8). `locks`: whether that locks the site, by its windows."""

    cycle_id: Uuid
    locks: bool


@kind("license.installed")
class LicenseInstalled(Event, frozen=True):
    """An OLF was installed (E7). `file_sha256` is the SHA-256 of its file, in hex."""

    olf_id: Uuid
    sequence: Count
    license_guid: Uuid
    request_id: Uuid
    account_name: Text
    issued_at: Time
    acknowledged: Count  # size of the checkpoint that CALM acknowledges
    issuing_log: CheckpointFields
    file_sha256: Sha256
    lines: list[Line]
    settled: list[Uuid]  # lines that are stated no more (Q3)
    windows: Windows  # in force from this record on (E18)
    reads: VendorReads  # E17


@kind("history.accepted")
class HistoryAccepted(Event, frozen=True):
    """The vendor accepted another history (L2). `add`: units that were consumed in the one it saw before."""

    number: Count
    add: list[AddedUnits]


@kind("receipt.written")
class ReceiptWritten(Event, frozen=True):
    """A receipt was written for an installed OLF (H2)."""

    olf_id: Uuid


@kind("state.changed")
class StateChanged(Event, frozen=True):
    """The state of the site changed by time or by a file (S)."""

    was: Text
    now: Text


@kind("refused")
class Refused(Event, frozen=True):
    """A rule refused a file or a command. `sku`: a product that is licensed here."""

    what: Text
    code: Text
    message: str
    file_sha256: Sha256 | None
    sku: Sku | None  # of a product that is or was licensed here


class CountedRefusal(Fields, frozen=True):
    """How often one kind of refusal got no record of its own."""

    what: Text
    code: Text
    sku: Sku | None
    count: Count


@kind("refusals.counted")
class RefusalsCounted(Event, frozen=True):
    """Refusals that got no record of their own, because there were too many (G7)."""

    counts: list[CountedRefusal]


# --- access ----------------------------------------------------------------------------------------------------


@kind("api_key.created")
class ApiKeyCreated(Event, frozen=True):
    """An API key was made (A1). Only the SHA-256 of the secret is kept (A2): 256 random bits need no slow hash."""

    key_id: Text
    name: Text
    secret_sha256: Sha256
    products: list[Sku] | None  # None: all of them
    permissions: list[Text]
    expires_at: Time | None = None  # None: it counts until it is revoked


@kind("api_key.renamed")
class ApiKeyRenamed(Event, frozen=True):
    """People call an API key by another name; it is the same key."""

    key_id: Text
    name: Text


@kind("api_key.revoked")
class ApiKeyRevoked(Event, frozen=True):
    """An API key was revoked."""

    key_id: Text


@kind("person.added")
class PersonAdded(Event, frozen=True):
    """A person may sign in to the pages (A1). Passwords are not in the ledger (A2)."""

    name: Text
    role: Text


@kind("person.changed")
class PersonChanged(Event, frozen=True):
    """A person has another role, or may no longer sign in (A1)."""

    name: Text
    role: Text | None  # None: may no longer sign in


@kind("person.asked")
class PersonAsked(Event, frozen=True):
    """An act on a person waits for a second administrator (A3)."""

    proposal: Uuid
    act: Text
    name: Text
    role: Text | None  # of somebody new, or the other role
    reason: Text


@kind("person.settled")
class PersonSettled(Event, frozen=True):
    """What waited for a second administrator was confirmed, or taken back (A3). What it does is a record of its own."""

    proposal: Uuid
    confirmed: bool


@kind("person.machine_acted")
class PersonMachineActed(Event, frozen=True):
    """Whoever has the machine did an act on a person that takes two people elsewhere (A3), or vouched (A4)."""

    act: Text
    name: Text


@kind("person.identity_bound")
class PersonIdentityBound(Event, frozen=True):
    """A person signs in by an issuer too from now on (A5). Who they are there is not in the ledger."""

    name: Text
    identity: Text  # the issuer's id, a colon, and the SHA-256 of who it is there


@kind("access.noted")
class AccessNoted(Event, frozen=True):
    """An act that changes no license: a sign-in, a refused one, a backup or an export that was downloaded."""

    what: Text
    about: Text | None


# --- time ------------------------------------------------------------------------------------------------------


@kind("clock.set_back")
class ClockSetBack(Event, frozen=True):
    """The system clock is behind trusted time by so many seconds (T2)."""

    by_seconds: Count


@kind("clock.caught_up")
class ClockCaughtUp(Event, frozen=True):
    """The system clock has caught up with trusted time (T2)."""


@kind("clock.raised")
class ClockRaised(Event, frozen=True):
    """The vendor's time in an OLF is ahead of this machine by so many seconds (T1). This record has that time."""

    by_seconds: Count


@kind("clock.lowered")
class ClockLowered(Event, frozen=True):
    """The vendor allowed to lower the clock mark (T3). This record has the lowered time; `was` is the mark before."""

    was: Time


@kind("leases.extended")
class LeasesExtended(Event, frozen=True):
    """Every lease and reservation that ran at `since` gets its whole time to live again, from this record on (G6)."""

    since: Time
    reason: Text


# --- granting --------------------------------------------------------------------------------------------------


class Granting(Event, frozen=True):
    """The base of the bodies that are written thousands of times a second.

    Their texts are ids made here, products of the license and names that the decision has checked, so that they are not
    checked again.
    """

    def __post_init__(self) -> None:
        pass


@kind("answer.remembered")
class AnswerRemembered(Event, frozen=True):
    """A change with an idempotency key that left no other record to carry its answer (G5)."""


class Draw(Fields, frozen=True):
    """Units that are drawn from one line, in its period where it has one (Q2)."""

    line_id: str
    period_start: Time | None
    units: Count

    def __post_init__(self) -> None:
        """No check, as in `Granting`."""


@kind("seat.assigned")
class SeatAssigned(Granting, frozen=True):
    """A license was assigned to a named user (G2)."""

    sku: str
    user: str


@kind("seat.unassigned")
class SeatUnassigned(Granting, frozen=True):
    """The license of a named user was taken back (G2)."""

    sku: str
    user: str


@kind("seat.acquired")
class SeatAcquired(Granting, frozen=True):
    """A seat was leased (G2). `expires_at` is in trusted time."""

    sku: str
    lease_id: str
    holder: str
    ttl_seconds: Count
    expires_at: Time


@kind("seat.renewed")
class SeatRenewed(Granting, frozen=True):
    """A lease got its whole time to live again (G2)."""

    sku: str
    lease_id: str
    expires_at: Time


@kind("seat.released")
class SeatReleased(Granting, frozen=True):
    """A seat was given back (G2)."""

    sku: str
    lease_id: str


@kind("seat.expired")
class SeatExpired(Granting, frozen=True):
    """A lease was not renewed in time (G2)."""

    sku: str
    lease_id: str


@kind("units.consumed")
class UnitsConsumed(Granting, frozen=True):
    """Units were consumed. The `draws` add up to `units`."""

    sku: str
    units: Count
    draws: list[Draw]


@kind("units.reserved")
class UnitsReserved(Granting, frozen=True):
    """Units were set aside (G2). The `draws` add up to `units`."""

    sku: str
    reservation_id: str
    units: Count
    draws: list[Draw]
    ttl_seconds: Count
    expires_at: Time


@kind("units.settled")
class UnitsSettled(Granting, frozen=True):
    """So many units of a reservation were consumed (G2); the rest of them is free again."""

    sku: str
    reservation_id: str
    units: Count
    draws: list[Draw]


@kind("reservation.cancelled")
class ReservationCancelled(Granting, frozen=True):
    """A reservation was given back (G2)."""

    sku: str
    reservation_id: str


@kind("reservation.expired")
class ReservationExpired(Granting, frozen=True):
    """A reservation was not settled in time (G2)."""

    sku: str
    reservation_id: str
