"""The engine: every change on the site goes through it, and only one of them writes to a ledger at a time.

    command → decide(state, moment) → events → records, one transaction, fsynced → evolve(state) → answer

A refusal changes nothing but its own record. If a commit fails, the state is folded again from what the disk holds
before anybody is answered. Reads take `state` and `moment`, and write nothing.
"""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from carnet.control_room.authority.decision import Command, Decision, FileCommand, Moment
from carnet.control_room.authority.evolve import evolve, evolve_event
from carnet.control_room.authority.history import product_of_order
from carnet.control_room.authority.state import State
from carnet.control_room.authority.trusted_time import Anchor, Reading, trusted_time
from carnet.control_room.engine.book import EPOCH_RECORDS, Book, Cipher, Epoch, Head, Pages
from carnet.control_room.engine.idempotency import first_answer, remember
from carnet.control_room.engine.order import Order, Outcome
from carnet.control_room.engine.passing_time import passing_time
from carnet.control_room.engine.snapshots import SNAPSHOT_EVERY, read_snapshot, write_snapshot
from carnet.control_room.engine.store import Commit, Store
from carnet.control_room.keys import KeyRing
from carnet.control_room.ledger.events import ClockLowered, ClockRaised, Event, LicenseInstalled, Refused
from carnet.control_room.ledger.record import SYSTEM, Record
from carnet.entitlements import UnwritableError
from carnet.errors import CarnetError, TamperedError, UsageError
from carnet.exchange.keys import RandomBytes
from carnet.exchange.verdicts import Refusal
from carnet.merkle import Checkpoint


class Engine:
    def __init__(self, store: Store, keys: KeyRing, random: RandomBytes, version: str) -> None:
        self.store, self.keys, self.random, self._version = store, keys, random, version
        self._cipher = Cipher(keys.master, store)
        self._epoch: Epoch | None = None
        self._load()

    def _load(self) -> None:
        """The newest snapshot, then the records after it. A snapshot that does not fit is left aside."""
        self.book = Book(self.store, self._cipher)
        self.book.check_head()
        self.state, self.snapshot_size = read_snapshot(self.book)
        try:
            for record in self.book.records(self.state.size):
                evolve(self.state, record)
        except TamperedError as error:
            message = f"Record {self.state.size} of the ledger: {error}."
            raise TamperedError(message, "Run: control-room ledger verify") from error

    @property
    def anchor(self) -> Anchor | None:
        return self.book.head.anchor if self.book.head else None

    @property
    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.book.peaks.size, self.book.peaks.root)

    def now(self, reading: Reading) -> datetime:
        return trusted_time(self.state.mark, self.anchor, reading)

    def moment(self, reading: Reading) -> Moment:
        now = self.now(reading)
        return Moment(now, reading, self.random, self.keys, self.store.document, self._version)

    def execute(self, command: Command, reading: Reading, actor: str, key: str | None = None) -> object | Refusal:
        """Decide one command and make it durable. Raises StorageError where the disk failed and nothing changed."""
        (outcome,) = self.execute_all([Order(command, actor, key)], reading)
        if isinstance(outcome, CarnetError):
            raise outcome
        return outcome

    def execute_all(self, orders: Sequence[Order], reading: Reading) -> list[Outcome]:
        """Several orders in one transaction and one fsync; each sees the ones before it. Their outcomes, in order."""
        transaction = _Transaction(self, reading)
        try:
            answers = [transaction.add(order) for order in orders]
            transaction.commit()
        except BaseException as error:
            self._load()  # memory is never ahead of the disk
            if isinstance(error, UnwritableError):
                raise UsageError(f"This cannot be recorded: {error}.", "Nothing was changed.") from error
            raise
        return answers

    def record(self, events: Sequence[Event], reading: Reading, actor: str) -> None:
        """Facts that no command decides: the site's first record, a restored backup, an upgrade."""
        transaction = _Transaction(self, reading)
        transaction.append(events, actor)
        transaction.commit()

    def epoch(self) -> Epoch:
        if self._epoch is None or self.book.peaks.size - self._epoch.since >= EPOCH_RECORDS:
            self._epoch = self._cipher.new_epoch(self.book.peaks.size, self.random)
        return self._epoch

    def end_epoch(self) -> None:
        """The data key changes at each OLF."""
        self._epoch = None


