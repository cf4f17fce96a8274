"""What both clients have in common that neither asks nor waits."""

import os
from typing import Any, Self

from carnet.sdk import address, clock
from carnet.sdk.answers import Reservation, Seat
from carnet.sdk.core import Core
from carnet.sdk.holding import Hold
from carnet.sdk.unreachable import Decide, deny


class BaseClient:
    """Times are in seconds; `timeout` is of one try, of which there are 1 + `retries`.

    `ca`: the authorities (PEM) to trust instead of the machine's own. `checkpoint`: what an earlier client's
    `checkpoint` said, so that a rollback between the two is noticed as well.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        ca: str | os.PathLike[str] | None = None,
        timeout: float = 5.0,
        retries: int = 3,
        when_unreachable: Decide = deny,
        checkpoint: str = "",
        plain_http: bool = False,
    ) -> None:
        self.url, self.timeout = url, timeout
        self._core = Core(
            api_key.strip(),
            timeout=timeout,
            retries=retries,
            when_unreachable=when_unreachable,
            checkpoint=checkpoint,
            random=clock.jitter,
            new_key=clock.new_key,
        )
        self._options = address.options(url, ca, plain_http=plain_http)
        self._open()

    @classmethod
    def from_environment(cls, **options: Any) -> Self:
        """CARNET_URL, CARNET_API_KEY or CARNET_API_KEY_FILE, CARNET_CA."""
        return cls(**(address.from_environment(os.environ) | options))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def checkpoint(self) -> str:
        """The newest state of the server's ledger that this client was answered from. Keep it for the next start."""
        return self._core.checkpoints.text

    def accept_rollback(self) -> None:
        """Forget what the ledger was. Only after an administrator has explained why it is an older one."""
        self._core.checkpoints.forget()

    def _open(self) -> None:
        raise NotImplementedError


class BaseSeat:
    """A seat for the length of a `with`."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._pid = os.getpid()

    @property
    def answer(self) -> Seat:
        """The newest one about this seat."""
        return self._hold.answer

    @property
    def lease_id(self) -> str:
        return self._hold.answer.lease_id

    @property
    def lost(self) -> bool:
        """It is held no more: another may work with it."""
        return self._hold.is_lost(clock.now())

    def check(self) -> None:
        """Raises SeatLost where it is held no more. Call it before each piece of work."""
        if self.lost:
            raise self._hold.lost()


class BaseReserved:
    """Units for the length of a `with`."""

    def __init__(self) -> None:
        self._answer: Reservation | None = None
        self._tried = False  # to settle it

    @property
    def answer(self) -> Reservation:
        assert self._answer, "it is a context: with client.reserve(...) as work"
        return self._answer

    @property
    def reservation_id(self) -> str:
        return self.answer.reservation_id
