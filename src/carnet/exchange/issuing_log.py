"""V1, V2: what the vendor's issuing log shows of itself in an OLF: the record of the issue, its proof, how it grew.

A record's public half commits to its private half (who, why) by a hash, so that a proof can leave the vendor without
naming the vendor's staff.
"""

from carnet.entitlements import (
    Count,
    Fields,
    Quantity,
    Sha256,
    Text,
    Time,
)
from carnet.exchange.history import CheckpointFields, Proof, hashes
from carnet.exchange.strict import encode
from carnet.exchange.verdicts import Code, Refusal
from carnet.merkle import (
    Checkpoint,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

ORIGIN = "carnet/issuing-log"


class LogRecord(Fields, frozen=True):
    """The public half of a record: the leaf is its one written form."""

    index: Quantity
    at: Time
    kind: Text
    subject: Text
    content_sha256: Sha256  # of what was issued; of nothing where the act issues nothing
    detail_sha256: Sha256  # of the private half, salted

    def leaf(self) -> bytes:
        return encode(self)


class Growth(Fields, frozen=True):
    """Proof that the log extends what the Control Room saw of it last."""

    size: Count
    proof: Proof


class LogProof(Fields, frozen=True):
    record: LogRecord
    checkpoint: CheckpointFields
    inclusion: Proof
    extends: Growth | None


def check_log(proof: LogProof, content_sha256: str, subject: str, seen: Checkpoint | None) -> Refusal | None:
    """V2: the record is about this file, it is in the log, and the log still holds all that was seen of it."""
    record, at = proof.record, proof.checkpoint.checkpoint
    if (record.content_sha256, record.subject) != (content_sha256, subject):
        return _mismatch("its log record is about another file")
    if not verify_inclusion(leaf_hash(record.leaf()), record.index, at.size, hashes(proof.inclusion), at.root):
        return _mismatch("the issuing log does not hold its record")
    if seen and not _extends(proof, seen, at):
        return _mismatch(f"the issuing log no longer shows the {seen.size} records that were seen of it here")
    return None


def _extends(proof: LogProof, seen: Checkpoint, at: Checkpoint) -> bool:
    if proof.extends is None or proof.extends.size != seen.size:
        return False
    return verify_consistency(seen.size, seen.root, at.size, at.root, hashes(proof.extends.proof))


def _mismatch(why: str) -> Refusal:
    return Refusal(
        Code.LOG_MISMATCH,
        f"The file does not prove how it was issued: {why}.",
        "Keep the file as evidence and ask the vendor; then generate a new LFR.",
    )