class _Transaction:
    """What several commands add up to. The state moves with each; the disk moves once, in `commit`."""

    def __init__(self, engine: Engine, reading: Reading) -> None:
        self._engine, self._reading = engine, reading
        self._moment = engine.moment(reading)
        self._now = self._moment.now
        self._epoch = engine.epoch()
        self._pages = Pages(engine.book, self._epoch, engine.random)
        self._documents: dict[str, bytes] = {}
        self._secrets: dict[str, bytes] = {}
        self._lapsed = False
        self._new_epoch = False

    def add(self, order: Order) -> Outcome:
        self._let_time_pass()
        command, key = order.command, order.key
        if key and key in self._engine.state.answers:
            return first_answer(command, self._engine.state.answers[key])
        decision = command.decide(self._engine.state, self._moment)
        if isinstance(decision, Refusal):
            self.append([_refused(command, decision, self._engine.state)], order.actor)
            return decision
        self._take(decision, order)
        if key:
            self.append([remember(command, decision.answer)], order.actor, key)
        return decision.answer

    def _let_time_pass(self) -> None:
        """What time alone changed since the last record is recorded before a decision is taken on it."""
        if not self._lapsed:
            self._lapsed = True
            self.append(passing_time(self._engine.state, self._engine.anchor, self._reading, self._now), SYSTEM)

    def _take(self, decision: Decision, order: Order) -> None:
        for key in decision.new_keys:
            name, box = self._engine.keys.wrap(key, self._moment.random)
            self._secrets[name] = box
        written = self._write(decision.events, order.actor, order.key, decision.moved)
        if decision.documents:
            # files are made of the ledger with these records in it, and of the state as it was before them
            self._documents |= decision.documents(self._pages)
        self._evolve(written)

    def append(self, events: Sequence[Event], actor: str, key: str | None = None) -> None:
        self._evolve(self._write(events, actor, key))

    def _write(
        self, events: Sequence[Event], actor: str, key: str | None, moved: datetime | None = None
    ) -> list[tuple[Record, Event]]:
        written = []
        for event in events:
            if isinstance(event, ClockLowered | ClockRaised) and moved:
                self._now = moved  # T1, T3: this record, and all after it
            written.append((self._pages.append(event, self._now, actor, key), event))
        return written

    def _evolve(self, written: list[tuple[Record, Event]]) -> None:
        for record, event in written:
            evolve_event(self._engine.state, record, event)
            self._new_epoch = self._new_epoch or isinstance(event, LicenseInstalled)

    def commit(self) -> None:
        if not self._pages.rows:
            return
        engine, book = self._engine, self._engine.book
        anchor = Anchor(trusted=max(self._now, engine.state.mark), uptime=self._reading.uptime, boot=self._reading.boot)
        checkpoint = self._pages.checkpoint
        head = Head(size=checkpoint.size, root=checkpoint.root.hex(), anchor=anchor)
        engine.store.commit(
            Commit(
                self._pages.rows,
                book.seal(head, engine.random),
                self._documents,
                self._secrets,
                (self._epoch.key_id, self._epoch.salt) if self._epoch.since == book.peaks.size else None,
                self._snapshot(checkpoint),
            )
        )
        book.turn_to(head, self._pages.peaks)
        if self._new_epoch:
            engine.end_epoch()

    def _snapshot(self, checkpoint: Checkpoint) -> tuple[int, bytes] | None:
        engine = self._engine
        if checkpoint.size - engine.snapshot_size < SNAPSHOT_EVERY:
            return None
        engine.snapshot_size = checkpoint.size
        return write_snapshot(engine.state, checkpoint, engine.book.cipher, engine.random)


def _refused(command: Command, refusal: Refusal, state: State) -> Refused:
    digest = sha256(command.raw).hexdigest() if isinstance(command, FileCommand) else None
    message = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in refusal.message)
    sku = product_of_order(state, command)
    return Refused(what=command.what, code=refusal.code.value, message=message, file_sha256=digest, sku=sku)
