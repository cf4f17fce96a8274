"""What can be asked, as values: a path, its fields, and how its answer is read. `Client.batch` takes a list of them."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

from carnet.sdk import answers
from carnet.sdk.refusals import (
    Expired,
    NotGranted,
    NotLicensed,
    Refused,
    Released,
    refusal,
)

T = TypeVar("T")
TTL = 600  # seconds
MOST = 100  # commands in a batch
NOT_HAD = (NotGranted, NotLicensed, Expired, Released)  # these say of a feature that it is not there
_KEY = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One thing asked. `changes` is whether it takes an idempotency key; `key` is the caller's own, if any."""

    name: str  # its path after /api/v1/
    fields: dict[str, Any]
    read: Callable[[Any], T]  # of decoded JSON; raises NotUnderstoodError
    changes: bool = True
    key: str | None = None
    method: str = "POST"
    parts: Sequence["Call[Any]"] = ()  # of a batch

    def __post_init__(self) -> None:
        if self.key is not None and not _KEY.fullmatch(self.key):
            raise ValueError("A key has 1 to 64 printable ASCII characters.")

    def with_key(self, new_key: Callable[[], str]) -> "Call[T]":
        """The same, with a key that stays the same however often it is sent."""
        return replace(self, key=new_key()) if self.changes and self.key is None else self

    @property
    def path(self) -> str:
        asked = urlencode(self.fields) if self.method == "GET" else ""
        return f"/api/v1/{self.name}{'?' if asked else ''}{asked}"

    @property
    def body(self) -> bytes:
        return b"" if self.method == "GET" else json.dumps(self.fields).encode()


def _reads(kind: type[T]) -> Callable[[Any], T]:
    return lambda value: answers.made(kind, value)


_seat, _units, _reservation = _reads(answers.Seat), _reads(answers.Units), _reads(answers.Reservation)
_user, _feature = _reads(answers.User), _reads(answers.Feature)


def acquire(sku: str, holder: str, ttl: int = TTL, *, key: str | None = None) -> Call[answers.Seat]:
    return Call("seats/acquire", {"sku": sku, "holder": holder, "ttl_seconds": ttl}, _seat, key=key)


def renew(lease_id: str, *, key: str | None = None) -> Call[answers.Seat]:
    return Call("seats/renew", {"lease_id": lease_id}, _seat, key=key)


def release(lease_id: str, *, key: str | None = None) -> Call[answers.Seat]:
    return Call("seats/release", {"lease_id": lease_id}, _seat, key=key)


def consume(sku: str, units: int, *, key: str | None = None) -> Call[answers.Units]:
    return Call("units/consume", {"sku": sku, "units": units}, _units, key=key)


def reserve(sku: str, units: int, ttl: int = TTL, *, key: str | None = None) -> Call[answers.Reservation]:
    return Call("units/reserve", {"sku": sku, "units": units, "ttl_seconds": ttl}, _reservation, key=key)


def settle(reservation_id: str, units: int, *, key: str | None = None) -> Call[answers.Units]:
    return Call("units/settle", {"reservation_id": reservation_id, "units": units}, _units, key=key)


def cancel(reservation_id: str, *, key: str | None = None) -> Call[answers.Reservation]:
    return Call("units/cancel", {"reservation_id": reservation_id}, _reservation, key=key)


def assign(sku: str, user: str, *, key: str | None = None) -> Call[answers.User]:
    return Call("users/assign", {"sku": sku, "user": user}, _user, key=key)


def unassign(sku: str, user: str, *, key: str | None = None) -> Call[answers.User]:
    return Call("users/unassign", {"sku": sku, "user": user}, _user, key=key)


def check_user(sku: str, user: str) -> Call[answers.User]:
    return Call("users/check", {"sku": sku, "user": user}, _user, changes=False)


def check_feature(sku: str) -> Call[answers.Feature]:
    return Call("features/check", {"sku": sku}, _feature, changes=False)


def status() -> Call[answers.Status]:
    return Call("status", {}, _reads(answers.Status), changes=False, method="GET")


def usage(after: str | None = None) -> Call[answers.Usage]:
    """A page of the holders; `after`: what the page before named as its `next`."""
    return Call("usage", {"after": after} if after else {}, _reads(answers.Usage), changes=False, method="GET")


def batch(commands: Sequence[Call[Any]], new_key: Callable[[], str]) -> Call[list[Any]]:
    """Up to 100 changes in one transaction; the answer to each, or its refusal, in its place."""
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
        raise answers.NotUnderstoodError("not one answer for each command")
    return [_outcome(each, outcome) for each, outcome in zip(commands, outcomes, strict=True)]


def _outcome(call: Call[Any], outcome: Any) -> Any:
    if not isinstance(outcome, dict):
        raise answers.NotUnderstoodError("an answer of a batch that is none")
    refused = outcome.get("refused")
    return refusal_of(refused) if isinstance(refused, dict) else call.read(outcome.get("granted"))


def refusal_of(problem: dict[str, Any], status: int = 0) -> Refused:
    """A refusal as it came: a problem of its own, or within a batch."""
    said = problem.get("detail", problem.get("message", ""))
    evidence = problem.get("evidence", [])
    return refusal(
        str(problem.get("code", "")),
        str(said),
        str(problem.get("next", "")),
        status=status,
        evidence=[str(each) for each in evidence] if isinstance(evidence, list) else [],
    )
