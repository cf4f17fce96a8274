"""The engine: every change on the site goes through it, and only one of them writes to a ledger at a time.

    command → decide(state, moment) → events → records, one transaction, fsynced → evolve(state) → answer

A refusal changes nothing but its own record. If a commit fails, the state is folded again from what the disk holds
before anybody is answered. Reads take `state` and `moment`, and write nothing.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from carnet.control_room.authority.decision import Command, Moment
from carnet.control_room.authority.evolve import evolve
from carnet.control_room.authority.trusted_time import Anchor, Reading, trusted_time
from carnet.control_room.engine.answers import Answers
from carnet.control_room.engine.book import LOOK, Book
from carnet.control_room.engine.cipher import Cipher, Epoch
from carnet.control_room.engine.noise import Noise
from carnet.control_room.engine.order import Order, Outcome
from carnet.control_room.engine.passing_time import after_restart
from carnet.control_room.engine.refusals import Refusals
from carnet.control_room.engine.seen import Seen
from carnet.control_room.engine.snapshots import SNAPSHOT_EVERY, read_snapshot, write_snapshot
from carnet.control_room.engine.store import Store
from carnet.control_room.engine.transaction import Transaction
from carnet.control_room.keys import KeyRing
from carnet.control_room.ledger.events import Event
from carnet.control_room.ledger.record import SYSTEM
from carnet.errors import CarnetError, NewerVersionError, StorageError, TamperedError
from carnet.exchange.enablement_token import version_tuple
from carnet.exchange.keys import RandomBytes
from carnet.exchange.verdicts import Refusal
from carnet.merkle import Checkpoint

EPOCH_RECORDS = 2**24  # records under one data key


class Engine:
    def __init__(self, store: Store, keys: KeyRing, random: RandomBytes, version: str) -> None:
        self.store, self.keys, self.random, self._version = store, keys, Noise(random), version
        self._cipher = Cipher(keys.master, store)
        self.refusals = Refusals()
        self.answers = Answers(store, None)
        self.seen = Seen(keys.master, store.ledger_id)
        self._epoch: Epoch | None = None
        self._broken: StorageError | None = None
        self._load()

    def _load(self) -> None:
        """The newest snapshot, then the records after it. A snapshot that does not fit is left aside."""
        self.seen.forget()
        self.book = Book(self.store, self._cipher)
        self.book.check_head()
        self.state, sieves = read_snapshot(self.book)
        self.snapshot_size = self.state.size
        self._check_version("")
        mark = self.book.head.answers if self.book.head else None
        anew = mark != self.answers.mark or self.answers.size != self.book.peaks.size
        if anew:  # else this is a reload, and what is known of answers is what the disk holds
            self.answers = Answers(self.store, mark, sieves)
        at = start = min(self.state.size, self.answers.start) if anew else self.state.size
        try:
            for record in self.book.records(start):
                at = record.index + 1
                if record.index >= self.state.size:
                    before = self.state.version
                    evolve(self.state, record)
                    self._check_version(before)
                if anew:
                    self.answers.note(record)
        except TamperedError as error:
            raise TamperedError(f"Record {at} of the ledger: {error}.", *LOOK) from error
        self.answers.size = self.book.peaks.size
        if self.state.size != self.book.peaks.size:
            raise TamperedError(f"Record {at} of the ledger is missing.", *LOOK)
        self._epoch = None
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
        return self.book.head.anchor if self.book.head else None

    @property
    def checkpoint(self) -> Checkpoint:
        return self.book.checkpoint

    def now(self, reading: Reading) -> datetime:
        return trusted_time(self.state.mark, self.anchor, reading)

    def moment(self, reading: Reading) -> Moment:
        now = self.now(reading)
        return Moment(now, reading, self.random, self.keys, self.store.document, self._version)

    def execute(self, command: Command, reading: Reading, actor: str, key: str | None = None) -> object | Refusal:
        """Decide one command and make it durable. Raises StorageError where the disk failed and nothing changed."""
        (outcome,) = self.execute_all([Order(command, actor, key)], reading)
        with suppress(StorageError):  # what was decided is durable, with a new snapshot or without one
            self.keep_snapshot()
        if isinstance(outcome, CarnetError):
            raise outcome
        return outcome

    def execute_all(self, orders: Sequence[Order], reading: Reading) -> list[Outcome]:
        """Several orders in one transaction and one fsync; each sees the ones before it. Their outcomes, in order.

        No order at all writes down what time alone has changed. Raises StorageError where the disk failed: then
        nothing changed, and the state is what the disk holds.
        """
        self.check_loaded()
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

    def restarted(self, reading: Reading) -> None:
        """G6: a server starts, so that each lease that ran when the last one wrote gets one time to live from here."""
        transaction = Transaction(self, reading)
        transaction.append(after_restart(self.state, self.anchor), SYSTEM)
        transaction.commit()

    def check_loaded(self) -> None:
        """Nothing is answered from a state that is not what the disk holds. Raises StorageError."""
        if self._broken:
            raise self._broken

    def probe(self) -> None:
        """Whether the disk gives and takes again. Raises StorageError, or TamperedError where it cannot be read."""
        if self._broken:
            self._load()
        self.store.probe()

    def record(self, events: Sequence[Event], reading: Reading, actor: str) -> None:
        """Facts that no command decides: the site's first record, a restored backup, an upgrade."""
        transaction = Transaction(self, reading)
        transaction.append(events, actor)
        transaction.commit()

    def epoch(self) -> Epoch:
        if self._epoch is None or self.book.peaks.size - self._epoch.since >= EPOCH_RECORDS:
            self._epoch = self._cipher.new_epoch(self.book.peaks.size, self.random)
        return self._epoch

    def end_epoch(self) -> None:
        """The data key changes at each OLF."""
        self._epoch = None

    def snapshot_if_due(self, every: int = SNAPSHOT_EVERY) -> bytes | None:
        """A snapshot of the state as it is, to be kept; None while the last one is new enough, and while the state
        is not what the disk holds."""
        checkpoint = self.checkpoint
        if self._broken or checkpoint.size - self.snapshot_size < every:
            return None
        self.snapshot_size = checkpoint.size
        return write_snapshot(self.state, self.answers.sieves(), checkpoint, self._cipher, self.random)

    def keep_snapshot(self, every: int = SNAPSHOT_EVERY) -> None:
        """Raises StorageError where it could not be written; that harms nothing."""
        box = self.snapshot_if_due(every)
        if box:
            self.store.keep_snapshot(box)
