"""A site as CALM sees it: real signed LFRs and receipts over a real Merkle ledger in memory, and none of the product's
own code for sites. It can be forked, rolled back and re-keyed, and it can be made to lie.

Not here: whether the site's own rules would allow what a test makes it do.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from carnet.entitlements import Line
from carnet.exchange.carried_license import carry
from carnet.exchange.enablement_token import Token, enrolment_proof
from carnet.exchange.envelope import JwsFields
from carnet.exchange.history import (
    CheckpointFields,
    Extension,
    History,
    checkpoint_fields,
    texts,
)
from carnet.exchange.issuing_log import check_log, goes_on_from, new_breaks
from carnet.exchange.key_set import KeySet
from carnet.exchange.keys import (
    ED25519,
    Opener,
    RandomBytes,
    Signer,
    new_opener,
    new_signer,
)
from carnet.exchange.license_file_request import (
    ClockFields,
    ControlRoomFields,
    Cycle,
    Enrolment,
    Installed,
    KeyPair,
    LicenseFileRequest,
    LineTotals,
    RequestKind,
    StatedTotals,
    Totals,
    TotalsRecord,
    write_lfr,
)
from carnet.exchange.offline_license_file import OfflineLicenseFile, SealedBody, open_body
from carnet.exchange.reads import site_reads
from carnet.exchange.receipt import Receipt, write_receipt
from carnet.exchange.strict import encode, from_base64url
from carnet.exchange.windows import Windows, install_by, is_missed
from carnet.merkle import (
    Checkpoint,
    Peaks,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
)

Where = tuple[str, datetime | None]


@dataclass
class Ledger:
    """Leaves, and the nodes that prove them."""

    peaks: Peaks = field(default_factory=Peaks)
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def append(self, leaf: bytes) -> None:
        tip, index = leaf_hash(leaf), self.peaks.size
        self.peaks, completed = self.peaks.append(tip)
        for level, value in enumerate((tip, *completed)):
            self.nodes[level, index >> level] = value

    @property
    def size(self) -> int:
        return self.peaks.size

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.size, self.peaks.root)

    def node(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]


@dataclass
class Site:
    """`random` makes its keys and ids; a fork keeps the keys and goes its own way."""

    random: RandomBytes
    id: str
    name: str = "Plant North"
    version: str = "40.0.0"
    signer: Signer = field(init=False)
    opener: Opener = field(init=False)
    next_keys: tuple[Signer, Opener] | None = None
    ledger: Ledger = field(default_factory=Ledger)
    token: Token | None = None
    sequence: int = 0
    cycle: tuple[str, datetime] | None = None
    withdrawn: int = 0
    installed: OfflineLicenseFile | None = None
    lines: dict[str, Line] = field(default_factory=dict)  # every line ever had in this enrolment
    granted: dict[str, int] = field(default_factory=dict)  # now
    in_use: dict[str, int] = field(default_factory=dict)
    consumed: dict[Where, int] = field(default_factory=dict)
    reserved: dict[str, int] = field(default_factory=dict)  # by line
    history_accepted: int = 0
    shown_before: list[tuple[str, int]] = field(default_factory=list)
    shown: list[tuple[str, int]] = field(default_factory=list)  # files since the install, and their sizes
    issuing_log: CheckpointFields | None = None
    key_set_version: int = 1
    key_set: KeySet | None = None
    raw_key_set: bytes = b""
    raw_license: bytes = b""  # the installed OLF
    clock_ahead: Any = None  # a timedelta by which its system clock is wrong
    state: str = "new"
    windows: Windows = field(default_factory=Windows)  # E18: of the installed OLF, before the first one of the token
    first_file: bool = True  # the next OLF is the first of its enrolment: with it the lines before are no more stated

    def __post_init__(self) -> None:
        self.signer, self.opener = new_signer(ED25519, self.random), new_opener(self.random)

    def fork(self) -> "Site":
        """A copy of the machine, or a backup of it."""
        shared = (self.random, self.signer, self.opener, self.next_keys)
        return deepcopy(self, {id(one): one for one in shared})

    def new_uuid(self) -> str:
        text = self.random(16).hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def note(self, count: int = 1) -> None:
        """Records of ordinary days."""
        for _ in range(count):
            self.ledger.append(self.random(40))

    # the exchange

    def install_token(self, raw: bytes) -> None:
        jws = msgspec.json.decode(raw, type=JwsFields)
        self.token = msgspec.json.decode(from_base64url(jws.payload), type=Token)
        self.installed, self.granted, self.in_use, self.cycle = None, {}, {}, None
        self.windows = self.token.windows
        self.state, self.first_file = "enabled", True
        self._take_key_set(self.token.key_set)
        self.note()

    def take_key_set(self, raw: bytes) -> None:
        """As a file of its own."""
        self._take_key_set(msgspec.json.decode(raw, type=JwsFields))
        self.note()

    def _take_key_set(self, jws: JwsFields) -> None:
        """E16, L6: not judged here; what it states of the vendor's log is taken."""
        key_set = msgspec.json.decode(from_base64url(jws.payload), type=KeySet)
        if self.key_set is None or key_set.version > self.key_set_version:
            known = self.key_set.log_breaks if self.key_set else []
            self.issuing_log = goes_on_from(self.issuing_log, new_breaks(known, key_set.log_breaks))
            self.key_set, self.key_set_version, self.raw_key_set = key_set, key_set.version, encode(jws)

    def withdraw(self) -> None:
        self.cycle, self.withdrawn = None, self.withdrawn + 1
        self.note()

    def use(self, sku: str, *, in_use: int | None = None, consume: int = 0, now: datetime | None = None) -> None:
        line = next(line for line in self.lines.values() if line.sku == sku and line.line_id in self.granted)
        if in_use is not None:
            self.in_use[line.line_id] = in_use
        if consume:
            assert now is not None
            where = (line.line_id, line.period_start(now))
            self.consumed[where] = self.consumed.get(where, 0) + consume
        self.note()

    def totals(self, now: datetime) -> list[LineTotals]:
        """Every line that is installed, and every consumable one that CALM may still count."""
        return [
            self._total(line, now)
            for line in self.lines.values()
            if line.line_id in self.granted or line.metric.kind.counts_units
        ]

    def _total(self, line: Line, now: datetime) -> LineTotals:
        period, used = line.period_start(now), self.in_use.get(line.line_id, 0)
        consumed = self.consumed.get((line.line_id, period), 0)
        return LineTotals(
            line_id=line.line_id,
            sku=line.sku,
            metric=line.metric,
            granted=self.granted.get(line.line_id, 0),
            in_use=used,
            peak_in_use=used,
            consumed=consumed,
            period_start=period,
            owed=max(0, consumed - line.quantity) if line.metric.kind.counts_units else 0,
            reserved=self.reserved.get(line.line_id, 0),
        )

    def request(self, now: datetime, kind: str = "change", **options: Any) -> bytes:
        return write_lfr(*self.request_fields(now, kind, **options))

    def request_fields(
        self,
        now: datetime,
        kind: str = "change",
        *,
        since: int | None = None,
        new_keys: bool = False,
        with_license: bool = False,
        changed_totals: list[LineTotals] | None = None,
        changed: dict[str, Any] | None = None,
    ) -> tuple[LicenseFileRequest, list[Signer]]:
        """The LFR and who signs it. `changed` and `changed_totals`: what a liar would write."""
        assert self.token is not None
        release = kind == "release"
        if not release and (self.cycle is None or is_missed(self.cycle[1], self.windows, now)):
            self.cycle = (self.new_uuid(), now)
        self.sequence += 1
        request_id = self.new_uuid()
        self.note()  # request.asked
        record = self._state_totals(now, changed_totals)
        self.note()  # request.generated
        signers = [self.signer]
        if new_keys:
            self.next_keys = (new_signer(ED25519, self.random), new_opener(self.random))
            signers.append(self.next_keys[0])
        fields: dict[str, Any] = {
            "request_id": request_id,
            "sequence": self.sequence,
            "kind": RequestKind(kind),
            "generated_at": now,
            "install_by": None if release else install_by(self.cycle[1], now, self.windows),  # type: ignore[index]
            "control_room": self._room(),
            "new_keys": _pair(*self.next_keys) if new_keys and self.next_keys else None,
            "enrolment": self._enrolment(),
            "cycle": None if release else self._cycle(),
            "history_accepted": self.history_accepted,
            "smaller_than": since if since is not None and since > self.ledger.size else None,
            "installed": self._installed(),
            "state": "released" if release else self.state,
            "key_set_version": self.key_set_version,
            "issuing_log": self.issuing_log,
            "totals": self._proven(record),
            "ledger": self.history(since, before=with_license),
            "clock": ClockFields(
                trusted=now, system=now + (self.clock_ahead or now - now), set_back_count=0, largest_set_back_s=0
            ),
            "windows": self.windows,
            "reads": site_reads(),
            "license": carry(self.raw_license, self.raw_key_set, self.opener) if with_license else None,
        }
        self.shown.append((request_id, self.ledger.size))
        if release:
            self.state, self.cycle = "released", None
        return LicenseFileRequest(**(fields | (changed or {}))), signers

    def _state_totals(self, now: datetime, changed: list[LineTotals] | None) -> TotalsRecord:
        body = Totals(lines=self.totals(now) if changed is None else changed, refusals=[])
        record = TotalsRecord(
            index=self.ledger.size, at=now, kind="totals.stated", actor="control-room", key=None, body=body
        )
        self.ledger.append(record.leaf())
        return record

    def _proven(self, record: TotalsRecord) -> StatedTotals:
        proof = inclusion_proof(record.index, self.ledger.size, self.ledger.node)
        return StatedTotals(record=record, proof=texts(proof))

    def history(self, since: int | None = None, *, before: bool = False) -> History:
        size = self.ledger.size
        left = {at: of for of, at in [*(self.shown_before if before else ()), *self.shown]}
        shown = [(of, at) for at, of in left.items()]
        wanted = [*shown[-32:], *([("since", since)] if since is not None and since <= size else [])]
        extends = [
            Extension(of=of, size=old, proof=texts(consistency_proof(old, size, self.ledger.node)))
            for of, old in wanted
            if old > 0
        ]
        return History(checkpoint=checkpoint_fields(self.id, self.ledger.checkpoint), extends=extends)

    def _room(self) -> ControlRoomFields:
        return ControlRoomFields(
            id=self.id,
            name=self.name,
            version=self.version,
            signing_key=self.signer.key,  # type: ignore[arg-type]
            sealing_key=self.opener.key,
        )

    def _enrolment(self) -> Enrolment:
        assert self.token is not None
        kids = (self.signer.key.kid, self.opener.key.kid)
        proof = enrolment_proof(self.token.enrolment_secret, self.token.token_id, self.id, *kids)
        return Enrolment(token_id=self.token.token_id, proof=proof)

    def _cycle(self) -> Cycle:
        assert self.cycle is not None
        return Cycle(id=self.cycle[0], opened_at=self.cycle[1], withdrawn_before=self.withdrawn)

    def _installed(self) -> Installed | None:
        return Installed(olf_id=self.installed.olf_id, sequence=self.installed.sequence) if self.installed else None

    def install(self, raw: bytes, now: datetime) -> bytes:
        """Install an OLF; the receipt."""
        olf, body = self.open(raw)
        if self.next_keys and olf.sealing_key == self.next_keys[1].key.kid:
            self.signer, self.opener = self.next_keys  # E15
            self.next_keys = None
        self.installed, self.state, self.cycle, self.withdrawn = olf, "active", None, 0
        self.windows = olf.windows
        before = {} if self.first_file else self.lines
        before = {line_id: line for line_id, line in before.items() if line_id not in body.settled}
        self.lines, self.first_file = before | {line.line_id: line for line in body.lines}, False
        self.granted = {line.line_id: line.quantity for line in body.lines}
        if olf.key_set:
            self._take_key_set(olf.key_set)
        if olf.issuing_log:
            assert check_log(olf.issuing_log, olf.content_digest(), olf.olf_id, self._seen()) is None, "V2"
            self.issuing_log = olf.issuing_log.checkpoint
        self.raw_license = raw
        if olf.accepts_history and olf.accepts_history.number > self.history_accepted:
            for added in olf.accepts_history.add:
                where = (added.line_id, added.period_start)
                self.consumed[where] = self.consumed.get(where, 0) + added.units
            self.history_accepted = olf.accepts_history.number
        self.shown_before += self.shown
        self.shown = [(olf.olf_id, olf.acknowledged.size)]
        self.note()
        return self.receipt(now)

    def _seen(self) -> Checkpoint | None:
        return self.issuing_log.checkpoint if self.issuing_log else None

    def receipt(self, now: datetime) -> bytes:
        assert self.installed is not None
        receipt = Receipt(
            olf_id=self.installed.olf_id,
            sequence=self.installed.sequence,
            control_room_id=self.id,
            signing_key=self.signer.key,  # type: ignore[arg-type]
            installed_at=now,
            ledger=self.history(),
        )
        self.shown.append((self.installed.olf_id, self.ledger.size))
        return write_receipt(receipt, self.signer)

    def open(self, raw: bytes) -> tuple[OfflineLicenseFile, SealedBody]:
        jws = msgspec.json.decode(raw, type=JwsFields)
        olf = msgspec.json.decode(from_base64url(jws.payload), type=OfflineLicenseFile)
        openers = [self.opener, *([self.next_keys[1]] if self.next_keys else [])]
        body = open_body(olf, openers)
        assert isinstance(body, SealedBody), body
        return olf, body


def _pair(signer: Signer, opener: Opener) -> KeyPair:
    return KeyPair(signing_key=signer.key, sealing_key=opener.key)  # type: ignore[arg-type]
