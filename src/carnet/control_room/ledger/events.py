"""The kinds of record, each a struct of its body. Law of the format: a version of a kind never changes; a new field is
a new version of its kind, and a new meaning is a new kind (E17). What the engine decided is written here as facts:
nothing in a body is computed again when the ledger is folded, so that a later release with other arithmetic folds an
old ledger to the same state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import msgspec

from carnet.control_room.ledger.record import Record
from carnet.entitlements import (
    Count,
    Fields,
    Line,
    Quantity,
    Sha256,
    Sku,
    Text,
    Time,
    Uuid,
)
from carnet.errors import NewerVersionError, TamperedError
from carnet.exchange.history import CheckpointFields
from carnet.exchange.key_set import KeySet, Trust
from carnet.exchange.keys import AkpKey, OkpKey
from carnet.exchange.license_file_request import (
    Cycle,
    Enrolment,
    KeyPair,
    RequestKind,
    Totals,
)
from carnet.exchange.offline_license_file import AddedUnits
from carnet.exchange.reads import VendorReads
from carnet.exchange.windows import Windows

KINDS: dict[str, type["Event"]] = {}
CLEAR: set[str] = set()  # kinds whose whole content leaves the site anyway

E = TypeVar("E", bound="type[Event]")
S = TypeVar("S", bound=type[Fields])


class Event(Fields, frozen=True):
    kind: ClassVar[str]
    form: ClassVar[int] = 1  # E17: the version of the kind that is written


def kind(name: str, *, clear: bool = False, version: int = 1) -> Callable[[E], E]:
    """A kind of record, in the version that is written."""

    def register(event: E) -> E:
        if name in KINDS:
            raise ValueError(f"{name} is taken")
        event.kind, event.form = name, version
        KINDS[name] = event
        if clear:
            CLEAR.add(name)
        return event

    return register


@dataclass(frozen=True)
class Superseded:
    """E17: a kind as an older version wrote it, and what makes it the one that is folded today."""

    shape: type[Fields]
    upgrade: Callable[[Any], Event]


SUPERSEDED: dict[tuple[str, int], Superseded] = {}


def superseded(name: str, version: int, upgrade: Callable[[Any], Event]) -> Callable[[S], S]:
    """A version of a kind that is written no more, and read for good. Stands below the version that is written."""

    def register(shape: S) -> S:
        if (name, version) in SUPERSEDED or not 0 < version < KINDS[name].form:
            raise ValueError(f"version {version} of {name} is taken, or is not an older one")
        SUPERSEDED[name, version] = Superseded(shape, upgrade)
        return shape

    return register


_DECODERS: dict[tuple[str, int], Callable[[Any], Event]] = {}


def own_event_of(record: Record) -> Event:
    """The body of a record that the writer wrote, many times a second, as its kind is today.

    Raises TamperedError for an unknown kind or a body that no release wrote; NewerVersionError for a version of a kind
    that only a newer release knows (E17).
    """
    decode_body = _DECODERS.get((record.kind, record.version)) or _decoder_of(record)
    try:
        return decode_body(record.body)
    except ValueError as error:
        raise TamperedError(f"record {record.index} ({record.kind}) cannot be understood: {error}") from error


def _decoder_of(record: Record) -> Callable[[Any], Event]:
    known = KINDS.get(record.kind)
    if known is None:
        raise TamperedError(f"record {record.index} ({record.kind}) is of no kind that this release knows")
    if record.version > known.form:
        raise NewerVersionError(
            f"Record {record.index} ({record.kind}) is of version {record.version}; this release of the Control Room "
            f"reads up to version {known.form}. Nothing was changed.",
            "Use the release that wrote the ledger, or a newer one.",
        )
    found = _decoder(known) if record.version == known.form else _upgrader(SUPERSEDED[record.kind, record.version])
    _DECODERS[record.kind, record.version] = found
    return found


def _decoder(event: type[Event]) -> Callable[[Any], Event]:
    return msgspec.json.Decoder(event).decode


def _upgrader(old: Superseded) -> Callable[[Any], Event]:
    decoder, upgrade = msgspec.json.Decoder(old.shape), old.upgrade
    return lambda body: upgrade(decoder.decode(body))


# --- the site and its exchange ---------------------------------------------------------------------------------


@kind("site.initialised")
class SiteInitialised(Event, frozen=True):
    control_room_id: Uuid
    name: Text
    version: Text
    signing_key: OkpKey
    sealing_key: AkpKey
    trust: Trust


@kind("site.upgraded")
class SiteUpgraded(Event, frozen=True):
    version: Text


@kind("ledger.restored")
class LedgerRestored(Event, frozen=True):
    """A backup was put back. `nonce` makes two copies of it differ from their first record on."""

    size: Quantity
    nonce: Sha256


@kind("rollback.found")
class RollbackFound(Event, frozen=True):
    """A caller showed a checkpoint that this ledger gave out, and that is not in its history: it was rolled back."""

    size: Quantity
    root: Sha256


@kind("key_set.taken")
class KeySetTaken(Event, frozen=True):
    key_set: KeySet


@kind("token.installed")
class TokenInstalled(Event, frozen=True):
    """The one-time secret is not kept: only the proof that it was here."""

    token_id: Uuid
    account_id: Uuid
    account_name: Text
    enrolment: Enrolment
    windows: Windows  # E18: until the first OLF
    reads: VendorReads  # E17


@kind("request.asked")
class RequestAsked(Event, frozen=True):
    """Who asked for a request (the actor of this record); `request.generated` leaves the site and names nobody."""

    request: RequestKind


@kind("totals.stated", clear=True)
class TotalsStated(Totals, Event, frozen=True):
    pass


@kind("request.generated", clear=True)
class RequestGenerated(Event, frozen=True):
    request_id: Uuid
    sequence: Count
    request: RequestKind
    cycle: Cycle | None
    install_by: Time | None
    new_keys: KeyPair | None
    nonce: Text  # 16 random bytes, so that two clones never write the same


@kind("cycle.withdrawn")
class CycleWithdrawn(Event, frozen=True):
    cycle_id: Uuid


@kind("cycle.missed")
class CycleMissed(Event, frozen=True):
    cycle_id: Uuid
    locks: bool


@kind("license.installed")
class LicenseInstalled(Event, frozen=True):
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
    windows: Windows  # E18: from here on
    reads: VendorReads  # E17


@kind("history.accepted")
class HistoryAccepted(Event, frozen=True):
    number: Count
    add: list[AddedUnits]


@kind("receipt.written")
class ReceiptWritten(Event, frozen=True):
    olf_id: Uuid


@kind("state.changed")
class StateChanged(Event, frozen=True):
    was: Text
    now: Text


@kind("refused")
class Refused(Event, frozen=True):
    what: Text
    code: Text
    message: str
    file_sha256: Sha256 | None
    sku: Sku | None  # of a product that a license here named


class CountedRefusal(Fields, frozen=True):
    what: Text
    code: Text
    sku: Sku | None
    count: Count


@kind("refusals.counted")
class RefusalsCounted(Event, frozen=True):
    """G7: refusals that got no record of their own, because too many came."""

    counts: list[CountedRefusal]


# --- access ----------------------------------------------------------------------------------------------------


@kind("api_key.created")
class ApiKeyCreated(Event, frozen=True):
    """A1. The secret itself is nowhere (A2): 256 random bits need no slow hash."""

    key_id: Text
    name: Text
    secret_sha256: Sha256
    products: list[Sku] | None  # None: all of them
    permissions: list[Text]


@kind("api_key.revoked")
class ApiKeyRevoked(Event, frozen=True):
    key_id: Text


@kind("person.added")
class PersonAdded(Event, frozen=True):
    """A1: somebody who may sign in at the pages. Passwords are not in the ledger (A2)."""

    name: Text
    role: Text


@kind("person.changed")
class PersonChanged(Event, frozen=True):
    name: Text
    role: Text | None  # None: may sign in no more


@kind("access.noted")
class AccessNoted(Event, frozen=True):
    """An act at the pages that changes no license: signed in, refused at the door, a backup or an export taken away."""

    what: Text
    about: Text | None


# --- time ------------------------------------------------------------------------------------------------------


@kind("clock.set_back")
class ClockSetBack(Event, frozen=True):
    """T2: the system clock lags behind trusted time by so much."""

    by_seconds: Count


@kind("clock.caught_up")
class ClockCaughtUp(Event, frozen=True):
    pass


@kind("clock.raised")
class ClockRaised(Event, frozen=True):
    """T1: the vendor's time in an OLF is ahead of this machine by so much. This record's own time is the vendor's."""

    by_seconds: Count


