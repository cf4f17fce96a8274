"""G5: the same key with the same request returns the first answer; with another request it is refused.

The first answer stands in the last record of the change itself, so that it survives a restart. A refusal is not
remembered: the same key may try again. The index says which record carries the answer to which key, for at least 24
hours, at a bounded cost in memory.

New keys are remembered here. When there are many, they move to the store, a few with each commit and sorted by name, so
that neighbours lie on the same page. There they lie in generations of 24 hours: two are kept, so that forgetting a day
needs no search, and what is asked for again within 24 hours is always in one of them. What is lost of this index is
found again by reading the records that the head says are not yet in it.

A Bloom filter for each generation says of most new keys that they are not in the store. Its size is fixed, so that a
day of keys costs no more than an hour's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import chain

import msgspec

from carnet.control_room.engine.store import Store, StoredAnswer
from carnet.control_room.ledger.record import Answered, Record, answer_name
from carnet.control_room.rules.decision import Command, SecretAnswer
from carnet.entitlements import Fields, Quantity, Time
from carnet.errors import CarnetError
from carnet.exchange.verdicts import Code, Refusal

BITS = 2**23  # 1 MiB: of a million names, one in twenty others is let through
_MASK = BITS - 1


class BloomFilter:
    def __init__(self, bits: bytes | None = None) -> None:
        self._bits = bytearray(bits) if bits and len(bits) == BITS // 8 else bytearray(BITS // 8)

    def put(self, name: bytes) -> None:
        """`name`: at least 8 bytes of a hash."""
        number = int.from_bytes(name[:8], "little")
        for place in (number & _MASK, (number >> 32) & _MASK):
            self._bits[place >> 3] |= 1 << (place & 7)

    def may_hold(self, name: bytes) -> bool:
        number = int.from_bytes(name[:8], "little")
        first, second = number & _MASK, (number >> 32) & _MASK
        bits = self._bits
        return bool(bits[first >> 3] >> (first & 7) & 1 and bits[second >> 3] >> (second & 7) & 1)

    def __bytes__(self) -> bytes:
        return bytes(self._bits)


KEPT = timedelta(hours=24)
IN_MEMORY = 100_000  # before they move: the more at once, the fewer pages of the store's index are written for each
READ_AGAIN = 200_000  # records that a start reads for answers that are not in the store yet, at about the most
NONE_YET = 20_000  # records without an answer that it reads for nothing


class IndexMark(Fields, frozen=True):
    """How far the store's index is: it holds all answers in the records from `since` up to `upto`."""

    generation: Quantity
    started_at: Time  # the generation
    started: Quantity  # with this record
    since: Quantity  # where the generation before it started
    upto: Quantity


class Recent:
    """Answers in memory, by the first byte of their name, so that they can be sorted a little at a time: sorting all of
    them at once would make everybody wait for it."""

    def __init__(self) -> None:
        self._by_first: list[dict[bytes, int]] = [{} for _ in range(256)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self._by_first)

    def put(self, name: bytes, index: int) -> None:
        some = self._by_first[name[0]]
        self._count += name not in some
        some[name] = index

    def get(self, name: bytes) -> int | None:
        return self._by_first[name[0]].get(name)

    def sorted_from(self, first: int) -> list[tuple[bytes, int]]:
        return sorted(self._by_first[first].items())


@dataclass
class Moving:
    """IdempotencyIndex on their way to the store, in the order of their names."""

    known: Recent
    upto: int
    left: list[tuple[bytes, int]] = field(default_factory=list)  # sorted already
    first: int = 0  # names that begin with this byte are sorted next

    def next(self, count: int) -> list[tuple[bytes, int]]:
        """So many, or all that is left; they stay here until they are stored."""
        while len(self.left) < count and self.first < 256:
            self.left += self.known.sorted_from(self.first)
            self.first += 1
        return self.left[:count]

    def stored(self, count: int) -> None:
        del self.left[:count]


@dataclass(frozen=True)
class Move:
    """What a commit takes along, and what is true once it is done."""

    mark: IndexMark
    stored: list[StoredAnswer] = field(default_factory=list)

    @property
    def kept_from(self) -> int:
        """The oldest generation that is kept."""
        return max(0, self.mark.generation - 1)


class BloomFilters(msgspec.Struct):
    """Most keys are new: these tell so without a look into the store. One for each generation that is kept."""

    generation: int
    current: bytes
    before: bytes


