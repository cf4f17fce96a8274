"""What can be asked of a Control Room, as values: for `Client.batch` and `Client.ask`.

Each function makes a `Call` and sends nothing. `key` is an idempotency key of your own: 1 to 64 printable ASCII
characters. Without it each call gets a new one when it is asked. What each call does and raises: the method of the same
name of `carnet.sdk.Client`.

```python
from carnet.sdk import calls

answers = client.batch([calls.consume("document-pages", 12), calls.release(lease_id)]) ```
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from carnet.sdk._answers import (
    Feature,
    NotUnderstoodError,
    Reservation,
    Seat,
    Status,
    Units,
    Usage,
    User,
    made,
)
from carnet.sdk._refusals import refusal_of

__all__ = [
    "MOST",
    "TTL",
    "Call",
    "acquire",
    "assign",
    "batch",
    "cancel",
    "check_feature",
    "check_user",
    "consume",
    "release",
    "renew",
    "reserve",
    "settle",
    "status",
    "unassign",
    "usage",
]

T = TypeVar("T")
TTL = 600
"""Seconds that a lease or a reservation lives, where nothing else is said."""
MOST = 100
"""Commands in one batch, at most."""
_KEY = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One thing to ask. Make it with a function of this module.

    Raises:
        ValueError: The `key` has the wrong form.
    """

    name: str
    """Its path after `/api/v1/`, e.g. `seats/acquire`."""
    fields: dict[str, Any]
    """What is asked, by the names of the REST interface."""
    read: Callable[[Any], T]
    """Makes the answer from decoded JSON."""
    changes: bool = True
    """Whether it changes something, and so takes an idempotency key."""
    key: str | None = None
    """The idempotency key; None for a new one."""
    method: str = "POST"
    """`POST` or `GET`."""
    parts: Sequence["Call[Any]"] = ()
    """The commands of a batch."""

    def __post_init__(self) -> None:
        if self.key is not None and not _KEY.fullmatch(self.key):
            raise ValueError("A key has 1 to 64 printable ASCII characters.")

    def with_key(self, new_key: Callable[[], str]) -> "Call[T]":
        """The same call with a key of its own, which stays the same however often the call is sent."""
        return replace(self, key=new_key()) if self.changes and self.key is None else self

    @property
    def path(self) -> str:
        """The path and query of its URL."""
        asked = urlencode(self.fields) if self.method == "GET" else ""
        return f"/api/v1/{self.name}{'?' if asked else ''}{asked}"

    @property
    def body(self) -> bytes:
        """The body to send, as JSON; empty for `GET`."""
        return b"" if self.method == "GET" else json.dumps(self.fields).encode()


def _reads(kind: type[T]) -> Callable[[Any], T]:
    return lambda value: made(kind, value)


_seat, _units, _reservation = _reads(Seat), _reads(Units), _reads(Reservation)
_user, _feature = _reads(User), _reads(Feature)


def acquire(sku: str, holder: str, ttl: int = TTL, *, resume: bool = True, key: str | None = None) -> Call[Seat]:
    """Take a seat for `ttl` seconds (5 to 86,400). `resume`: a holder that has one gets it back, and no second one."""
    fields = {"sku": sku, "holder": holder, "ttl_seconds": ttl, "resume": resume}
    return Call("seats/acquire", fields, _seat, key=key)


def renew(lease_id: str, *, key: str | None = None) -> Call[Seat]:
    """Give a lease its whole time to live again."""
    return Call("seats/renew", {"lease_id": lease_id}, _seat, key=key)


def release(lease_id: str, *, key: str | None = None) -> Call[Seat]:
    """Give a seat back."""
    return Call("seats/release", {"lease_id": lease_id}, _seat, key=key)


def consume(sku: str, units: int, *, key: str | None = None) -> Call[Units]:
    """Consume units, all or none."""
    return Call("units/consume", {"sku": sku, "units": units}, _units, key=key)


def reserve(sku: str, units: int, ttl: int = TTL, *, key: str | None = None) -> Call[Reservation]:
    """Set units aside for `ttl` seconds (5 to 86,400)."""
    return Call("units/reserve", {"sku": sku, "units": units, "ttl_seconds": ttl}, _reservation, key=key)


def settle(reservation_id: str, units: int, *, key: str | None = None) -> Call[Units]:
    """Consume `units` of a reservation; the rest returns."""
    return Call("units/settle", {"reservation_id": reservation_id, "units": units}, _units, key=key)


def cancel(reservation_id: str, *, key: str | None = None) -> Call[Reservation]:
    """Give a whole reservation back."""
    return Call("units/cancel", {"reservation_id": reservation_id}, _reservation, key=key)


def assign(sku: str, user: str, *, even_so: bool = False, key: str | None = None) -> Call[User]:
    """Assign a license to a named user."""
    body: dict[str, object] = {"sku": sku, "user": user}
    return Call("users/assign", body | ({"even_so": True} if even_so else {}), _user, key=key)


def unassign(sku: str, user: str, *, key: str | None = None) -> Call[User]:
    """Take the license of a named user back."""
    return Call("users/unassign", {"sku": sku, "user": user}, _user, key=key)


def check_user(sku: str, user: str) -> Call[User]:
    """Check that a user may work now. It does not go into a batch."""
    return Call("users/check", {"sku": sku, "user": user}, _user, changes=False)


def check_feature(sku: str) -> Call[Feature]:
    """Check that a feature is granted now. It does not go into a batch."""
    return Call("features/check", {"sku": sku}, _feature, changes=False)


def status() -> Call[Status]:
    """The state of the site, and what is licensed and used. It does not go into a batch."""
    return Call("status", {}, _reads(Status), changes=False, method="GET")


def usage(after: str | None = None) -> Call[Usage]:
    """One page of up to 1,000 holders. `after`: the `next` of the page before. It does not go into a batch."""
    return Call("usage", {"after": after} if after else {}, _reads(Usage), changes=False, method="GET")


def batch(commands: Sequence[Call[Any]], new_key: Callable[[], str]) -> Call[list[Any]]:
    """Up to 100 changes in one transaction; `Client.batch` makes it. `new_key` gives a key to each command without one.

    Raises:
        ValueError: There are no commands or more than 100, or one of them only asks.
    """
    if not 1 <= len(commands) <= MOST:
        raise ValueError(f"A batch has 1 to {MOST} commands.")
    if not all(each.changes for each in commands):
        raise ValueError("A batch is of changes; ask checks by themselves.")
    keyed = [each.with_key(new_key) for each in commands]
    fields = {"commands": [{"do": each.name, "key": each.key, **each.fields} for each in keyed]}
    return Call("batch", fields, lambda value: _batch(keyed, value), changes=False, parts=keyed)


def _batch(commands: Sequence[Call[Any]], value: Any) -> list[Any]:
    outcomes = value.get("answers") if isinstance(value, dict) else None
    if not isinstance(outcomes, list) or len(outcomes) != len(commands):
        raise NotUnderstoodError("not one answer for each command")
    return [_outcome(each, outcome) for each, outcome in zip(commands, outcomes, strict=True)]


def _outcome(call: Call[Any], outcome: Any) -> Any:
    if not isinstance(outcome, dict):
        raise NotUnderstoodError("a part of a batch that is not an answer")
    refused = outcome.get("refused")
    return refusal_of(refused) if isinstance(refused, dict) else call.read(outcome.get("granted"))
