"""The state: all that decisions need to know, as a fold of the ledger (`evolve`). It can always be rebuilt.

The structs are msgspec's, so that a snapshot of the state is one call. Only `evolve` changes them.
"""

from datetime import datetime
from typing import Any

import msgspec

from carnet import times
from carnet.control_room.state.exchange_log import ExchangeLog
from carnet.control_room.state.leases import Leases
from carnet.control_room.state.piecewise_cache import PiecewiseCache
from carnet.control_room.state.reservations import Reservations
from carnet.control_room.state.trusted_time import NEVER
from carnet.control_room.state.usage_counters import UsageCounters
from carnet.control_room.state.users import Users
from carnet.entitlements import Line, Metric, Period
from carnet.exchange.history import CheckpointFields
from carnet.exchange.issuing_log import LogBreak
from carnet.exchange.key_set import KeySet, Pinned, Trust
from carnet.exchange.keys import AkpKey, OkpKey
from carnet.exchange.license_file_request import (
    Cycle,
    Enrolment,
    KeyPair,
    RequestKind,
)
from carnet.exchange.reads import VendorReads
from carnet.exchange.windows import Windows, cycle_ends


class InstalledLicense(msgspec.Struct, dict=True):
    olf_id: str
    sequence: int
    license_guid: str
    account_name: str
    issued_at: datetime
    installed_at: datetime
    acknowledged: int
    file_sha256: str
    lines: list[Line]

    def __post_init__(self) -> None:
        self.grants: PiecewiseCache[Any] = (
            PiecewiseCache()
        )  # what its lines grant by time: derived, and no part of a snapshot


class LineMemory(msgspec.Struct):
    """What stays known of a line after an OLF left it out: enough to state its totals and to judge E10."""

    sku: str
    metric: Metric
    quantity: int  # that it had last
    period: Period | None
    token_id: str  # of the enrolment that it belongs to


class NewestLfr(msgspec.Struct):
    request_id: str
    sequence: int
    kind: RequestKind
    generated_at: datetime
    install_by: datetime | None


class OpenCycle(msgspec.Struct):
    fields: Cycle
    missed: bool = False


class Shown(msgspec.Struct):
    """A checkpoint that left the site in an LFR or receipt."""

    of: str
    size: int


class SeenBreak(msgspec.Struct, frozen=True):
    """L6: the vendor's log was broken, as the roots stated it; and what was seen of the log here before."""

    at: datetime  # when this site took it
    seen: CheckpointFields | None
    stated: LogBreak
    installed: str  # the OLF that was installed here then; empty where none was


class ApiKey(msgspec.Struct, frozen=True):
    """A1: what a bot or product shows. The secret is not kept, only its SHA-256."""

    key_id: str
    name: str
    secret_sha256: str
    products: list[str] | None  # None: all of them
    permissions: list[str]  # of `granting.permissions`
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None


VOUCHED = "vouched"  # an act of the machine (A4)
FACTORS_REMOVED = "second factors removed"  # an access that is noted: what opened this name opens it no more (A3)


class Touch(msgspec.Struct, frozen=True):
    """N5: who changed something last, and with which record."""

    index: int
    by: str
    at: datetime


class Person(msgspec.Struct, frozen=True):
    """A1: somebody who signs in at the pages, and as what."""

    name: str
    role: str | None  # of `granting.people`; None: may sign in no more
    added_at: datetime
    changed: Touch | None = None  # the last other role


class AskedAct(msgspec.Struct, frozen=True):
    """A3: an act on a person that waits for a second administrator."""

    proposal: str
    act: str
    name: str
    role: str | None
    reason: str
    by: str
    at: datetime


class Vouched(msgspec.Struct, frozen=True):
    """A4: `by` vouched for `name`; the machine did where `by` is empty."""

    by: str
    name: str
    at: datetime


class SettledAct(msgspec.Struct, frozen=True):
    """A3: what became of an act that waited for a second administrator."""

    confirmed: bool
    touch: Touch


class ActOfTwo(msgspec.Struct, frozen=True):
    """A4: two people who did an act together."""

    one: str
    other: str
    at: datetime


class MachineAct(msgspec.Struct, frozen=True):
    """A3: an act on a person that was done on the machine, in whose name."""

    act: str
    name: str
    by: str
    at: datetime


class SeenRefusal(msgspec.Struct):
    """G7: one of those that got a record of their own."""

    at: datetime
    actor: str
    what: str
    code: str
    message: str


