"""The writer: takes orders from any number of callers, and commits all that wait in one transaction and one fsync.

It lives in one event loop and does its work there, the commit included: no caller can read what is not on the disk.
No timer and no thread: orders that come while a commit runs wait in the loop, and are the next batch. Only snapshots
are written by a thread, and it is handed finished bytes.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from carnet.control_room.engine.checkpoint_tokens import ReportRollback
from carnet.control_room.engine.engine import Engine, Outcome, QueuedCommand, view_of
from carnet.control_room.engine.snapshots import SNAPSHOT_EVERY
from carnet.control_room.ledger.record import SYSTEM
from carnet.control_room.rules.decision import Question
from carnet.control_room.state.trusted_time import Reading
from carnet.errors import BusyError, CarnetError, StorageError
from carnet.exchange.verdicts import Code, Refusal

WAITING = 8192  # orders
BATCH = 1024  # orders in one transaction
PROBE_EVERY = 1  # seconds between two tries of a disk that failed
SWEEP_EVERY = 30  # seconds between two looks at what time alone has changed
T = TypeVar("T")
Done = Callable[[list[Outcome]], None]


class Writer:
    def __init__(
        self,
        engine: Engine,
        reading: Callable[[], Reading],
        waiting: int = WAITING,
        snapshot_every: int = SNAPSHOT_EVERY,
    ) -> None:
        self.engine, self._reading, self._limit, self._every = engine, reading, waiting, snapshot_every
        self._queue: deque[tuple[Sequence[QueuedCommand], Done]] = deque()
        self._waiting = 0
        self._scheduled = False
        self._failed: tuple[StorageError, Reading] | None = None  # why nothing can be written, and when it was tried
        self._snapshot: asyncio.Future[None] | None = None

    # --- orders -------------------------------------------------------------------------------------------------

    def submit(self, orders: Sequence[QueuedCommand], done: Done) -> None:
        """Have orders decided together; `done` is called with their outcomes once they are durable.

        Raises BusyError where more would wait than are allowed to; nothing was tried then.
        """
        if self._waiting + len(orders) > self._limit:
            raise BusyError("Too many requests wait for the disk. Nothing was tried.", "Try again in a second.")
        self._queue.append((orders, done))
        self._waiting += len(orders)
        self._schedule()

    async def execute(self, orders: Sequence[QueuedCommand]) -> list[Outcome]:
        answered: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()

        def done(outcomes: list[Outcome]) -> None:
            if not answered.done():  # the caller may have gone away
                answered.set_result(outcomes)

        self.submit(orders, done)
        return await answered

    # --- questions ----------------------------------------------------------------------------------------------

    def ask(self, question: Question[T]) -> T:
        """An answer from what is durable. Raises StorageError where not even that can be read."""
        self._check_readable()
        return question.answer(view_of(self.engine, self._reading(), self.storage))

    @property
    def storage(self) -> str:
        """Why nothing can be written now; empty where all is well."""
        return str(self._failed[0]) if self._failed else ""

    @property
    def waiting(self) -> int:
        """Orders that wait."""
        return self._waiting

    @property
    def token(self) -> str:
        """The checkpoint of what is durable, as callers carry it."""
        return self.engine.seen.token(self.engine.checkpoint)

    def judge(self, shown: str) -> Refusal | None:
        """Whether the ledger goes on from what a caller saw (`seen`). What proves a rollback is also recorded."""
        self._check_readable()
        refusal = self.engine.seen.judge(shown, self.engine.reader)
        if refusal and refusal.code is Code.ROLLED_BACK and self._waiting < self._limit:
            self.submit([QueuedCommand(ReportRollback(shown), SYSTEM)], lambda _: None)
        return refusal

    def now(self) -> datetime:
        """Trusted time."""
        return self.engine.moment(self._reading()).now

    # --- the life of a server -----------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Write down what time alone has changed, now and then, until cancelled. No decision depends on it (G2)."""
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            try:
                self._commit([])
                self._keep_snapshot()
            except Exception as error:  # whatever it was, the next look may do
                _report("What time has changed could not be written down", error)

    async def close(self) -> None:
        """Decide all that waits, and keep a snapshot, so that the next start folds little."""
        while self._queue:
            await asyncio.sleep(0)
        self._commit([])
        if self._snapshot:
            await asyncio.wait([self._snapshot])
        try:
            if not self._failed:
                self.engine.keep_snapshot(every=1)
        except StorageError as error:  # it only saves time
            _report("No snapshot could be written", error)

    # --- inside -------------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        taken: list[tuple[Sequence[QueuedCommand], Done]] = []
        orders: list[QueuedCommand] = []
        while self._queue and (not orders or len(orders) + len(self._queue[0][0]) <= BATCH):
            part = self._queue.popleft()
            taken.append(part)
            orders += part[0]
        self._waiting -= len(orders)
        if self._queue:
            self._schedule()
        self._answer(taken, self._commit(orders))
        self._keep_snapshot()

    def _answer(self, taken: list[tuple[Sequence[QueuedCommand], Done]], outcomes: list[Outcome]) -> None:
        start = 0
        for part, done in taken:
            end = start + len(part)
            try:
                done(outcomes[start:end])
            except Exception as error:  # a caller that cannot be answered must not keep the others from theirs
                _report("An answer could not be given", error)
            start = end

    def _commit(self, orders: list[QueuedCommand]) -> list[Outcome]:
        try:
            reading = self._reading()
            if self._failed and not self._disk_is_back(reading):
                return [self._failed[0]] * len(orders)
            return self.engine.execute_all(orders, reading)
        except StorageError as error:
            self._failed = error, reading
            return [error] * len(orders)
        except CarnetError as error:
            return [error] * len(orders)
        except Exception as error:
            _report("An order broke", error)
            return self._one_by_one(orders)

    def _one_by_one(self, orders: list[QueuedCommand]) -> list[Outcome]:
        """An order that breaks the engine must not take the others with it."""
        if len(orders) > 1:
            return [outcome for order in orders for outcome in self._commit([order])]
        return [CarnetError("Something broke here; nothing was changed.", "Tell the administrator: see the log.")]

    def _disk_is_back(self, reading: Reading) -> bool:
        assert self._failed is not None
        error, tried = self._failed
        if reading.boot == tried.boot and reading.uptime - tried.uptime < PROBE_EVERY:
            return False
        self._failed = error, reading
        try:
            self.engine.probe()
        except CarnetError:
            return False
        self._failed = None
        return True

    def _check_readable(self) -> None:
        """Raises StorageError where a failed disk left a state that is not what it holds; tries it now and then."""
        if self._failed:
            self._disk_is_back(self._reading())
        self.engine.check_loaded()

    def _keep_snapshot(self) -> None:
        if self._snapshot or self._failed:
            return
        box = self.engine.snapshot_if_due(self._every)
        if box:
            kept = asyncio.get_running_loop().run_in_executor(None, self.engine.store.keep_snapshot, box)
            self._snapshot = asyncio.ensure_future(kept)
            self._snapshot.add_done_callback(self._snapshot_kept)

    def _snapshot_kept(self, kept: "asyncio.Future[None]") -> None:
        """A snapshot only saves time: one that could not be written is tried again later."""
        self._snapshot = None
        error = None if kept.cancelled() else kept.exception()
        if error:
            _report("No snapshot could be written", error)


def _report(what: str, error: BaseException) -> None:
    """To the log of the process that runs the loop."""
    asyncio.get_running_loop().call_exception_handler({"message": what, "exception": error})
