"""One vendor and one site, made from fixed seeds, and a good file of each kind between them.

Keys, identifiers and times are the same in every run. Signatures of ML-DSA-65 and sealed bodies are not: both are
randomised where they are made, so that what is frozen is kept as files beside this module.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count

from carnet.entitlements import (
    Line,
    Metric,
    Period,
    PeriodUnit,
    Policy,
    PurchaseKind,
)
from carnet.exchange.enablement_token import Token, enrolment_proof, write_token
from carnet.exchange.envelope import JwsFields
from carnet.exchange.history import (
    CheckpointFields,
    Extension,
    History,
    checkpoint_fields,
    texts,
)
from carnet.exchange.issuing_log import (
    ORIGIN,
    Growth,
    LogBreak,
    LogProof,
    LogRecord,
)
from carnet.exchange.key_set import (
    KeySet,
    Pinned,
    Trust,
    read_key_set,
    write_key_set,
)
from carnet.exchange.keys import (
    ED25519,
    ML_DSA_65,
    Opener,
    Signer,
    new_opener,
    new_signer,
)
from carnet.exchange.license_file_request import (
    ClockFields,
    ControlRoomFields,
    Cycle,
    Enrolment,
    LicenseFileRequest,
    LineTotals,
    RefusalCount,
    RequestKind,
    StatedTotals,
    Totals,
    TotalsRecord,
    write_lfr,
)
from carnet.exchange.offline_license_file import (
    Answers,
    OfflineLicenseFile,
    SealedBody,
    seal_body,
    write_license_file,
)
from carnet.exchange.reads import site_reads, vendor_reads
from carnet.exchange.receipt import Receipt, write_receipt
from carnet.exchange.strict import decode, to_base64url
from carnet.exchange.windows import Windows, install_by
from carnet.merkle import (
    Checkpoint,
    Peaks,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
)

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
YEAR_END = datetime(2027, 11, 24, tzinfo=UTC)

METRICS = tuple(Metric)
PRODUCTS = (
    ("bot-creator", "Bot Creator", Metric.NAMED_USER, "users"),
    ("citizen-developer", "Citizen Developer", Metric.NAMED_USER, "users"),
    ("attended-runner", "Attended Bot Runner", Metric.NAMED_USER, "users"),
    ("unattended-runner", "Unattended Bot Runner", Metric.CONCURRENT, "seats"),
    ("api-task-concurrency", "API Task concurrency", Metric.CONCURRENT, "seats"),
    ("document-pages", "Document Automation", Metric.CONSUMABLE, "pages"),
    ("bot-runs", "Bot runs", Metric.CONSUMABLE, "runs"),
    ("ai-credits", "Automation AI Credits", Metric.CONSUMABLE, "credits"),
    ("api-tasks", "API Task", Metric.CONSUMABLE, "executions"),
    ("interactions", "Conversational Automation Interactions", Metric.CONSUMABLE, "interactions"),
    ("enterprise-platform", "Enterprise Platform", Metric.FEATURE, "feature"),
    ("automator-ai", "Automator AI", Metric.FEATURE, "feature"),
)


def seeded(name: str) -> Callable[[int], bytes]:
    """A source of bytes that is the same in every run."""
    numbers = count()

    def random(length: int) -> bytes:
        blocks = -(-length // 32)
        return b"".join(sha256(f"{name}/{next(numbers)}".encode()).digest() for _ in range(blocks))[:length]

    return random


def uuid(name: str) -> str:
    """A version 7 identifier that is the same in every run."""
    text = sha256(name.encode()).hexdigest()
    return f"019a{text[:4]}-{text[4:8]}-7{text[8:11]}-8{text[11:14]}-{text[14:26]}"


def hybrid(name: str) -> list[Signer]:
    random = seeded(name)
    return [new_signer(ED25519, random), new_signer(ML_DSA_65, random)]


@dataclass(frozen=True)
class Vendor:
    roots: list[Signer]
    issuers: list[Signer]
    key_set: KeySet
    raw_key_set: bytes
    trust: Trust

    @property
    def fresh(self) -> Pinned:
        """What a site trusts before it has seen any file."""
        return Pinned(self.trust)

    @property
    def pinned(self) -> Pinned:
        """What a site trusts once it has taken the key set."""
        return Pinned(self.trust, self.key_set)

    def inner(self) -> JwsFields:
        return decode(self.raw_key_set, JwsFields, depth=3)


def vendor(name: str = "vendor", version: int = 1, threshold: int = 1) -> Vendor:
    roots = [signer for number in range(threshold) for signer in hybrid(f"{name}/root/{number}")]
    issuers = hybrid(f"{name}/issuer/{version}")
    key_set = make_key_set(roots, issuers, version, threshold)
    trust = Trust(vendor="Example Vendor", suite="std", roots=[s.key.kid for s in roots], threshold=threshold)
    return Vendor(roots, issuers, key_set, write_key_set(key_set, roots), trust)


def make_key_set(
    roots: list[Signer],
    issuers: list[Signer],
    version: int = 1,
    threshold: int = 1,
    breaks: Sequence[LogBreak] = (),
) -> KeySet:
    return KeySet(
        version=version,
        issued_at=NOW - timedelta(days=30),
        suite="std",
        issuers=[signer.key for signer in issuers],
        roots=[signer.key for signer in roots],
        threshold=threshold,
        log_breaks=list(breaks),
    )


def taken(raw: bytes, pinned: Pinned) -> Pinned:
    key_set = read_key_set(raw, pinned)
    assert isinstance(key_set, KeySet), key_set
    return Pinned(pinned.trust, key_set)


@dataclass(frozen=True)
class Site:
    id: str
    signer: Signer
    opener: Opener

    @property
    def fields(self) -> ControlRoomFields:
        return ControlRoomFields(
            id=self.id,
            name="Plant 7",
            version="40.0.0",
            signing_key=self.signer.key,
            sealing_key=self.opener.key,
        )


def site(name: str = "plant-7") -> Site:
    random = seeded(name)
    return Site(uuid(f"room/{name}"), new_signer(ED25519, random), new_opener(random))


WINDOWS = Windows()  # the default, whatever it is: another one breaks no test of the formats
SECRET = to_base64url(seeded("enrolment secret")(32))


def make_token(by: Vendor, **changes: object) -> Token:
    fields = {
        "token_id": uuid("token"),
        "account_id": uuid("account"),
        "account_name": "Northwind Energy",
        "issued_at": NOW,
        "expires_at": NOW + WINDOWS.token_life,
        "min_control_room_version": "40",
        "enrolment_secret": SECRET,
        "key_set": by.inner(),
        "windows": WINDOWS,
        "reads": vendor_reads(),
    }
    return Token(**(fields | changes))


def token(by: Vendor, **changes: object) -> bytes:
    return write_token(make_token(by, **changes), by.issuers)


class Tree:
    """A whole small tree, for proofs."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        peaks = Peaks()
        for index, leaf in enumerate(leaves):
            self.nodes[0, index] = leaf
            peaks, completed = peaks.append(leaf)
            for level, node in enumerate(completed, 1):
                self.nodes[level, index >> level] = node
        self.size, self.root = peaks.size, peaks.root

    def get(self, level: int, index: int) -> bytes:
        return self.nodes[level, index]

    def at(self, size: int) -> Checkpoint:
        return Checkpoint(size, root_at(size, self.get))

    def fields(self, origin: str) -> CheckpointFields:
        return checkpoint_fields(origin, self.at(self.size))

    def extension(self, old: int, of: str) -> Extension:
        return Extension(of=of, size=old, proof=texts(consistency_proof(old, self.size, self.get)))

    def history(self, *olds: int, of: str = uuid("room/plant-7")) -> History:
        """`of`: the site whose ledger it is."""
        extends = [self.extension(old, uuid(f"file at {old}")) for old in olds]
        return History(checkpoint=self.fields(of), extends=extends)


