"""One service on its listeners: opened, told of each second, and ended so that what was taken is answered."""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from email.utils import format_datetime
from socket import socket

from carnet.edge.acts import Acts
from carnet.edge.connection import Connection
from carnet.edge.gate import Gate
from carnet.edge.limits import Limits
from carnet.edge.places import Places, address_of
from carnet.edge.service import Application, Service
from carnet.server_log import Log, fault_fields


class Running:
    """Made in the event loop that it runs in."""

    def __init__(
        self,
        application: Application,
        limits: Limits,
        log: Log,
        now: Callable[[], datetime],
        *,
        context: ssl.SSLContext | None = None,
        proxies: frozenset[str] = frozenset(),
        buffered: int | None = None,
    ) -> None:
        """`context`: TLS ends here. `proxies`: nobody else is let in. `buffered`: as in `Service`."""
        self._now = now
        self._acts = Acts(log, asyncio.get_running_loop().time)

        def fault(error: BaseException) -> None:
            log("fault", **fault_fields(error))

        places = Places(limits, asyncio.get_running_loop().time, frozenset(map(address_of, proxies)))
        self._service = Service(application, limits, fault, self._acts, places, buffered=buffered)
        self._gate = Gate(self._service, context, proxies)

    @property
    def connections(self) -> set[Connection]:
        return self._service.connections

    @property
    def acts(self) -> Mapping[str, int]:
        """How often each limit acted."""
        return self._acts.counts

    def open(self, listeners: Sequence[socket]) -> None:
        """Serve on `listeners`, which `end` closes."""
        self.tick()
        self._gate.open(listeners)

    def tick(self) -> None:
        """Every second. RFC 9110, section 6.6.1: the answers say when they were made, to the second."""
        self._service.date = f"date: {format_datetime(self._now(), usegmt=True)}\r\n".encode()
        self._acts.tick()

    async def end(self, grace: float) -> None:
        """Accept nobody more. What was taken is answered; then, or after `grace` seconds, no connection is left."""
        self._gate.close()
        self._service.stopping = True
        for connection in list(self.connections):
            connection.shutdown()
        if self.connections and grace:
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._service.all_closed.wait()
        for connection in list(self.connections):
            connection.reset()

    def hurry(self) -> None:
        """`end` waits for no connection any more."""
        self._service.all_closed.set()