class State(msgspec.Struct):
    # the ledger and the site
    size: int = 0
    mark: datetime = NEVER  # T1
    control_room_id: str = ""
    name: str = ""
    version: str = ""
    state_name: str = "new"  # as last recorded
    # trust and keys
    trust: Trust | None = None
    key_set: KeySet | None = None
    signing_key: OkpKey | None = None
    sealing_key: AkpKey | None = None
    new_keys: KeyPair | None = None  # E15, until an install or the cycle's end
    # the exchange
    tokens_seen: list[str] = []
    enrolment: Enrolment | None = None
    account_name: str = ""
    windows: Windows = Windows()  # E18: of the installed OLF, before the first one of the token
    request_sequence: int = 0
    newest_lfr: NewestLfr | None = None
    cycle: OpenCycle | None = None
    withdrawn: int = 0  # since the last install
    locked: bool = False  # E8
    released: bool = False  # E11
    moved: bool = False  # L7: it went to another machine
    restored: str = ""  # what sets the copy that a backup became apart from what it was before
    installed: InstalledLicense | None = None
    installed_ids: list[str] = []
    highest_sequence: int = 0
    issuing_log: CheckpointFields | None = None  # V2
    log_breaks: list[SeenBreak] = []  # L6
    history_accepted: int = 0  # L2
    vendor_reads: VendorReads | None = None  # E17: as the token or the OLF installed last states it
    shown: list[Shown] = []
    shown_before: list[Shown] = []  # what the vendor acknowledged since; a CALM that was restored may need it (L6)
    exchange: ExchangeLog = msgspec.field(default_factory=ExchangeLog)
    # use
    lines: dict[str, LineMemory] = {}
    meters: dict[str, dict[str, int]] = {}  # Q2: line, then period ("" where it has none)
    names: str = "exact"  # G2: exact | fold
    users: Users = msgspec.field(default_factory=Users)
    leases: dict[str, Leases] = {}
    reservations: Reservations = msgspec.field(default_factory=Reservations)
    peaks: dict[str, int] = {}  # by product, since the LFR that the installed OLF answers
    peaks_since: dict[str, int] = {}  # the same since the newest LFR: what an install goes on from
    tallies: dict[str, UsageCounters] = {}  # by product, of each that a license here ever named
    refusals: dict[str, int] = {}  # by code, since the LFR that the installed OLF answers
    refusals_since: dict[str, int] = {}  # the same since the newest LFR
    newest_refusals: dict[str, list[SeenRefusal]] = {}  # by product, the newest last
    rollbacks: dict[str, int] = {}  # checkpoints shown here that are not in this ledger: root and size
    api_keys: dict[str, ApiKey] = {}  # by id
    people: dict[str, Person] = {}  # by name; a person who was removed stays known
    asked_acts: dict[str, AskedAct] = {}  # by proposal
    settled_acts: dict[str, SettledAct] = {}  # by proposal
    vouched: list[Vouched] = []
    acts_of_two: list[ActOfTwo] = []
    machine_acts: list[MachineAct] = []
    identities: dict[str, str] = {}  # by name of the person: of an issuer (A5)
    # clocks
    behind: bool = False
    lead: int = 0  # seconds by which the vendor's time was ahead of this machine, until its clock caught up
    set_back_count: int = 0
    lowered: list[int] = []  # the records by which time was lowered (T3): from there on it rises again
    largest_set_back: int = 0  # seconds

    @property
    def pinned(self) -> Pinned:
        assert self.trust is not None, "a ledger begins with site.initialised"
        return Pinned(self.trust, self.key_set)

    def name_key(self, user: str) -> str:
        """G2: two names with one key are one user here."""
        return user.casefold() if self.names == "fold" else user

    def spelled(self, user: str) -> str:
        """G2: as this user was spelled first, of those who are assigned to something; else as given."""
        return self.users.spelled(user) if self.names == "fold" else user

    @property
    def open_cycle(self) -> Cycle | None:
        """The cycle that an OLF may still answer, or that is to be recorded as missed."""
        return self.cycle.fields if self.cycle and not self.cycle.missed else None

    @property
    def cycle_ends(self) -> datetime | None:
        """E4: when the open cycle is missed; None where none is open. Its windows are those that are in force: what
        changes them closes it."""
        cycle = self.open_cycle
        return cycle_ends(cycle.opened_at, self.windows) if cycle else None

    def consumed(self, line_id: str, period_start: datetime | None) -> int:
        return self.meters.get(line_id, {}).get(period_key(period_start), 0)


def period_key(period_start: datetime | None) -> str:
    return times.iso(period_start) if period_start else ""