class IdempotencyIndex:
    def __init__(self, store: Store, mark: IndexMark | None, filters: BloomFilters | None = None) -> None:
        self._store, self.mark = store, mark
        self.size = 0  # of the ledger whose answers these are
        self._recent = Recent()
        self._moving: Moving | None = None
        self._filter, self._before = (
            BloomFilter(filters.current if filters else None),
            BloomFilter(filters.before if filters else None),
        )
        if filters and filters.generation != self._generation:
            self._fill_filters()

    @property
    def _generation(self) -> int:
        return self.mark.generation if self.mark else 0

    def filters(self) -> BloomFilters:
        """For a snapshot: where they stand now."""
        return BloomFilters(self._generation, bytes(self._filter), bytes(self._before))

    def _turn_filters(self) -> None:
        """What is still in memory will be stored under the new generation."""
        self._filter, self._before = BloomFilter(), self._filter
        for name in self._recent:
            self._filter.put(name)

    def _fill_filters(self) -> None:
        """From the store: those of a snapshot from before a turn do not know what was stored since."""
        self._filter, self._before = BloomFilter(), BloomFilter()
        for generation, name, _ in self._store.answers():
            (self._filter if generation == self._generation else self._before).put(name)

    @property
    def start(self) -> int:
        """From this record on, answers are not in the store yet."""
        return self.mark.upto if self.mark else 0

    def note_all(self, answered: Mapping[bytes, Record]) -> None:
        """Durable records with answers, by the answers' names."""
        for name, record in answered.items():
            self._recent.put(name, record.index)
            self._filter.put(name)

    def note(self, record: Record) -> None:
        """A durable record, read again at a start."""
        if record.answered and record.key:
            name = answer_name(record.actor, record.key)
            self._filter.put(name)
            if record.index >= self.start:
                self._recent.put(name, record.index)

    def find(self, name: bytes) -> int | None:
        found = self._recent.get(name)
        if found is None and self._moving:
            found = self._moving.known.get(name)
        if found is not None or not (self._filter.may_hold(name) or self._before.may_hold(name)):
            return found
        if self.mark and self.mark.upto:
            found = self._store.answer(self.mark.generation, name)
            if found is None and self.mark.generation:
                found = self._store.answer(self.mark.generation - 1, name)
        return found

    def next_move(self, size: int, records: int, now: datetime) -> Move:
        """What the commit that brings the ledger to `size`, with so many records of its own, takes along."""
        mark = self.mark or IndexMark(generation=0, started_at=now, started=0, since=0, upto=0)
        before = size - records
        unread = before - mark.upto
        if self._moving is None and not self._recent and unread >= NONE_YET:
            return Move(_changed(mark, upto=before))
        if self._moving is None and (len(self._recent) >= IN_MEMORY or unread >= READ_AGAIN):
            self._moving = Moving(self._recent, before)
            self._recent = Recent()
        if self._moving is None:
            return _turned(mark, now)
        count = 4 * records + 64
        stored = [StoredAnswer(mark.generation, name, index) for name, index in self._moving.next(count)]
        if len(stored) == count:
            return Move(mark, stored)
        return Move(_changed(mark, upto=self._moving.upto), stored)

    def moved(self, move: Move) -> None:
        """The commit that took it along is on the disk."""
        moving = self._moving
        if moving:
            moving.stored(len(move.stored))
            if self.start < move.mark.upto:
                self._moving = None
        if self.mark and move.mark.generation > self.mark.generation:
            self._turn_filters()
        self.mark = move.mark


def _turned(mark: IndexMark, now: datetime) -> Move:
    """A new generation where this one is a day old: the one before it is then older than any promise."""
    if mark.started_at <= now < mark.started_at + KEPT:  # a clock that was lowered (T3) ends it too
        return Move(mark)
    turned = IndexMark(
        generation=mark.generation + 1, started_at=now, started=mark.upto, since=mark.started, upto=mark.upto
    )
    return Move(turned)


def _changed(mark: IndexMark, *, upto: int) -> IndexMark:
    return IndexMark(
        generation=mark.generation,
        started_at=mark.started_at,
        started=mark.started,
        since=mark.since,
        upto=upto,
    )


_encode = msgspec.json.Encoder().encode


def remember(command: Command[object], answer: object) -> Answered:
    if isinstance(answer, SecretAnswer):
        answer = answer.without_secret()  # A2
    return Answered(request_sha256=_digest(command), answer=msgspec.Raw(_encode(answer)))


def first_answer(command: Command[object], answered: Answered) -> object | Refusal:
    if answered.request_sha256 != _digest(command):
        return Refusal(
            Code.IDEMPOTENCY_CONFLICT,
            "This key was used for another request. Nothing was changed.",
            "Use a new key for a new request; repeat a request with its own key.",
        )
    try:
        answer: object = msgspec.json.decode(answered.answer, type=command.answers)
    except msgspec.MsgspecError as error:
        message = "The first answer to this key is of another release, and cannot be repeated. Nothing was changed."
        raise CarnetError(message, "Look at the ledger for what was done; use a new key.") from error
    return answer


def _digest(command: Command[object]) -> str:
    return sha256(command.what.encode() + b"|" + _encode(command)).hexdigest()
