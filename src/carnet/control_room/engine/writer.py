"""The writer: takes orders from any number of callers, and commits all that wait in one transaction and one fsync.

It lives in one event loop and does its work there, the commit included: nobody can read what is not on the disk.
No timer and no thread: orders that come while a commit runs wait in the loop, and are the next batch.
"""

import asyncio
from collections.abc import Callable, Sequence

from carnet.control_room.authority.decision import Question
from carnet.control_room.authority.trusted_time import Reading
from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.order import Order, Outcome
from carnet.control_room.engine.viewing import view_of
from carnet.errors import BusyError, CarnetError
from carnet.exchange.verdicts import Refusal

WAITING = 8192  # orders
BATCH = 1024  # orders in one transaction
Done = Callable[[list[Outcome]], None]


class Writer:
    def __init__(self, engine: Engine, reading: Callable[[], Reading], waiting: int = WAITING) -> None:
        self.engine, self._reading, self._limit = engine, reading, waiting
        self._queue: list[tuple[Sequence[Order], Done]] = []
        self._waiting = 0
        self._storage = ""

    def submit(self, orders: Sequence[Order], done: Done) -> None:
        """Have orders decided together; `done` is called with their outcomes once they are durable.

        Raises BusyError where more would wait than are allowed to; nothing was tried then.
        """
        if self._waiting + len(orders) > self._limit:
            raise BusyError("Too many requests wait for the disk. Nothing was tried.", "Try again in a second.")
        if not self._queue:
            asyncio.get_running_loop().call_soon(self._flush)
        self._queue.append((orders, done))
        self._waiting += len(orders)

    async def execute(self, orders: Sequence[Order]) -> list[Outcome]:
        answered: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()

        def done(outcomes: list[Outcome]) -> None:
            if not answered.done():  # the caller may have gone away
                answered.set_result(outcomes)

        self.submit(orders, done)
        return await answered

    def ask(self, question: Question) -> object | Refusal:
        """An answer from what is durable."""
        return question.answer(view_of(self.engine, self._reading(), self._storage))

    def _flush(self) -> None:
        taken, self._queue, self._waiting = self._queue, [], 0
        orders = [order for part, _ in taken for order in part]
        outcomes = self._commit(orders)
        start = 0
        for part, done in taken:
            done(outcomes[start : start + len(part)])
            start += len(part)

    def _commit(self, orders: list[Order]) -> list[Outcome]:
        try:
            return self.engine.execute_all(orders, self._reading())
        except CarnetError as error:
            return [error] * len(orders)
