"""Work that a request leaves behind: done by one thread of its process, in turn, after the answer."""

import logging
import threading
from collections.abc import Callable
from queue import Full, Queue

from django.db import close_old_connections, connections

log = logging.getLogger(__name__)
MOST = 100  # that wait; what comes then is dropped, and the log says so


class Later:
    """The thread starts with the first work: a server that forks would lose an earlier one."""

    def __init__(self) -> None:
        self._waiting: Queue[Callable[[], None]] = Queue(MOST)
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def __call__(self, work: Callable[[], None]) -> None:
        """Leave it behind. Never waits."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="later", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(work)
        except Full:
            log.error("too much waits to be done after answers: something was dropped")  # noqa: TRY400

    def _run(self) -> None:
        while True:
            work = self._waiting.get()
            close_old_connections()
            try:
                work()
            except Exception:
                log.exception("what was left for after the answer failed")
            finally:
                connections.close_all()
                self._waiting.task_done()
