"""What can be asked of a Control Room at any door, beside the checks of `granting`. A question changes nothing.

Each one's answer is a dataclass, so that it is the same at every door, and on its way over a socket.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any, ClassVar

import msgspec

from carnet import times
from carnet.control_room.ledger.record import Record, key_id_of
from carnet.control_room.queries import (
    forecast,
    run_out,
    status,
    usage,
)
from carnet.control_room.queries.record_search import LONGEST, RecordFilter, bounds
from carnet.control_room.queries.run_out import NearLimit, RunOut
from carnet.control_room.rules.decision import Question, View
from carnet.errors import UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.merkle import inclusion_proof, leaf_hash

WINDOW = 256  # records that one question looks at: it must not keep the writer from its work
HOLDERS = 1000  # users and leases in one answer
PAGE = 1024 * 1024  # bytes of records' bodies in one answer


@dataclass(frozen=True)
class Status(Question[status.Status]):
    what: ClassVar[str] = "status"
    needs: ClassVar[str] = "read"

    def answer(self, view: View) -> status.Status:
        return status.status(view.state, view.checkpoint, view.now, view.reading, view.storage)


@dataclass(frozen=True)
class Usage(Question[usage.Usage | Refusal]):
    """A page of the holders, with the totals of all. `products`: only holders of these."""

    after: str = ""  # what the page before named as its `next`
    limit: int = HOLDERS
    products: list[str] | None = None
    what: ClassVar[str] = "usage"
    needs: ClassVar[str] = "read"

    def answer(self, view: View) -> usage.Usage | Refusal:
        if not 1 <= self.limit <= HOLDERS:
            return Refusal(Code.MALFORMED, f"A page has 1 to {HOLDERS:,} holders.", "Ask for more page after page.")
        return usage.usage(view.state, view.now, usage.Page(self.after, self.limit, self.products))


@dataclass(frozen=True)
class Forecast(Question[forecast.Forecast]):
    """Of a date; where none is given, of the first noon at which the open cycle is missed."""

    on: datetime | None = None
    what: ClassVar[str] = "forecast"

    def answer(self, view: View) -> forecast.Forecast:
        deadline = forecast.missed_deadline(view.state)
        if self.on is None and deadline is None:
            raise UsageError("No request is open: there is no deadline to miss.")
        on = self.on or forecast.seen_first(deadline or view.now)
        if self.on and self.on.date() < view.now.date():
            past = f"{times.day(self.on)} is past; today is {times.day(view.now)}."
            raise UsageError(past, "Name today or a later date.")
        return forecast.forecast(view.state, max(on, view.now), view.now)


@dataclass(frozen=True)
class OutlookAnswer:
    at: datetime
    run_out: list[RunOut]
    near_limit: list[NearLimit]


@dataclass(frozen=True)
class Outlook(Question[OutlookAnswer]):
    """When units run out at the rate at which they are used, and what is near its limit."""

    what: ClassVar[str] = "outlook"

    def answer(self, view: View) -> OutlookAnswer:
        state, now = view.state, view.now
        return OutlookAnswer(now, run_out.run_out(state, now), run_out.near_limit(state, now))


@dataclass(frozen=True)
class RecordView:
    index: int
    at: datetime
    kind: str
    actor: str
    body: dict[str, Any]


@dataclass(frozen=True)
class RecordsAnswer:
    """A part of what was asked for. Ask again `before` this index for what comes earlier; 0: there is nothing."""

    records: list[RecordView]  # the newest last
    before: int


@dataclass(frozen=True)
class Records(Question[RecordsAnswer | Refusal]):
    """The newest records, at most `last` of them, before an index. Of a kind, of an actor, that say a text (in whatever
    letters, in the actor's name or the body), from `since` on and before `until`."""

    last: int = 20
    kind: str | None = None
    before: int | None = None
    actor: str | None = None
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    what: ClassVar[str] = "records"

    def answer(self, view: View) -> RecordsAnswer | Refusal:
        if len(self.text) > LONGEST:
            words = f"What is searched for has at most {LONGEST} characters."
            return Refusal(Code.MALFORMED, words, "Search for a part of it.")
        wanted = RecordFilter(self.kind, self.actor, self.text, self.since, self.until)
        first, end = bounds(view, wanted)
        end = end if self.before is None else max(first, min(self.before, end))
        last = max(1, self.last)
        start = max(first, end - (min(last, WINDOW) if wanted.is_all else WINDOW))
        looked_at = takewhile(lambda record: record.index < end, view.records(start))
        found = [record for record in looked_at if wanted.fits(record)]
        kept = _fitting(found[-last:])
        before = start if len(kept) == len(found) else kept[0].index
        return RecordsAnswer([_record(record) for record in kept], 0 if before <= first else before)


@dataclass(frozen=True)
class RecordDetailAnswer:
    """With the proof that it is in the ledger: from the leaf's hash, by the path, to the root of the checkpoint."""

    record: RecordView
    key: str | None  # the caller's idempotency key
    leaf_hash: str
    key_id: int  # of the data key that it is encrypted with; 0: it stands in clear
    path: list[str]  # hashes of an RFC 9162 inclusion proof
    size: int
    root: str


@dataclass(frozen=True)
class RecordDetail(Question[RecordDetailAnswer | Refusal]):
    index: int
    what: ClassVar[str] = "record"

    def answer(self, view: View) -> RecordDetailAnswer | Refusal:
        at = view.checkpoint
        if not 0 <= self.index < at.size:
            words = f"There is no record {self.index}: the ledger has {at.size:,}, and the first is 0."
            return Refusal(Code.NOT_FOUND, words, "Look at the newest ones.")
        assert view.leaf
        assert view.node
        record, leaf = next(view.records(self.index)), view.leaf(self.index)
        path = [each.hex() for each in inclusion_proof(self.index, at.size, view.node)]
        hashed = leaf_hash(leaf).hex()
        return RecordDetailAnswer(_record(record), record.key, hashed, key_id_of(leaf), path, at.size, at.root.hex())


def _fitting(records: list[Record]) -> list[Record]:
    """The newest of them whose bodies make a page; one at least."""
    size = 0
    for count, record in enumerate(reversed(records)):
        size += len(bytes(record.body))
        if size > PAGE and count:
            return records[-count:]
    return records


def _record(record: Record) -> RecordView:
    body = msgspec.json.decode(record.body, type=dict[str, Any])
    return RecordView(record.index, record.at, record.kind, record.actor, body)


@dataclass(frozen=True)
class CheckpointAnswer:
    size: int
    root: str
    text: str  # in three lines: origin, size, root


@dataclass(frozen=True)
class Checkpoint(Question[CheckpointAnswer]):
    what: ClassVar[str] = "checkpoint"

    def answer(self, view: View) -> CheckpointAnswer:
        at = view.checkpoint
        return CheckpointAnswer(at.size, at.root.hex(), at.text(view.state.control_room_id))
