"""The engine: every change on the site goes through it, and only one of them writes to a ledger at a time.

    command → decide(state, moment) → events → records, one transaction, fsynced → evolve(state) → answer

A refusal changes nothing but its own record. If a commit fails, the state is folded again from what the disk holds
before anybody is answered. Reads take `state` and `moment`, and write nothing.

A `QueuedCommand` is a command with who gives it and its idempotency key. A `Transaction` is what several of them add up
to: the state moves with each, the disk once, in `commit`. `view_of` is what questions are answered from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypeVar, cast

import msgspec

from carnet import times
from carnet.aead import DRAW_SIZE
from carnet.control_room.engine.checkpoint_tokens import CheckpointTokens
from carnet.control_room.engine.cipher import Cipher, Epochs
from carnet.control_room.engine.idempotency_index import IdempotencyIndex, first_answer, remember
from carnet.control_room.engine.key_ring import KeyRing
from carnet.control_room.engine.ledger_reader import LOOK, Head, LedgerReader
from carnet.control_room.engine.pending_batch import PendingBatch
from carnet.control_room.engine.refusal_counts import RefusalCounts, is_sampled
from carnet.control_room.engine.snapshots import SNAPSHOT_EVERY, read_snapshot, write_snapshot
from carnet.control_room.engine.store import Commit, Store
from carnet.control_room.engine.time_events import after_restart, time_events
from carnet.control_room.ledger.events import (
    CLEAR,
    AccessNoted,
    AnswerRemembered,
    ClockLowered,
    ClockRaised,
    Event,
    LicenseInstalled,
    RefusalsCounted,
    Refused,
    SiteArrived,
)
from carnet.control_room.ledger.record import (
    SYSTEM,
    Answered,
    Record,
    answer_name,
)
from carnet.control_room.queries.history import product_of_order
from carnet.control_room.rules.decision import Command, Decision, FileCommand, Moment, View
from carnet.control_room.rules.granting.people import Access
from carnet.control_room.rules.granting.permissions import refuse
from carnet.control_room.rules.granting.preconditions import moved
from carnet.control_room.state.fold import evolve, evolve_event
from carnet.control_room.state.state import ApiKey
from carnet.control_room.state.trusted_time import Anchor, Reading, jump, trusted_time
from carnet.entitlements import UnwritableError
from carnet.errors import (
    CarnetError,
    ClockError,
    NewerVersionError,
    StorageError,
    TamperedError,
    UsageError,
)
from carnet.exchange.enablement_token import version_tuple
from carnet.exchange.keys import RandomBytes
from carnet.exchange.verdicts import Code, Refusal
from carnet.far_ahead import doubt
from carnet.merkle import Checkpoint

T = TypeVar("T")
Outcome = object | Refusal | CarnetError  # an answer, a rule that said no, or what broke


class QueuedCommand(msgspec.Struct, frozen=True):
    command: Command[object]
    actor: str
    key: str | None = None  # G5
    api_key: ApiKey | None = None  # A1: what limits the caller; None for people at the site's own door


class Engine:
    def __init__(
        self, store: Store, keys: KeyRing, random: RandomBytes, version: str, largest_jump: timedelta | None = None
    ) -> None:
        """`largest_jump`: how far ahead the clock may be without being confirmed (T5); None: as far as it likes."""
        self.store, self.keys, self.random, self._version = store, keys, random, version
        self._largest_jump = largest_jump
        self._cipher = Cipher(keys.masters, store)
        self.epochs = Epochs(self._cipher, random)
        self.refusals = RefusalCounts()
        self.answers = IdempotencyIndex(store, None)
        self.seen = CheckpointTokens(keys.first_master, store.ledger_id)
        self._broken: StorageError | None = None
        self._load()

    def _load(self) -> None:
        """The newest snapshot, then the records after it. A snapshot that does not fit is left aside."""
        self.seen.forget()
        self.reader = LedgerReader(self.store, self._cipher)
        self.reader.check_head()
        self.state, filters = read_snapshot(self.reader)
        self.snapshot_size = self.state.size
        self._check_version("")
        mark = self.reader.head.answers if self.reader.head else None
        index_is_stale = mark != self.answers.mark or self.answers.size != self.reader.peaks.size
        if index_is_stale:  # else this is a reload, and what is known of answers is what the disk holds
            self.answers = IdempotencyIndex(self.store, mark, filters)
        at = start = min(self.state.size, self.answers.start) if index_is_stale else self.state.size
        try:
            for record in self.reader.records(start):
                at = record.index + 1
                if record.index >= self.state.size:
                    before = self.state.version
                    evolve(self.state, record)
                    self._check_version(before)
                if index_is_stale:
                    self.answers.note(record)
        except TamperedError as error:
            raise TamperedError(f"Record {at} of the ledger: {error}.", *LOOK) from error
        self.answers.size = self.reader.peaks.size
        if self.state.size != self.reader.peaks.size:
            raise TamperedError(f"Record {at} of the ledger is missing.", *LOOK)
        self.epochs.end()
        self._broken = None

    def _check_version(self, before: str) -> None:
        """An older release never goes on with a newer one's ledger. Raises NewerVersionError."""
        found = self.state.version
        if found != before and version_tuple(found) > version_tuple(self._version):
            raise NewerVersionError(
                f"The ledger was written by version {found}; this is {self._version}. Nothing was changed.",
                f"Use version {found} or a newer one; or put back a backup that was made before the upgrade.",
            )

    @property
    def folded_anew(self) -> bool:
        """Whether there is a snapshot that this release could not start from."""
        return self.snapshot_size == 0 and self.store.snapshot() is not None

    @property
    def anchor(self) -> Anchor | None:
        return self.reader.head.anchor if self.reader.head else None

    @property
    def checkpoint(self) -> Checkpoint:
        return self.reader.checkpoint

    def now(self, reading: Reading) -> datetime:
        return trusted_time(self.state.mark, self.anchor, reading)

    def clock_doubt(self, reading: Reading) -> ClockError | None:
        """T5: why this clock is not written down before a person confirms it; None where it is believed."""
        ahead = jump(self.state.mark, self.anchor, reading)
        if self._largest_jump is None or not self.state.size or ahead <= self._largest_jump:
            return None
        nothing, run = "Nothing was recorded or granted.", "control-room clock confirm YYYY-MM-DD"
        return doubt(reading.system, self.state.mark, ahead, nothing=nothing, run=run)

    def confirm_clock(self, reading: Reading, actor: str) -> None:
        """T5: a person says that the clock is right. From this record on it is what the ledger knows."""
        largest, self._largest_jump = self._largest_jump, None
        try:
            about = times.minute(reading.system)
            self.record([AccessNoted(what=Access.CLOCK_CONFIRMED, about=about)], reading, actor)
        finally:
            self._largest_jump = largest

    def moment(self, reading: Reading) -> Moment:
        now = self.now(reading)
        return Moment(now, reading, self.random, self.keys, self.store.document, self._version)

    def execute(self, command: Command[T], reading: Reading, actor: str, key: str | None = None) -> T | Refusal:
        """Decide one command and make it durable. Raises StorageError where the disk failed and nothing changed."""
        (outcome,) = self.execute_all([QueuedCommand(command, actor, key)], reading)
        with suppress(StorageError):  # what was decided is durable, with a new snapshot or without one
            self.keep_snapshot()
        if isinstance(outcome, CarnetError):
            raise outcome
        return cast("T | Refusal", outcome)  # of this command: no other one was in the transaction

    def execute_all(self, orders: Sequence[QueuedCommand], reading: Reading) -> list[Outcome]:
        """Several orders in one transaction and one fsync; each sees the ones before it. Their outcomes, in order.

        No order at all writes down what time alone has changed. Raises StorageError where the disk failed: then
        nothing changed, and the state is what the disk holds.
        """
        self.check_loaded()
        if self.state.moved:  # L7: nothing is recorded, not even the refusal, or what time changed
            return [moved(self.state)] * len(orders)
        transaction = Transaction(self, reading)
        try:
            transaction.let_time_pass(orders)
            outcomes = [transaction.add(order) for order in orders]
            transaction.commit()
        except BaseException:
            transaction.give_up()
            self._broken = StorageError("The ledger cannot be read again after a failure.", "Look at the disk.")
            with suppress(CarnetError):  # memory is never ahead of the disk; `probe` tries again what cannot be read
                self._load()
            raise
        return outcomes

    def look_ahead(self, reading: Reading) -> None:
        """G6: what the next command would write down first of what time has changed, in memory alone, so that a read
        promises nothing which that command refuses. Only for an engine that never writes."""
        if not self.state.moved and self.clock_doubt(reading) is None:
            Transaction(self, reading).let_time_pass(())

    def restarted(self, reading: Reading) -> None:
        """G6: a server starts, so that each lease that ran when the last one wrote gets one time to live from here.
        Raises UsageError where the site moved away (L7)."""
        self.check_here()
        transaction = Transaction(self, reading)
        transaction.append(after_restart(self.state, self.anchor), SYSTEM)
        transaction.commit()

    def check_here(self) -> None:
        """L7: a copy that a site left behind writes nothing. Raises UsageError."""
        if self.state.moved:
            said = moved(self.state)
            raise UsageError(said.message, said.next, said.run)

    def check_loaded(self) -> None:
        """Nothing is answered from a state that is not what the disk holds. Raises StorageError."""
        if self._broken:
            raise self._broken

    def probe(self) -> None:
        """Whether the disk gives and takes again. Raises StorageError, or TamperedError where it cannot be read."""
        if self._broken:
            self._load()
        self.store.probe()

    def record(
        self,
        events: Sequence[Event],
        reading: Reading,
        actor: str,
        documents: Mapping[str, bytes] | None = None,
        secrets: Mapping[str, bytes] | None = None,
    ) -> None:
        """Facts that no command decides: the site's first record, a restored backup, an upgrade, other keys at rest;
        with them the documents and boxes, by their names, that are replaced. Raises UsageError where the site moved
        away (L7) and this is not its arrival."""
        if not any(isinstance(event, SiteArrived) for event in events):
            self.check_here()
        transaction = Transaction(self, reading)
        transaction.append(events, actor)
        transaction.keep(documents or {}, secrets or {})
        transaction.commit()

    def snapshot_if_due(self, every: int = SNAPSHOT_EVERY) -> bytes | None:
        """A snapshot of the state as it is, to be kept; None while the last one is new enough, and while the state
        is not what the disk holds."""
        checkpoint = self.checkpoint
        if self._broken or checkpoint.size - self.snapshot_size < every:
            return None
        self.snapshot_size = checkpoint.size
        return write_snapshot(self.state, self.answers.filters(), self.reader, self.random(DRAW_SIZE))

    def keep_snapshot(self, every: int = SNAPSHOT_EVERY) -> None:
        """Raises StorageError where it could not be written; that harms nothing."""
        box = self.snapshot_if_due(every)
        if box:
            self.store.keep_snapshot(box)


