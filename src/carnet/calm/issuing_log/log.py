"""V1, V2: appending to the issuing log, and its proofs. One row for each record; it carries the nodes it completes.

Not here: the transaction. A record is appended in the one of the act that it is about.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import msgspec

from carnet.calm.issuing_log.models import LogEntry
from carnet.exchange.history import CheckpointFields, checkpoint_fields, texts
from carnet.exchange.issuing_log import (
    ORIGIN,
    Growth,
    LogProof,
    LogRecord,
)
from carnet.exchange.keys import RandomBytes
from carnet.exchange.strict import to_base64url
from carnet.merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    Checkpoint,
    GetNode,
    Peaks,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    peaks_at,
    root_at,
)

NOTHING = sha256(b"").hexdigest()  # the content of a record of an act that issues nothing


@dataclass(frozen=True)
class Appended:
    record: LogRecord
    peaks: Peaks
    get_node: GetNode

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.peaks.size, self.peaks.root)

    def proof(self, seen: CheckpointFields | None) -> LogProof:
        """V2: that the record is in the log, and that the log still holds all that was `seen` of it."""
        size = self.peaks.size
        growth = None
        if seen:
            growth = Growth(size=seen.size, proof=texts(consistency_proof(seen.size, size, self.get_node)))
        return LogProof(
            record=self.record,
            checkpoint=checkpoint_fields(ORIGIN, self.checkpoint),
            inclusion=texts(inclusion_proof(self.record.index, size, self.get_node)),
            extends=growth,
        )


def size() -> int:
    last = LogEntry.objects.order_by("-index").values_list("index", flat=True).first()
    return 0 if last is None else last + 1


def newest_time() -> datetime | None:
    """When the newest record was written."""
    return LogEntry.objects.order_by("-index").values_list("at", flat=True).first()


def append(
    *,
    at: datetime,
    kind: str,
    subject: str,
    detail: Mapping[str, object],
    random: RandomBytes,
    content: str = NOTHING,
    tail: "Tail | None" = None,
) -> Appended:
    """Append one record. `tail`: the end of the log, where it was read before in the same transaction."""
    tail = tail or read_tail()
    index, nodes = tail.size, dict(tail.nodes)
    private = msgspec.json.encode({"salt": to_base64url(random(16)), **detail})
    record = LogRecord(
        index=index,
        at=at,
        kind=kind,
        subject=subject,
        content_sha256=content,
        detail_sha256=sha256(private).hexdigest(),
    )
    leaf = record.leaf()
    tip = leaf_hash(leaf)
    peaks, completed = peaks_at(index, _getter(nodes)).append(tip)
    LogEntry.objects.create(
        index=index,
        at=at,
        kind=kind,
        subject=subject,
        about=str(detail.get("control_room") or detail.get("about") or detail.get("account") or ""),
        who=str(detail.get("who", "")),
        leaf=leaf,
        detail=private,
        nodes=b"".join((tip, *completed)),
    )
    for level, value in enumerate((tip, *completed)):
        nodes[level, index >> level] = value
    return Appended(record, peaks, _getter(nodes))


@dataclass(frozen=True)
class Tail:
    """The end of the log: all that appending to it, and proving that, needs of the tree."""

    size: int
    nodes: "Nodes"

    def checkpoint_at(self, seen: int) -> Checkpoint | None:
        """What the log was when it had `seen` records, the size that the tail was read for."""
        return Checkpoint(seen, root_at(seen, _getter(self.nodes))) if 0 < seen <= self.size else None


def read_tail(seen_size: int = 0) -> Tail:
    """In two queries. `seen_size`: the size that the next record's proof shall extend."""
    index = size()
    return Tail(index, _read_nodes(index, seen_size))


def checkpoint_at(at: int) -> Checkpoint | None:
    """The log's checkpoint when it had `at` records; None where it has fewer."""
    if at > size():
        return None
    return Checkpoint(at, root_at(at, _getter(_read(lambda get: root_at(at, get)))) if at else EMPTY_ROOT)


Nodes = dict[tuple[int, int], bytes]


def _getter(nodes: Nodes) -> GetNode:
    return lambda level, index: nodes[level, index]


def _read_nodes(index: int, seen_size: int) -> Nodes:
    """All that appending record `index` and proving it needs, in one query."""

    def walk(get: GetNode) -> None:
        peaks_at(index, get)
        inclusion_proof(index, index + 1, get)
        if 0 < seen_size <= index:
            consistency_proof(seen_size, index + 1, get)
            root_at(seen_size, get)

    return _read(walk, before=index)


def _read(walk: Callable[[GetNode], object], before: int | None = None) -> Nodes:
    """The stored nodes that `walk` asks for: it is run once on blanks to see which."""
    wanted: set[tuple[int, int]] = set()

    def note(level: int, index: int) -> bytes:
        wanted.add((level, index))
        return bytes(HASH_SIZE)

    walk(note)
    asked = sorted({((index + 1) << level) - 1 for level, index in wanted})
    stored = dict(LogEntry.objects.filter(index__in=asked).values_list("index", "nodes")) if asked else {}
    nodes: Nodes = {}
    for level, index in wanted:
        row = ((index + 1) << level) - 1
        if before is None or row < before:
            nodes[level, index] = bytes(stored[row][level * HASH_SIZE : (level + 1) * HASH_SIZE])
    return nodes
