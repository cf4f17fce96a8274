"""L4: verify. It derives everything again from the stored bytes, and shares only the record's format with the writer.

For each record: it is where it says, it decrypts or its seal fits, its kind is clear or sealed as it must be, the nodes
it carries are those that its leaf completes, time does not go back without a recorded lowering. In the end: size, root
and all that is kept beside the records are those of the head, and the answers to idempotency keys are those of the
records. And an arithmetic of its own: units consumed, by line and period, must add up to what each LFR stated.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidTag

from carnet.aead import Aead
from carnet.control_room.ledger.record import (
    KEY_ID_SIZE,
    DataKey,
    Purpose,
    Record,
    answer_name,
    derived_key,
    id_of,
    is_sealed,
    joined,
    key_id_of,
    read_leaf,
)
from carnet.errors import TamperedError
from carnet.merkle import (
    EMPTY_ROOT,
    HASH_SIZE,
    Checkpoint,
    leaf_hash,
    node_hash,
)

CLEAR_KINDS = ("totals.stated", "request.generated")
ADDED_UP = {  # the kinds whose fields are read here, with the newest known version
    "units.consumed": 1,
    "units.reserved": 1,
    "units.settled": 1,
    "history.accepted": 1,
    "totals.stated": 1,
}
PROBLEMS = 20  # it stops after these: the rest would repeat the first ones
PROGRESS_EVERY = 2000  # records


StoredRow = tuple[int, bytes, bytes, bytes | None]


@dataclass(frozen=True)
class Evidence:
    """The stored bytes of a ledger.

    `rows` are (index, leaf, nodes, seal), in order; `data_keys` what is stored of each epoch; `head` the sealed head;
    `kept` documents and secrets by their names in the head; `answers` the index of answers as (generation, name,
    record); `masters` the master keys by their numbers.
    """

    ledger_id: str
    rows: Iterable[StoredRow]
    data_keys: dict[int, DataKey]
    head: bytes | None
    kept: Iterable[tuple[str, bytes]]
    answers: Iterable[tuple[int, bytes, int]]
    masters: Mapping[int, bytes] = field(repr=False)
    earlier: Checkpoint | None = None  # one that somebody wrote down


@dataclass(frozen=True)
class Report:
    """What was found. `root` is in hex; `kinds` counts the records of each kind; `problems` are sentences, empty where
    all is well.
    """

    size: int
    root: str
    kinds: dict[str, int]
    problems: list[str]
    rolled_back: str  # how it differs from the earlier checkpoint; else empty

    @property
    def holds(self) -> bool:
        """True where there is no problem, and the ledger was not rolled back."""
        return not self.problems and not self.rolled_back


def verify(evidence: Evidence, progress: Callable[[int], None] = lambda _: None) -> Report:
    """Check a whole ledger (L4). It stops after 20 problems.

    `progress` is called with the number of records that are checked, after each 2,000 and at the end. Nothing is raised
    for what is altered: it is reported.
    """
    check = _Check(evidence)
    for index, leaf, nodes, seal in evidence.rows:
        check.row(index, leaf, nodes, seal)
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
        self._head = _read_head(evidence)
        self._answers = _AnswerCheck(self._head["answers"] if self._head else None)
        self._wrong: list[int] = []  # records that are not as they were written
        self._keys: dict[tuple[int, Purpose], bytes] = {}
        self._ciphers: dict[int, Aead] = {}
        self._stack: list[tuple[int, bytes]] = []  # complete subtrees: level and hash
        self._consumed: dict[tuple[str, str | None], int] = {}
        self._last_at = ""
        self.size = 0
        self.kinds: dict[str, int] = {}
        self.problems: list[str] = []
        self.rolled_back = ""

    def row(self, index: int, leaf: bytes, nodes: bytes, seal: bytes | None) -> None:
        if index != self.size:
            self._found(index, f"Record {self.size} is missing: the next stored one is {index}.")
            self.size = index
        try:
            self._record(index, leaf, seal)
        except TamperedError as error:
            self._found(index, f"Record {index}: {error}.")
        self._nodes(index, self._complete(leaf), nodes)
        self.size = index + 1
        earlier = self._evidence.earlier
        if earlier and earlier.size == self.size and earlier.root != self.root():
            self.rolled_back = f"The first {self.size} records are not those of the checkpoint written down earlier."

    def _found(self, index: int, problem: str) -> None:
        self._wrong.append(index)
        self.problems.append(problem)

    def _nodes(self, index: int, completed: bytes, stored: bytes) -> None:
        """A leaf that was altered makes all nodes above it wrong: those are not reported again."""
        if completed == stored:
            return
        lowest = index + 1 - (1 << len(completed) // HASH_SIZE)  # the first record that these nodes cover
        if not any(lowest <= wrong <= index for wrong in self._wrong):
            self._found(index, f"Record {index}: the tree nodes stored with it are not those of the records.")

    def end(self) -> None:
        earlier, head = self._evidence.earlier, self._head
        if earlier and earlier.size > self.size:
            self.rolled_back = f"The checkpoint written down has {earlier.size} records; only {self.size} are here."
        if head is None:
            self.problems.append("The sealed head is missing or was altered.")
            return
        if head["size"] != self.size:
            self.problems.append(f"The head says {head['size']} records; {self.size} are stored.")
        elif head["root"] != self.root().hex():
            self.problems.append("The stored records do not add up to the root that the head names.")
        self._kept(head["kept"])
        self.problems += self._answers.problems(self._evidence.answers)

    def _kept(self, expected: dict[str, str]) -> None:
        found = {name: sha256(body).hexdigest() for name, body in self._evidence.kept}
        found["data-keys"] = sha256(joined(self._evidence.data_keys)).hexdigest()
        for name in sorted(found.keys() | expected.keys()):
            if name not in found:
                self.problems.append(f"Beside the records: {name} is missing.")
            elif found[name] != expected.get(name):
                self.problems.append(f"Beside the records: {name} is not the one that the head names.")

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

    def _record(self, index: int, leaf: bytes, seal: bytes | None) -> None:
        key_id = key_id_of(leaf)
        if key_id == 0 and not (seal and self._is_sealed(seal, leaf, index)):
            raise TamperedError("it or its seal was altered")
        if key_id and seal is not None:
            raise TamperedError("a seal stands beside it that was never written")
        record = read_leaf(leaf, index, self._cipher(key_id), self._evidence.ledger_id)
        self.kinds[record.kind] = self.kinds.get(record.kind, 0) + 1
        if (record.kind in CLEAR_KINDS) != (key_id == 0):
            raise TamperedError(f"a record of kind {record.kind} must {'not ' if key_id else ''}be encrypted")
        self._time(record)
        self._arithmetic(record)
        self._answers.record(record)

    def _is_sealed(self, seal: bytes, leaf: bytes, index: int) -> bool:
        return is_sealed(seal, leaf, index, self._key(id_of(seal), Purpose.SEAL), self._evidence.ledger_id)

    def _cipher(self, key_id: int) -> Aead | None:
        if key_id and key_id not in self._ciphers:
            self._ciphers[key_id] = Aead(self._key(key_id, Purpose.RECORD))
        return self._ciphers.get(key_id)

    def _key(self, key_id: int, purpose: Purpose) -> bytes:
        name = key_id, purpose
        if name not in self._keys:
            self._keys[name] = _key_of(self._evidence, key_id, purpose)
        return self._keys[name]

    def _time(self, record: Record) -> None:
        at = record.at.isoformat()
        if at < self._last_at and record.kind != "clock.lowered":
            raise TamperedError(f"its time, {at}, is before that of the record before it")
        self._last_at = at

    def _arithmetic(self, record: Record) -> None:
        """By the fields that each version of the kind has; one that is not known here cannot be added up (E17)."""
        if record.version > ADDED_UP.get(record.kind, record.version):
            raise TamperedError(f"it is of version {record.version} of {record.kind}, which a newer release must check")
        body = json.loads(bytes(record.body))
        if record.kind in ("units.consumed", "units.reserved", "units.settled"):
            if sum(draw["units"] for draw in body["draws"]) != body["units"]:
                raise TamperedError("its draws do not add up to its units")
            if record.kind != "units.reserved":  # reserved units are not in the totals (G2)
                self._add(body["draws"])
        elif record.kind == "history.accepted":
            self._add(body["add"])
        elif record.kind == "totals.stated" and not self._wrong:  # what cannot be read cannot be added up
            for line in body["lines"]:
                counted = self._consumed.get((line["line_id"], line["period_start"]), 0)
                if line["consumed"] != counted:
                    raise TamperedError(f"it states {line['consumed']} {line['sku']}; the records add up to {counted}")

    def _add(self, parts: list[dict[str, Any]]) -> None:
        for part in parts:
            key = (part["line_id"], part["period_start"])
            self._consumed[key] = self._consumed.get(key, 0) + part["units"]


class _AnswerCheck:
    """G5: the index of answers, against the records that carry them. By sums, so that a day of them needs no memory."""

    def __init__(self, mark: dict[str, Any] | None) -> None:
        self._since: int = mark["since"] if mark else 0
        self._upto: int = mark["upto"] if mark else 0
        self._started: int = mark["started"] if mark else 0
        self._generation: int = mark["generation"] if mark else 0
        self._expected = 0
        self._on_their_way: dict[bytes, int] = {}  # answers that may not be committed yet

    def record(self, record: Record) -> None:
        if record.answered is None or record.key is None or record.index < self._since:
            return
        name = answer_name(record.actor, record.key)
        if record.index < self._upto:
            generation = self._generation if record.index >= self._started else self._generation - 1
            self._expected += _weight(generation, name, record.index)
        else:
            self._on_their_way[name] = record.index

    def problems(self, stored: Iterable[tuple[int, bytes, int]]) -> list[str]:
        found, strange = 0, 0
        for generation, name, index in stored:
            if generation < self._generation - 1:
                continue  # a day that is being deleted
            if index < self._upto:
                found += _weight(generation, name, index)
            else:
                strange += self._on_their_way.get(name) != index or generation != self._generation
        if found != self._expected or strange:
            return ["Beside the records: the answers to idempotency keys are not those of the records."]
        return []


def _weight(generation: int, name: bytes, index: int) -> int:
    return int.from_bytes(sha256(f"{generation}|{index}|".encode() + name).digest(), "big")


def _read_head(evidence: Evidence) -> dict[str, Any] | None:
    if evidence.head is None:
        return None
    try:
        cipher = Aead(_key_of(evidence, id_of(evidence.head), Purpose.HEAD))
        plain = cipher.decrypt(evidence.head[KEY_ID_SIZE:], evidence.ledger_id.encode())
    except (InvalidTag, TamperedError):
        return None
    read: dict[str, Any] = json.loads(plain)
    return read


def _key_of(evidence: Evidence, key_id: int, purpose: Purpose) -> bytes:
    key = evidence.data_keys.get(key_id)
    if key is None:
        raise TamperedError(f"its data key {key_id} is missing")
    if key.master not in evidence.masters:
        raise TamperedError(f"its master key {key.master} is missing")
    return derived_key(evidence.masters[key.master], key.salt, evidence.ledger_id, key_id, purpose)
