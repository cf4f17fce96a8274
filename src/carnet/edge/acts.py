"""When a limit acts it is counted, and the log hears of it: at once, and then once a minute with how often.

A flood of refusals fills no disk, and no attack goes by without a line.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from carnet.server_log import Log

EVERY = 60.0  # seconds between two lines on one limit

# Each limit as log and metrics name it.
CONNECTIONS = "connections"  # all are taken, and none waits: turned away
ADDRESS = "address"  # the same for those of one address, or none of them has waited for long
REPLACED = "replaced"  # the connection that waited longest was closed for a newcomer
HANDSHAKE = "handshake"  # TLS did not begin in time
SLOW = "slow"  # a request did not arrive in time
UNFETCHED = "unfetched"  # an answer was not fetched in time
MEMORY = "memory"  # bodies that are here already leave no room for another
PROXY = "proxy"  # somebody else than the trusted proxy
DESCRIPTORS = "descriptors"  # the system gives no more open files


class Acts:
    def __init__(self, log: Log, seconds: Callable[[], float]) -> None:
        """`seconds`: of a clock that never goes back."""
        self._log, self._seconds = log, seconds
        self._counts: Counter[str] = Counter()
        self._told: dict[str, tuple[float, int]] = {}  # when the log last heard of a limit, and the count by then
        self._address: dict[str, str] = {}  # of whom it acted last

    @property
    def counts(self) -> Mapping[str, int]:
        return MappingProxyType(self._counts)

    def acted(self, limit: str, address: str) -> None:
        self._counts[limit] += 1
        self._address[limit] = address
        if limit not in self._told:
            self._tell(limit)

    def tick(self) -> None:
        """From time to time: tell of what acted since the last line, where that is long enough ago."""
        now = self._seconds()
        for limit, (at, count) in list(self._told.items()):
            if now - at >= EVERY:
                if self._counts[limit] > count:
                    self._tell(limit)
                else:
                    del self._told[limit]  # it is quiet: the next one is told at once

    def _tell(self, limit: str) -> None:
        _, before = self._told.get(limit, (0.0, self._counts[limit] - 1))
        self._told[limit] = self._seconds(), self._counts[limit]
        self._log("limit", limit=limit, times=self._counts[limit] - before, newest=self._address[limit])