@kind("clock.lowered")
class ClockLowered(Event, frozen=True):
    """T3: the mark, by the vendor's permission. This record's own time is the lowered one."""

    was: Time


@kind("leases.extended")
class LeasesExtended(Event, frozen=True):
    """G6: every lease, and every reservation, that ran at `since` gets one time to live from this record on."""

    since: Time
    reason: Text


# --- granting --------------------------------------------------------------------------------------------------


class Granting(Event, frozen=True):
    """Thousands of these are written in a second, and read when a site starts. What is in them is always readable: ids
    made here, products and quantities of the license, and names that the decision has checked. So nothing is asked
    again: neither a pattern, nor of each text whether it can be written."""

    def __post_init__(self) -> None:
        pass


@kind("answer.remembered")
class AnswerRemembered(Event, frozen=True):
    """G5: a change with an idempotency key that left no other record to carry its answer."""


class Draw(Fields, frozen=True):
    """Units drawn from one line, in its period where it has one."""

    line_id: str
    period_start: Time | None
    units: Count

    def __post_init__(self) -> None:
        """As of the events that it is part of."""


@kind("seat.assigned")
class SeatAssigned(Granting, frozen=True):
    sku: str
    user: str


@kind("seat.unassigned")
class SeatUnassigned(Granting, frozen=True):
    sku: str
    user: str


@kind("seat.acquired")
class SeatAcquired(Granting, frozen=True):
    sku: str
    lease_id: str
    holder: str
    ttl_seconds: Count
    expires_at: Time


@kind("seat.renewed")
class SeatRenewed(Granting, frozen=True):
    sku: str
    lease_id: str
    expires_at: Time


@kind("seat.released")
class SeatReleased(Granting, frozen=True):
    sku: str
    lease_id: str


@kind("seat.expired")
class SeatExpired(Granting, frozen=True):
    sku: str
    lease_id: str


@kind("units.consumed")
class UnitsConsumed(Granting, frozen=True):
    sku: str
    units: Count
    draws: list[Draw]


@kind("units.reserved")
class UnitsReserved(Granting, frozen=True):
    sku: str
    reservation_id: str
    units: Count
    draws: list[Draw]
    ttl_seconds: Count
    expires_at: Time


@kind("units.settled")
class UnitsSettled(Granting, frozen=True):
    """So many of the reserved units are consumed; the rest of them is free again."""

    sku: str
    reservation_id: str
    units: Count
    draws: list[Draw]


@kind("reservation.cancelled")
class ReservationCancelled(Granting, frozen=True):
    sku: str
    reservation_id: str


@kind("reservation.expired")
class ReservationExpired(Granting, frozen=True):
    sku: str
    reservation_id: str