def leaves(how_many: int, name: str = "record") -> list[bytes]:
    return [leaf_hash(f"{name} {number}".encode()) for number in range(how_many)]


def totals_record(index: int, lines: int = len(PRODUCTS)) -> TotalsRecord:
    stated = []
    for number, (sku, _, metric, _) in enumerate(PRODUCTS[:lines]):
        units = metric is Metric.CONSUMABLE
        stated.append(
            LineTotals(
                line_id=uuid(f"line/{number}"),
                sku=sku,
                metric=metric,
                granted=1000,
                in_use=0 if units else 40 + number,
                peak_in_use=0 if units else 50 + number,
                consumed=10_000 + number if units else 0,
                period_start=NOW.replace(day=1, hour=0) if units else None,
                owed=0,
                reserved=0,
            )
        )
    body = Totals(lines=stated, refusals=[RefusalCount(code="exhausted", count=3)])
    return TotalsRecord(index=index, at=NOW, kind="totals.stated", actor="control-room", key=None, body=body)


def make_request(of: Site, **changes: object) -> LicenseFileRequest:
    """A first LFR: the ledger holds ten records, then the totals, then the request itself."""
    size = 12
    record = totals_record(size - 2, lines=changes.pop("lines", len(PRODUCTS)))
    ledger = Tree([*leaves(size - 2), leaf_hash(record.leaf()), leaf_hash(b"request")])
    proof = texts(inclusion_proof(record.index, ledger.size, ledger.get))
    kids = (of.signer.key.kid, of.opener.key.kid)
    enrolled = Enrolment(token_id=uuid("token"), proof=enrolment_proof(SECRET, uuid("token"), of.id, *kids))
    fields = {
        "request_id": uuid("request"),
        "sequence": 1,
        "kind": RequestKind.INITIAL,
        "generated_at": NOW,
        "install_by": install_by(NOW, NOW, WINDOWS),
        "control_room": of.fields,
        "new_keys": None,
        "enrolment": enrolled,
        "cycle": Cycle(id=uuid("cycle"), opened_at=NOW, withdrawn_before=0),
        "history_accepted": 0,
        "smaller_than": None,
        "installed": None,
        "state": "enabled",
        "key_set_version": 1,
        "issuing_log": None,
        "totals": StatedTotals(record=record, proof=proof),
        "ledger": ledger.history(of=of.id),
        "clock": ClockFields(trusted=NOW, system=NOW, set_back_count=0, largest_set_back_s=0),
        "windows": WINDOWS,
        "reads": site_reads(),
        "license": None,
    }
    return LicenseFileRequest(**(fields | changes))


