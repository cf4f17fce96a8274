"""A vendor for tests of the site: it writes real tokens and OLFs with the real formats and keys, and obeys no rule, so
that a test can have any file it wants, right or wrong. The real vendor's rules are CALM's own tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from carnet.entitlements import (
    Line,
    Metric,
    Period,
    Policy,
    PurchaseKind,
    new_id,
)
from carnet.exchange.enablement_token import Token, write_token
from carnet.exchange.envelope import JwsFields
from carnet.exchange.history import CheckpointFields, checkpoint_fields, texts
from carnet.exchange.issuing_log import (
    ORIGIN,
    Growth,
    LogBreak,
    LogProof,
    LogRecord,
)
from carnet.exchange.key_set import (
    SUITES,
    KeySet,
    Trust,
    write_key_set,
)
from carnet.exchange.keys import Signer, new_signer
from carnet.exchange.license_file_request import LicenseFileRequest, read_lfr
from carnet.exchange.offline_license_file import (
    AcceptedHistory,
    Answers,
    OfflineLicenseFile,
    SealedBody,
    seal_body,
    write_license_file,
)
from carnet.exchange.reads import vendor_reads
from carnet.exchange.strict import to_base64url
from carnet.exchange.windows import Windows
from carnet.merkle import (
    Checkpoint,
    Peaks,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
)
from tests.support.cast import seeded
from tests.support.each_metric import sku_of
from tests.support.kept_logs import secret, secret_bytes

METRICS = {
    "bot-creator": Metric.NAMED_USER,
    "unattended-bot-runner": Metric.CONCURRENT,
    "document-pages": Metric.CONSUMABLE,
    "automator-ai": Metric.FEATURE,
    **{sku_of(metric): metric for metric in Metric},
}


def line(
    sku: str,
    quantity: int,
    start: datetime,
    until: datetime,
    *,
    line_id: str = "",
    period: Period | None = None,
    overage: int = 0,
    grace: int = 0,
) -> Line:
    return Line(
        line_id=line_id or new_id(start, seeded(f"{sku}{start}{until}")),
        sku=sku,
        name=sku.replace("-", " ").title(),
        metric=METRICS[sku],
        unit="units",
        quantity=quantity,
        kind=PurchaseKind.PURCHASED,
        valid_from=start,
        valid_until=until,
        period=period,
        policy=Policy(overage_percent=overage, grace_days=grace),
    )


@dataclass
class Log:
    peaks: Peaks = field(default_factory=Peaks)
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def add(self, leaf: bytes) -> int:
        index = self.peaks.size
        self.nodes[0, index] = leaf_hash(leaf)
        self.peaks, completed = self.peaks.append(leaf_hash(leaf))
        for level, node in enumerate(completed, 1):
            self.nodes[level, index >> level] = node
        return index

    def node(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.peaks.size, self.peaks.root)


class Vendor:
    def __init__(self, seed: str = "vendor") -> None:
        self.random = seeded(seed)
        self.roots = [new_signer(alg, self.random) for alg in SUITES["std"]]
        self.issuers = [new_signer(alg, self.random) for alg in SUITES["std"]]
        for signer in (*self.roots, *self.issuers):
            secret_bytes(signer.seed, "a vendor's private key")
        self.version = 0
        self.log = Log()
        self.log_breaks: list[LogBreak] = []
        self.sequence = 0
        self.key_set_raw = b""
        self.windows = Windows()  # E18: that it signs from now on
        self.trust = Trust(vendor="Vendor", suite="std", roots=[r.key.kid for r in self.roots], threshold=1)

    def rotate(self, now: datetime, *, roots: bool = False, issuers: bool = False) -> bytes:
        old = list(self.roots)
        if roots:
            self.roots = [new_signer(alg, self.random) for alg in SUITES["std"]]
        if issuers:
            self.issuers = [new_signer(alg, self.random) for alg in SUITES["std"]]
        self.version += 1
        key_set = KeySet(
            version=self.version,
            issued_at=now,
            suite="std",
            issuers=[s.key for s in self.issuers],
            roots=[s.key for s in self.roots],
            threshold=1,
            log_breaks=list(self.log_breaks),
        )
        signers = {s.key.kid: s for s in [*old, *self.roots]}
        self.key_set_raw = write_key_set(key_set, list(signers.values()))
        return self.key_set_raw

    def restored(self, log: Log, now: datetime) -> bytes:
        """L6: the vendor goes on from an older log, and its roots say so; the key set."""
        self.log = log
        root = to_base64url(log.peaks.root)
        self.log_breaks.append(LogBreak(at=now, size=log.peaks.size, root=root, why="the disk was lost"))
        return self.rotate(now)

    def token(self, now: datetime, **changes: Any) -> bytes:
        if not self.version:
            self.rotate(now)
        token = Token(
            token_id=new_id(now, self.random),
            account_id=new_id(now, self.random),
            account_name="Northwind",
            issued_at=now,
            expires_at=now + self.windows.token_life,
            min_control_room_version="40",
            enrolment_secret=secret(to_base64url(self.random(32)), "an enrolment secret"),
            key_set=msgspec.json.decode(self.key_set_raw, type=JwsFields),
            windows=self.windows,
            reads=vendor_reads(),
        )
        return write_token(msgspec.structs.replace(token, **changes), self.issuers)

    def olf(
        self,
        lfr: bytes,
        lines: Sequence[Line],
        now: datetime,
        *,
        signers: list[Signer] | None = None,
        accepts: AcceptedHistory | None = None,
        seen: Checkpoint | None = None,
        settled: Sequence[str] = (),
        **changes: Any,
    ) -> bytes:
        """The OLF that answers `lfr`; `changes` to its clear fields are made before the log commits to it. `seen`: what
        it shows that the log extends, else what the LFR says."""
        read = read_lfr(lfr)
        request = read.lfr  # type: ignore[union-attr]
        self.sequence = changes.pop("sequence", self.sequence + 1)
        olf_id = changes.pop("olf_id", new_id(now, self.random))
        key = request.new_keys.sealing_key if request.new_keys else request.control_room.sealing_key
        key = changes.pop("seal_to", key)
        body = SealedBody(
            blinding=to_base64url(self.random(32)),
            account_name="Northwind",
            lines=list(lines),
            settled=list(settled),
            enrolment=new_id(now, self.random),
            purchases=[new_id(now, self.random) for _ in lines],
        )
        sealed, digest = seal_body(body, key, olf_id, request.control_room.id, self.sequence)
        olf = OfflineLicenseFile(
            olf_id=olf_id,
            sequence=self.sequence,
            answers=Answers(request_id=request.request_id, sha256=sha256(lfr).hexdigest()),
            control_room_id=request.control_room.id,
            sealing_key=key.kid,
            license_guid=new_id(now, seeded("guid")),
            issued_at=now,
            install_by=request.install_by or now,
            valid_from=min(each.valid_from for each in lines),
            valid_until=max(each.valid_until for each in lines),
            acknowledged=request.ledger.checkpoint,
            accepts_history=accepts,
            lowers_clock=False,
            key_set=self._newer_key_set(request),
            sealed_sha256=digest,
            sealed=sealed,
            windows=self.windows,
            issuing_log=None,
            reads=vendor_reads(),
        )
        olf = msgspec.structs.replace(olf, **changes)
        logged = msgspec.structs.replace(olf, issuing_log=self._log(olf, request, now, seen))
        return write_license_file(logged, signers or self.issuers)

    def _newer_key_set(self, request: LicenseFileRequest) -> JwsFields | None:
        if request.key_set_version >= self.version:
            return None
        return msgspec.json.decode(self.key_set_raw, type=JwsFields)

    def _log(
        self, olf: OfflineLicenseFile, request: LicenseFileRequest, now: datetime, seen: Checkpoint | None
    ) -> LogProof:
        record = LogRecord(
            index=self.log.peaks.size,
            at=now,
            kind="license_file.issued",
            subject=olf.olf_id,
            content_sha256=olf.content_digest(),
            detail_sha256="0" * 64,
        )
        index = self.log.add(record.leaf())
        at = Checkpoint(self.log.peaks.size, self.log.peaks.root)
        growth = None
        known = seen or (request.issuing_log.checkpoint if request.issuing_log else None)
        if known and known.size <= at.size:
            growth = Growth(size=known.size, proof=texts(consistency_proof(known.size, at.size, self.log.node)))
        return LogProof(
            record=record,
            checkpoint=checkpoint_fields(ORIGIN, at),
            inclusion=texts(inclusion_proof(index, at.size, self.log.node)),
            extends=growth,
        )


def checkpoint_of(lfr: bytes) -> CheckpointFields:
    return read_lfr(lfr).lfr.ledger.checkpoint  # type: ignore[union-attr]
