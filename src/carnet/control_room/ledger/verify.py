"""L4: verify. Re-derives everything from the stored bytes, sharing nothing with the writer but the record's format.

For each record: it is where it says, it decrypts, its kind is clear or sealed as it must be, the nodes it carries are
those that its leaf completes, time does not go back but by a recorded lowering. In the end: size and root are the
head's. And an arithmetic of its own: units consumed, by line and period, must add up to what each LFR stated.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from carnet.control_room.ledger.record import (
    HEAD_KEY,
    NONCE_SIZE,
    Record,
    data_key,
    key_id_of,
    read_leaf,
)
from carnet.errors import TamperedError
from carnet.merkle import EMPTY_ROOT, HASH_SIZE, Checkpoint, leaf_hash, node_hash

CLEAR_KINDS = ("totals.stated", "request.generated")
PROBLEMS = 20  # after so many it stops: the rest would only repeat the first
PROGRESS_EVERY = 2000  # records


@dataclass(frozen=True)
class Evidence:
    """The stored bytes: `rows` of (index, leaf, nodes) in order; each data key's salt; the sealed head."""

    ledger_id: str
    rows: Iterable[tuple[int, bytes, bytes]]
    salts: dict[int, bytes]
    head: bytes | None
    master: bytes = field(repr=False)
    earlier: Checkpoint | None = None  # one that somebody wrote down


@dataclass(frozen=True)
class Report:
    size: int
    root: str
    kinds: dict[str, int]
    problems: list[str]
    rolled_back: str  # where only a checkpoint written down earlier is not met: how

    @property
    def holds(self) -> bool:
        return not self.problems and not self.rolled_back


def verify(evidence: Evidence, progress: Callable[[int], None] = lambda _: None) -> Report:
    check = _Check(evidence)
    for index, leaf, nodes in evidence.rows:
        check.row(index, leaf, nodes)
        if check.size % PROGRESS_EVERY == 0:
            progress(check.size)
        if len(check.problems) >= PROBLEMS:
            check.problems.append("…and possibly more: the check stopped here.")
            break
    else:
        check.end()
    progress(check.size)
    return Report(check.size, check.root().hex(), check.kinds, check.problems, check.rolled_back)


class _Check:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._ciphers: dict[int, Any] = {}
        self._stack: list[tuple[int, bytes]] = []  # complete subtrees: level and hash
        self._consumed: dict[tuple[str, str | None], int] = {}
        self._last_at = ""
        self.size = 0
        self.kinds: dict[str, int] = {}
        self.problems: list[str] = []
        self.rolled_back = ""

    def row(self, index: int, leaf: bytes, nodes: bytes) -> None:
        if index != self.size:
            self.problems.append(f"Record {self.size} is missing: the next stored one is {index}.")
            self.size = index
        try:
            self._record(index, leaf)
        except TamperedError as error:
            self.problems.append(f"Record {index}: {error}.")
        self._nodes(index, self._complete(leaf), nodes)
        self.size = index + 1
        earlier = self._evidence.earlier
        if earlier and earlier.size == self.size and earlier.root != self.root():
            self.rolled_back = f"The first {self.size} records are not those of the checkpoint written down earlier."

    def _nodes(self, index: int, completed: bytes, stored: bytes) -> None:
        """The lowest wrong node says among which records the altered one is: all below them were right."""
        if completed == stored:
            return
        right = next(
            (
                at
                for at in range(0, len(completed), HASH_SIZE)
                if completed[: at + HASH_SIZE] != stored[: at + HASH_SIZE]
            ),
            0,
        )
        first = index + 1 - (2 << right // HASH_SIZE)
        where = f"Records {first} to {index}" if completed else f"Record {index}"
        self.problems.append(f"{where}: the tree nodes stored with record {index} are not those of these leaves.")

    def end(self) -> None:
        earlier, head = self._evidence.earlier, self._head()
        if earlier and earlier.size > self.size:
            self.rolled_back = f"The checkpoint written down has {earlier.size} records; only {self.size} are here."
        if head is None:
            self.problems.append("The sealed head is missing or was altered.")
        elif (head["size"], head["root"]) != (self.size, self.root().hex()):
            self.problems.append(f"The head says {head['size']} records; {self.size} are stored, with another root.")

    def root(self) -> bytes:
        if not self._stack:
            return EMPTY_ROOT
        root = self._stack[-1][1]
        for _, left in reversed(self._stack[:-1]):
            root = node_hash(left, root)
        return root

    def _complete(self, leaf: bytes) -> bytes:
        level, tip, completed = 0, leaf_hash(leaf), b""
        while self._stack and self._stack[-1][0] == level:
            tip, level = node_hash(self._stack.pop()[1], tip), level + 1
            completed += tip
        self._stack.append((level, tip))
        assert len(completed) % HASH_SIZE == 0
        return completed

    def _record(self, index: int, leaf: bytes) -> None:
        key_id = key_id_of(leaf)
        record = read_leaf(leaf, index, self._cipher(key_id), self._evidence.ledger_id)
        self.kinds[record.kind] = self.kinds.get(record.kind, 0) + 1
        if (record.kind in CLEAR_KINDS) != (key_id == 0):
            raise TamperedError(f"a record of kind {record.kind} must {'not ' if key_id else ''}be encrypted")
        self._time(record)
        self._arithmetic(record)

    def _cipher(self, key_id: int) -> Any:
        if key_id and key_id not in self._ciphers:
            salt = self._evidence.salts.get(key_id)
            if salt is None:
                raise TamperedError(f"its data key {key_id} is missing")
            self._ciphers[key_id] = data_key(self._evidence.master, salt, self._evidence.ledger_id, key_id)
        return self._ciphers.get(key_id)

    def _time(self, record: Record) -> None:
        at = record.at.isoformat()
        if at < self._last_at and record.kind != "clock.lowered":
            raise TamperedError(f"its time, {at}, is before that of the record before it")
        self._last_at = at

    def _arithmetic(self, record: Record) -> None:
        body = json.loads(bytes(record.body))
        if record.kind in ("units.consumed", "units.reserved", "units.settled"):
            if sum(draw["units"] for draw in body["draws"]) != body["units"]:
                raise TamperedError("its draws do not add up to its units")
            if record.kind != "units.reserved":  # what is only held is in no totals (G2)
                self._add(body["draws"])
        elif record.kind == "history.accepted":
            self._add(body["add"])
        elif record.kind == "totals.stated":
            for line in body["lines"]:
                counted = self._consumed.get((line["line_id"], line["period_start"]), 0)
                if line["consumed"] != counted:
                    raise TamperedError(f"it states {line['consumed']} {line['sku']}; the records add up to {counted}")

    def _add(self, parts: list[dict[str, Any]]) -> None:
        for part in parts:
            key = (part["line_id"], part["period_start"])
            self._consumed[key] = self._consumed.get(key, 0) + part["units"]

    def _head(self) -> dict[str, Any] | None:
        box, ledger_id = self._evidence.head, self._evidence.ledger_id
        if box is None:
            return None
        cipher = data_key(self._evidence.master, b"", ledger_id, HEAD_KEY)
        try:
            plain = cipher.decrypt(box[:NONCE_SIZE], box[NONCE_SIZE:], ledger_id.encode())
        except Exception:
            return None
        read: dict[str, Any] = json.loads(plain)
        return read