def request(of: Site, **changes: object) -> bytes:
    return write_lfr(make_request(of, **changes), [of.signer])


def make_line(number: int, **changes: object) -> Line:
    sku, name, metric, unit = PRODUCTS[number]
    start = NOW.replace(hour=0)
    fields = {
        "line_id": uuid(f"line/{number}"),
        "sku": sku,
        "name": name,
        "metric": metric,
        "unit": unit,
        "quantity": 1 if metric is Metric.FEATURE else 1000,
        "kind": PurchaseKind.PURCHASED,
        "valid_from": start,
        "valid_until": YEAR_END,
        "period": Period(unit=PeriodUnit.MONTH, start=start) if metric is Metric.CONSUMABLE else None,
        "policy": Policy(overage_percent=0, grace_days=0),
    }
    return Line(**(fields | changes))


def make_body(lines: int = len(PRODUCTS)) -> SealedBody:
    return SealedBody(
        blinding=to_base64url(bytes(range(32))),
        account_name="Northwind Energy",
        lines=[make_line(number) for number in range(lines)],
        settled=[uuid("settled line")],
        enrolment=uuid("enrolment"),
        purchases=[uuid(f"purchase {number}") for number in range(lines)],
    )


def make_license_file(to: Site, answered: bytes, **changes: object) -> OfflineLicenseFile:
    olf_id, sequence = uuid("olf"), 1
    body = changes.pop("body", None) or make_body()
    sealed, digest = seal_body(body, to.opener.key, olf_id, to.id, sequence)
    fields = {
        "olf_id": olf_id,
        "sequence": sequence,
        "answers": Answers(request_id=uuid("request"), sha256=sha256(answered).hexdigest()),
        "control_room_id": to.id,
        "sealing_key": to.opener.key.kid,
        "license_guid": uuid("guid"),
        "issued_at": NOW + timedelta(hours=3),
        "install_by": install_by(NOW, NOW, WINDOWS),
        "valid_from": min(line.valid_from for line in body.lines),
        "valid_until": max(line.valid_until for line in body.lines),
        "acknowledged": make_request(to).ledger.checkpoint,
        "accepts_history": None,
        "lowers_clock": False,
        "key_set": None,
        "sealed_sha256": digest,
        "sealed": sealed,
        "windows": WINDOWS,
        "issuing_log": None,
        "reads": vendor_reads(),
    }
    return _with_log(OfflineLicenseFile(**(fields | changes)))


def _with_log(olf: OfflineLicenseFile) -> OfflineLicenseFile:
    from msgspec.structs import replace

    record = LogRecord(
        index=40,
        at=olf.issued_at,
        kind="license_file.issued",
        subject=olf.olf_id,
        content_sha256=olf.content_digest(),
        detail_sha256=sha256(b"who and why").hexdigest(),
    )
    log = Tree([*leaves(40, "issuing log"), leaf_hash(record.leaf())])
    proof = LogProof(
        record=record,
        checkpoint=checkpoint_fields(ORIGIN, log.at(log.size)),
        inclusion=texts(inclusion_proof(40, log.size, log.get)),
        extends=Growth(size=7, proof=texts(consistency_proof(7, log.size, log.get))),
    )
    return replace(olf, issuing_log=proof)


def license_file(by: Vendor, to: Site, answered: bytes, **changes: object) -> bytes:
    return write_license_file(make_license_file(to, answered, **changes), by.issuers)


def make_receipt(of: Site, **changes: object) -> Receipt:
    ledger = Tree(leaves(20))
    fields = {
        "olf_id": uuid("olf"),
        "sequence": 1,
        "control_room_id": of.id,
        "signing_key": of.signer.key,
        "installed_at": NOW + timedelta(hours=5),
        "ledger": ledger.history(12, of=of.id),
    }
    return Receipt(**(fields | changes))


def receipt(of: Site, **changes: object) -> bytes:
    return write_receipt(make_receipt(of, **changes), of.signer)
