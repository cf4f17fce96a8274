"""V1, V2: what an OLF shows of the vendor's issuing log: the record of the issue, its proof, and how the log grew; and
L6: where the log goes on from, after CALM was restored.

The public half of a record commits to its private half (who, why) by a hash, so that a proof can leave the vendor
without naming the vendor's staff.
"""

from collections.abc import Iterable

from carnet.entitlements import (
    Count,
    Fields,
    Quantity,
    Sha256,
    Text,
    Time,
)
from carnet.exchange.history import CheckpointFields, Hash, Proof, hashes
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
    """The public half of a record. The leaf is its one written form."""

    index: Quantity
    at: Time
    kind: Text
    subject: Text
    content_sha256: Sha256  # of what was issued; of no bytes where nothing was issued
    detail_sha256: Sha256  # of the private half, salted

    def leaf(self) -> bytes:
        """The bytes that the log hashes."""
        return encode(self)


class Growth(Fields, frozen=True):
    """The proof that the log extends the `size` records that the Control Room saw of it last."""

    size: Count
    proof: Proof


class LogProof(Fields, frozen=True):
    """A record of the log, with the proofs that the log includes it, and still all that was seen of it."""

    record: LogRecord
    checkpoint: CheckpointFields
    inclusion: Proof
    extends: Growth | None


class LogBreak(Fields, frozen=True):
    """L6: CALM was restored from a backup. Its log goes on from its first `size` records, whose root is `root`; what it
    recorded after them, before the restore, is lost there. The roots sign this, in a key set.
    """

    at: Time  # when it was stated
    size: Count
    root: Hash
    why: Text

    @property
    def checkpoint(self) -> CheckpointFields:
        """The log as it goes on from there."""
        return CheckpointFields(origin=ORIGIN, size=self.size, root=self.root)


def new_breaks(known: Iterable[LogBreak], stated: Iterable[LogBreak]) -> list[LogBreak]:
    """Those in a newer key set that the older one did not state, in their order (L6)."""
    before = set(known)
    return [each for each in stated if each not in before]


def goes_on_from(seen: CheckpointFields | None, breaks: Iterable[LogBreak]) -> CheckpointFields | None:
    """The checkpoint from which the log is judged after `breaks`, for somebody who saw `seen` of it (L6, V2).

    What was seen up to a break is in the log still, and must stay there.
    """
    for each in breaks:
        if seen is not None and seen.size > each.size:
            seen = each.checkpoint
    return seen


def check_log(proof: LogProof, content_sha256: str, subject: str, seen: Checkpoint | None) -> Refusal | None:
    """Check that the record is about this file, that the log includes it, and that it still holds all that was `seen`
    (V2).

    None where all hold; refused as `log_mismatch`. `content_sha256` is in hex.
    """
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
