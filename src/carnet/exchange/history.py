"""How a file shows that a site's ledger extends what the vendor saw before (L2). LFRs and receipts share it."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from carnet.entitlements import Count, Fields
from carnet.exchange.strict import MalformedError, from_base64url, to_base64url
from carnet.merkle import Checkpoint, verify_consistency

SHOWN = 32  # the newest LFRs and receipts whose checkpoints an LFR extends, besides the acknowledged one

Hash = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$")]  # 32 bytes, base64url
Origin = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9/-]{0,63}$")]  # a site's id, or `carnet/issuing-log`
Showing = Annotated[str, Meta(pattern=r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|acknowledged|since)$")]
Proof = Annotated[list[Hash], Meta(max_length=64)]


class CheckpointFields(Fields, frozen=True):
    """A checkpoint as a file writes it. `origin` says whose log it is; `root` is 32 bytes in base64url."""

    origin: Origin
    size: Count
    root: Hash

    @property
    def checkpoint(self) -> Checkpoint:
        """As a value. A root that is not canonical base64url is empty, and proves nothing."""
        return Checkpoint(self.size, _hash(self.root))


class Extension(Fields, frozen=True):
    """The proof that the checkpoint it stands in extends the first `size` records, as `of` (the id of a file) showed
    them.
    """

    of: Showing
    size: Count
    proof: Proof


class History(Fields, frozen=True):
    """The site's checkpoint, and the proofs that it extends earlier ones."""

    checkpoint: CheckpointFields
    extends: Annotated[list[Extension], Meta(max_length=SHOWN + 2)]

    def extension(self, size: int) -> Extension | None:
        """The proof from an earlier checkpoint of `size` records; None where the file has none."""
        return next((found for found in self.extends if found.size == size), None)

    def shows(self, old: Checkpoint) -> bool | None:
        """True where this history is shown to extend `old`, False where the proof fails, None where there is none."""
        new = self.checkpoint.checkpoint
        if old.size == new.size:
            return old.root == new.root
        found = self.extension(old.size)
        if found is None or old.size > new.size:
            return None
        return verify_consistency(old.size, old.root, new.size, new.root, hashes(found.proof))


def checkpoint_fields(origin: str, checkpoint: Checkpoint) -> CheckpointFields:
    """A checkpoint as a file writes it."""
    return CheckpointFields(origin=origin, size=checkpoint.size, root=to_base64url(checkpoint.root))


def hashes(proof: Sequence[str]) -> list[bytes]:
    """The hashes of a proof as bytes. One that is not canonical base64url becomes empty, and proves nothing."""
    return [_hash(text) for text in proof]


def texts(proof: Sequence[bytes]) -> list[str]:
    """The hashes of a proof as a file writes them: base64url."""
    return [to_base64url(value) for value in proof]


def _hash(text: str) -> bytes:
    """A text that is not canonical base64url becomes empty: no verification takes that as a hash."""
    try:
        return from_base64url(text)
    except MalformedError:
        return b""
