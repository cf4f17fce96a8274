"""E3: the License File Request, site to vendor: signed, readable, totals only. No field is for a user, host or bot; the
text that people or programs chose is bounded in length and characters, and `exchange.free_text` lists it."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from carnet.entitlements import (
    Count,
    Fields,
    Metric,
    Quantity,
    Sku,
    Time,
    Uuid,
    Word,
)
from carnet.exchange.carried_license import CarriedLicense
from carnet.exchange.enablement_token import Version
from carnet.exchange.envelope import (
    MAX_CARRYING,
    MAX_FILE,
    Envelope,
    Kind,
    bad_signature,
    open_envelope,
    read_payload,
    too_large,
    verify_all,
    write_envelope,
)
from carnet.exchange.history import (
    CheckpointFields,
    Hash,
    History,
    Proof,
    hashes,
)
from carnet.exchange.issuing_log import ORIGIN
from carnet.exchange.keys import (
    AkpKey,
    OkpKey,
    PublicKey,
    Signer,
    sealing_public,
)
from carnet.exchange.reads import SiteReads
from carnet.exchange.strict import encode
from carnet.exchange.verdicts import Refusal
from carnet.exchange.windows import Windows, install_by
from carnet.merkle import leaf_hash, verify_inclusion
from carnet.printable import is_printable

# What people call a site. Some characters are left out that no name of a place needs, and those of users and hosts do.
SITE_NAME = r"^(?! )[^@\\<>\"|{}\[\]`^~$%*?=;\t\r\n]{1,64}(?<! )$"
SiteName = Annotated[str, Meta(min_length=1, max_length=64, pattern=SITE_NAME)]
SiteState = Literal["new", "enabled", "active", "expiring", "grace", "expired", "locked", "released"]  # S
MAX_TOTALS = 512  # lines that an LFR states
MAX_CODES = 64  # of refusals
CLEAR_LEAF = b"\x01\x00\x00\x00\x00"  # leaf format 1, key id 0: the record itself follows


class RequestKind(StrEnum):
    """Why a site asks. `release` is its last file (E11)."""

    INITIAL = "initial"
    CHANGE = "change"
    RENEWAL = "renewal"
    RELEASE = "release"


class ControlRoomFields(Fields, frozen=True):
    """Who asks: the identity of the Control Room, its release, and its public keys.

    Raises:
        ValueError: Nothing can be sealed to the sealing key.
    """

    id: Uuid
    name: SiteName
    version: Version
    signing_key: OkpKey
    sealing_key: AkpKey

    def __post_init__(self) -> None:
        super().__post_init__()
        sealing_public(self.sealing_key)  # it raises where nothing can be sealed to the key


class KeyPair(Fields, frozen=True):
    """The new public keys that a site changes to (E15).

    Raises:
        ValueError: Nothing can be sealed to the sealing key.
    """

    signing_key: OkpKey
    sealing_key: AkpKey

    def __post_init__(self) -> None:
        super().__post_init__()
        sealing_public(self.sealing_key)


class Enrolment(Fields, frozen=True):
    """The token that enrols the site, and the proof that the site has its secret: see `enrolment_proof` (E2)."""

    token_id: Uuid
    proof: Hash


class Cycle(Fields, frozen=True):
    """The open cycle that the request belongs to (E4)."""

    id: Uuid
    opened_at: Time
    withdrawn_before: Quantity  # cycles withdrawn since the last install (E14)


class Installed(Fields, frozen=True):
    """The OLF that is installed on the site."""

    olf_id: Uuid
    sequence: Count


class LineTotals(Fields, frozen=True):
    """The use of one line, in one period where it has one."""

    line_id: Uuid
    sku: Sku
    metric: Metric
    granted: Quantity
    in_use: Quantity
    peak_in_use: Quantity  # since the LFR that the installed OLF answers
    consumed: Quantity  # units, in the period
    period_start: Time | None
    owed: Quantity  # units above the quantity, within a permitted overage (Q5)
    reserved: Quantity  # units that open reservations hold, in whichever period (G2); not among `consumed`


class RefusalCount(Fields, frozen=True):
    """How often one code was refused, since the LFR that the installed OLF answers."""

    code: Word
    count: Count


class Totals(Fields, frozen=True):
    """All that a site states of its use.

    Raises:
        ValueError: A line is stated twice for one period.
    """

    lines: Annotated[list[LineTotals], Meta(max_length=MAX_TOTALS)]
    refusals: Annotated[list[RefusalCount], Meta(max_length=MAX_CODES)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len({(line.line_id, line.period_start) for line in self.lines}) != len(self.lines):
            raise ValueError("a line is stated twice for one period")


class TotalsRecord(Fields, frozen=True):
    """The ledger record that states the totals, whole (L3). In its one written form it is the content of the leaf."""

    index: Quantity
    at: Time
    kind: Literal["totals.stated"]
    actor: Literal["control-room"]
    key: None
    body: Totals

    def leaf(self) -> bytes:
        """The leaf of the record, as the ledger holds it."""
        return CLEAR_LEAF + encode(self)


class StatedTotals(Fields, frozen=True):
    """The totals, with the proof that their record is in the ledger (L3)."""

    record: TotalsRecord
    proof: Proof


class ClockFields(Fields, frozen=True):
    """The site's clocks: trusted time, the system clock, and how often and how far it was set back (T2), in seconds."""

    trusted: Time
    system: Time
    set_back_count: Quantity
    largest_set_back_s: Quantity