_MAY_NOT = (Code.UNAUTHENTICATED, Code.NOT_PERMITTED)


class Transaction:
    def __init__(self, engine: Engine, reading: Reading) -> None:
        """Raises ClockError where the clock is to be confirmed first (T5)."""
        doubt = engine.clock_doubt(reading)
        if doubt:
            raise doubt
        self._engine, self._reading = engine, reading
        self._moment = engine.moment(reading)
        self._epoch = engine.epochs.at(engine.reader.peaks.size, reading)
        self._draw = engine.random(DRAW_SIZE)  # the operating system's, for this transaction alone
        self._draft = PendingBatch(engine.reader, self._epoch, self._draw)
        self._documents: dict[str, bytes] = {}
        self._secrets: dict[str, bytes] = {}
        self._answered: dict[bytes, Record] = {}  # in this very transaction
        self._counted: list[RefusalsCounted] = []
        self._new_epoch = False

    def let_time_pass(self, orders: Sequence[QueuedCommand]) -> None:
        """What time alone changed since the last record is recorded before a decision is taken on it."""
        engine = self._engine
        self.append(time_events(engine.state, engine.anchor, self._reading, self._now), SYSTEM)
        if not orders or engine.refusals.due(self._now):
            self._write_counts()

    def add(self, order: QueuedCommand) -> Outcome:
        """Decide one order. What breaks over it is its own outcome: the others are not touched by it. Raises
        StorageError if the disk failed; a single command did not cause that."""
        mark, moment = self._draft.mark(), self._moment
        try:
            return self._decide(order)
        except StorageError:
            raise
        except (UnwritableError, CarnetError) as error:
            self._draft.back_to(mark)
            self._moment = moment
            if isinstance(error, CarnetError):
                return error
            return UsageError(f"This cannot be recorded: {error}.", "Nothing was changed.")

    @property
    def _now(self) -> datetime:
        """Trusted time; an order of this transaction may have moved it (T1, T3)."""
        return self._moment.now

    def _decide(self, order: QueuedCommand) -> Outcome:
        command, name = order.command, answer_name(order.actor, order.key) if order.key else None
        refusal = refuse(order.api_key, command, self._engine.state) if order.api_key else None  # A1
        if refusal and refusal.code in _MAY_NOT:
            return self._refuse(order, refusal)
        if name:
            answered = self._find_answer(name, order)
            if answered:
                return first_answer(command, answered)
        if refusal:  # an id out of scope, answered as an unknown one: also under a key that was used before
            return self._refuse(order, refusal)
        if not is_sampled(command):  # it may state totals, and they include every refusal before it (G7)
            self._write_counts()
        decision = command.decide(self._engine.state, self._moment)
        if isinstance(decision, Refusal):
            return self._refuse(order, decision)
        self._take(decision, order, name)
        return decision.answer

    def _write_counts(self) -> None:
        counted = self._engine.refusals.take()
        if counted:
            self._counted.append(counted)
            self.append([counted], SYSTEM)

    def give_up(self) -> None:
        """It could not be committed: what it took from the engine's own memory goes back there."""
        for counted in self._counted:
            self._engine.refusals.give_back(counted)

    def _refuse(self, order: QueuedCommand, refusal: Refusal) -> Refusal:
        command, sku = order.command, product_of_order(self._engine.state, order.command)
        sampled = is_sampled(command)
        if not sampled or self._engine.refusals.gets_a_record(command.what, refusal.code.value, sku, self._now):
            self.append([_refused(command, refusal, sku)], order.actor)
        return refusal

    def _find_answer(self, name: bytes, order: QueuedCommand) -> Answered | None:
        record = self._answered.get(name)
        if record is None:
            index = self._engine.answers.find(name)
            record = None if index is None else self._engine.reader.record(index)
        asked = record and (record.actor, record.key) == (order.actor, order.key)  # the index only says where to look
        return record.answered if record and asked else None

    def _take(self, decision: Decision[object], order: QueuedCommand, name: bytes | None) -> None:
        events, answered = decision.events, remember(order.command, decision.answer) if name else None
        carries = bool(events) and events[-1].kind not in CLEAR
        boxes = [self._engine.keys.wrap(key, self._moment.random) for key in decision.new_keys]
        written = self._write(events, order.actor, order.key, answered if carries else None, decision.moved)
        if decision.documents:
            # files are made of the ledger with these records in it, and of the state as it was before them
            self._documents |= decision.documents(self._draft)
        if answered and not carries:
            written += self._write([AnswerRemembered()], order.actor, order.key, answered)
        self._secrets |= dict(boxes)
        self._evolve(written)
        if name:
            self._answered[name] = written[-1][0]

    def append(self, events: Sequence[Event], actor: str) -> None:
        self._evolve(self._write(events, actor))

    def keep(self, documents: Mapping[str, bytes], secrets: Mapping[str, bytes]) -> None:
        self._documents |= documents
        self._secrets |= secrets

    def _write(
        self,
        events: Sequence[Event],
        actor: str,
        key: str | None = None,
        answered: Answered | None = None,
        moved: datetime | None = None,
    ) -> list[tuple[Record, Event]]:
        """Draft the events' records; the last one carries the answer."""
        written, now, last = [], self._now, len(events) - 1
        for place, event in enumerate(events):
            if moved and isinstance(event, ClockLowered | ClockRaised):
                now = moved  # T1, T3: this record, and all after it
            record = self._draft.append(event, now, actor, key, answered if place == last else None)
            written.append((record, event))
        if now != self._now:
            self._moment = replace(self._moment, now=now)
        return written

    def _evolve(self, written: list[tuple[Record, Event]]) -> None:
        for record, event in written:
            evolve_event(self._engine.state, record, event)
            self._new_epoch = self._new_epoch or isinstance(event, LicenseInstalled)

    def commit(self) -> None:
        draft, engine, reader = self._draft, self._engine, self._engine.reader
        if not draft.rows:
            return
        checkpoint = draft.checkpoint
        new_key = (self._epoch.key_id, self._epoch.key) if self._epoch.since == reader.peaks.size else None
        beside = [*_named("document", self._documents), *_named("secret", self._secrets)]
        kept = reader.kept.with_(beside, new_key) if beside or new_key else reader.kept
        move = engine.answers.next_move(checkpoint.size, len(draft.rows), self._now)
        anchor = Anchor(trusted=max(self._now, engine.state.mark), uptime=self._reading.uptime, boot=self._reading.boot)
        head = Head(
            size=checkpoint.size, root=checkpoint.root.hex(), anchor=anchor, kept=kept.digests, answers=move.mark
        )
        engine.store.commit(
            Commit(
                draft.rows,
                reader.seal(head, self._epoch.key_id, self._draw),
                self._documents,
                self._secrets,
                new_key,
                move.stored,
                move.kept_from,
            )
        )
        reader.turn_to(head, self._epoch.key_id, draft.peaks, checkpoint, kept)
        engine.answers.moved(move)
        engine.answers.note_all(self._answered)
        engine.answers.size = checkpoint.size
        if self._new_epoch:
            engine.epochs.end()


def _named(what: str, bodies: dict[str, bytes]) -> list[tuple[str, bytes]]:
    """As `Store.kept` names them."""
    return [(f"{what}:{name}", body) for name, body in bodies.items()]


def _refused(command: Command[object], refusal: Refusal, sku: str | None) -> Refused:
    digest = sha256(command.raw).hexdigest() if isinstance(command, FileCommand) else None
    return Refused(what=command.what, code=refusal.code.value, message=refusal.message, file_sha256=digest, sku=sku)


def view_of(engine: Engine, reading: Reading, storage: str = "") -> View:
    """`storage`: why nothing can be written now, if so."""
    storage = storage or str(engine.clock_doubt(reading) or "")
    moment = engine.moment(reading)
    reader, document = engine.reader, engine.store.document
    return View(
        engine.state,
        engine.checkpoint,
        moment.now,
        reading,
        document,
        reader.records,
        storage,
        moment,
        leaf=reader.leaf,
        node=reader.node,
    )
