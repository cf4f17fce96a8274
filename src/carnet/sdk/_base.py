"""What both clients have in common that neither asks nor waits."""

import os
from typing import Any, Self

from carnet.sdk import _address, _clock
from carnet.sdk._answers import Reservation, Seat
from carnet.sdk._core import Core
from carnet.sdk._holding import Hold
from carnet.sdk._unreachable import Decide, deny


class BaseClient:
    """What `Client` and `AsyncClient` have in common: how they are made, and what they know of the ledger."""

    url: str
    """The address of the Control Room, as it was given."""
    timeout: float
    """Seconds that one try may take."""

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
        """Args:
            url: `https://HOST[:PORT]` of the Control Room. `http://` is taken on loopback only.
            api_key: `cnk_…`, as an administrator made it. No text that the SDK makes shows it.
            ca: The authorities to trust instead of the machine's own: a PEM file, or a folder of them.
            timeout: Seconds that one try may take.
            retries: How many more tries a call has, after growing waits of at most 5 seconds, or of 10 where the
                server asks for them.
            when_unreachable: What to do when no answer came after the last try: `deny` (the default), `allow_for`,
                or a function of yours that takes an `Unanswered` and gives an answer, or None to deny.
            checkpoint: The `checkpoint` of an earlier client, so that a rollback since then is noticed too.
            plain_http: Take `http://` for any address. Others on the wire can then read the API key.

        Raises:
            ValueError: An option is out of bounds, or others could read the API key on the wire.
            OSError: The file of `ca` cannot be read.
        """
        self.url, self.timeout = url, timeout
        self._core = Core(
            api_key.strip(),
            timeout=timeout,
            retries=retries,
            when_unreachable=when_unreachable,
            checkpoint=checkpoint,
            random=_clock.jitter,
            new_key=_clock.new_key,
        )
        self._options = _address.options(url, ca, plain_http=plain_http)
        self._open()

    @classmethod
    def from_environment(cls, **options: Any) -> Self:
        """Make a client from `CARNET_URL`, `CARNET_API_KEY` or `CARNET_API_KEY_FILE`, and `CARNET_CA`.

        `options` are those of the constructor, and go before the environment.

        Raises:
            ValueError: The address or the key is missing or wrong.
            OSError: A file that the environment names cannot be read.
        """
        return cls(**(_address.from_environment(os.environ) | options))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    @property
    def checkpoint(self) -> str:
        """The newest state of the server's ledger that this client was answered from. Keep it for the next start."""
        return self._core.checkpoints.text

    def accept_rollback(self) -> None:
        """Forget what the ledger was. Call it only after an administrator has explained why it is an older one."""
        self._core.checkpoints.forget()

    def _open(self) -> None:
        raise NotImplementedError


class BaseSeat:
    """What `HeldSeat` and `AsyncHeldSeat` have in common: whether the seat is still held."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._pid = os.getpid()

    @property
    def answer(self) -> Seat:
        """The newest answer about this seat."""
        return self._hold.answer

    @property
    def lease_id(self) -> str:
        """The id of the lease; empty while the seat is granted here only (`Seat.local`)."""
        return self._hold.answer.lease_id

    @property
    def lost(self) -> bool:
        """True when the seat is no longer held, so that another may work with it."""
        return self._hold.is_lost(_clock.now())

    def check(self) -> None:
        """Call it before each piece of work.

        Raises:
            SeatLost: The seat is no longer held: a renewal was refused, or the lease ended without one.
        """
        if self.lost:
            raise self._hold.lost()


class BaseReserved:
    """What `Reserved` and `AsyncReserved` have in common: what was reserved."""

    def __init__(self) -> None:
        self._answer: Reservation | None = None
        self._tried = False  # to settle it

    @property
    def answer(self) -> Reservation:
        """The answer of the server to the reservation."""
        assert self._answer, "it is a context: with client.reserve(...) as work"
        return self._answer

    @property
    def reservation_id(self) -> str:
        """The id of the reservation, for `Client.settle` and `Client.cancel`."""
        return self.answer.reservation_id