class LicenseFileRequest(Fields, frozen=True):
    """What a site states and asks for (E3).

    Raises:
        ValueError: It has a cycle although it is a release, or none although it is not; or its deadline does not
            follow from its cycle and its windows (E5); or a checkpoint is named after another log.
    """

    request_id: Uuid
    sequence: Count
    kind: RequestKind
    generated_at: Time
    install_by: Time | None  # as the site computes it from `windows` (E5); None for a release
    control_room: ControlRoomFields
    new_keys: KeyPair | None  # E15
    enrolment: Enrolment
    cycle: Cycle | None  # None for a release
    history_accepted: Quantity  # the newest acceptance that the totals include (L2); 0 for none
    smaller_than: Count | None  # only with `--since`: the size asked for, where the ledger is smaller
    installed: Installed | None
    state: SiteState
    key_set_version: Count
    issuing_log: CheckpointFields | None  # the vendor's log as this site last verified it (V2)
    totals: StatedTotals
    ledger: History
    clock: ClockFields
    windows: Windows  # that the site goes by (E18)
    reads: SiteReads  # E17
    license: CarriedLicense | None  # L6: only where it is asked for

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.kind is RequestKind.RELEASE) != (self.cycle is None):
            raise ValueError("a release, and nothing else, has no cycle")
        if self.ledger.checkpoint.origin != self.control_room.id:
            raise ValueError("its checkpoint is named after another ledger")
        if self.issuing_log is not None and self.issuing_log.origin != ORIGIN:
            raise ValueError("the checkpoint of the vendor's log is named after another log")
        if self.install_by != self._deadline():  # E5: a deadline follows from the rest of the file
            raise ValueError("its deadline is not the one that follows from its cycle and its windows")

    def _deadline(self) -> datetime | None:
        if self.cycle is None:
            return None
        if self.cycle.opened_at > self.generated_at:
            raise ValueError("it was generated before its cycle was opened")
        return install_by(self.cycle.opened_at, self.generated_at, self.windows)

    def totals_proven(self, leaf: bytes) -> bool:
        """True where the totals are the leaf just before the request's own, and the checkpoint includes it (L3).

        `leaf`: the record as it was received, or as the ledger holds it; it is never written again from another
        version.
        """
        record, at = self.totals.record, self.ledger.checkpoint.checkpoint
        proof = hashes(self.totals.proof)
        fresh = record.index == at.size - 2
        return fresh and verify_inclusion(leaf_hash(leaf), record.index, at.size, proof, at.root)


@dataclass(frozen=True)
class ReadLfr:
    """An LFR whose form and own signatures are good. `signer` is the thumbprint of the Control Room key that signed
    it.
    """

    lfr: LicenseFileRequest
    envelope: Envelope
    signer: str  # the thumbprint of the Control Room key that signed it

    def totals_proven(self) -> bool:
        """L3 by the received bytes: a leaf is a hash of what the site wrote, not of what is read from it (E17)."""
        totals = _members(self.envelope.payload)["totals"]
        return self.lfr.totals_proven(CLEAR_LEAF + bytes(_members(totals)["record"]))


def is_site_name(name: str) -> bool:
    """Whether a Control Room can be called so: 1 to 64 characters, none of them of those that an LFR refuses."""
    return re.fullmatch(SITE_NAME, name) is not None and is_printable(name)


def _members(text: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """An object's members, each as the very bytes that stand in it."""
    return msgspec.json.decode(text, type=dict[str, msgspec.Raw])


def write_lfr(lfr: LicenseFileRequest, signers: list[Signer], version: int | None = None) -> bytes:
    """The bytes of an LFR, in `version` (the newest for None), signed by each of `signers`."""
    return write_envelope(Kind.LFR, lfr, signers, version)


def most_bytes(carried: CarriedLicense | None) -> int:
    """Of an LFR, with or without the license in it (E19, L6)."""
    return MAX_CARRYING if carried else MAX_FILE


def read_lfr(raw: bytes, *, stored: bool = False) -> ReadLfr | Refusal:
    """Check form and signatures, by the key that the LFR names itself, and by the new one where it brings one
    (E15).

    `stored`: this side kept the file (E17). Not checked here: whether that key is the Control Room's. CALM judges that.

    Refused as `bad_signature`, or as `open_envelope` does.
    """
    envelope = open_envelope(raw, Kind.LFR, stored=stored)
    if isinstance(envelope, Refusal):
        return envelope
    lfr = read_payload(envelope, LicenseFileRequest)
    if isinstance(lfr, Refusal):
        return lfr
    if len(raw) > most_bytes(lfr.license):
        return too_large(MAX_FILE)
    required: list[PublicKey] = [lfr.control_room.signing_key]
    if lfr.new_keys:
        required.append(lfr.new_keys.signing_key)
    if verify_all(envelope, required):
        return bad_signature(Kind.LFR, "it is not signed by the keys that it names")
    return ReadLfr(lfr, envelope, lfr.control_room.signing_key.kid)
