"""Refusals, typed: a class for each code, so that a product catches what it can do something about."""

from collections.abc import Sequence
from typing import Any

from carnet.sdk._faults import SdkError, ServerFault, Unreachable


class Refused(SdkError):
    """A rule refused it, and nothing was changed. A code that this release does not know is a plain `Refused`."""

    code = ""
    """The stable word for what refused it, e.g. `exhausted`. Each code: docs/rules.md."""

    status: int
    """The HTTP status of the answer; 0 within a batch."""
    evidence: tuple[str, ...]
    """More sentences about it, where the server gives any."""

    def __init__(
        self, message: str, next_step: str = "", *, code: str = "", status: int = 0, evidence: Sequence[str] = ()
    ) -> None:
        super().__init__(message, next_step)
        self.code = code or self.code
        self.status = status
        self.evidence = tuple(evidence)


class Exhausted(Refused):
    """All that is granted is taken."""

    code = "exhausted"


class Locked(Refused):
    """The site missed its exchange with the vendor (rule E8). What runs goes on; nothing new is granted."""

    code = "locked"


class Expired(Refused):
    """The license has ended, its days of grace included."""

    code = "expired"


class Released(Refused):
    """The site gave its license back (rule E11)."""

    code = "released"


class NotLicensed(Refused):
    """The site has no license yet."""

    code = "not_licensed"


class NotGranted(Refused):
    """The license grants nothing of this product now, or the user is not assigned."""

    code = "not_granted"


class NotCovered(Refused):
    """More is in use than is still licensed, and this one came later (rule Q4)."""

    code = "not_covered"


class LikelyTwin(Refused):
    """Who is to be assigned is likely somebody who is assigned already, under another name (rule G2). Use the other
    name; or call `assign` with `even_so=True`, where these are two people."""

    code = "likely_twin"


class UnknownLease(Refused):
    """The lease was given back, or it has expired."""

    code = "unknown_lease"


class UnknownReservation(Refused):
    """The reservation was settled or cancelled, or it has expired."""

    code = "unknown_reservation"


class IdempotencyConflict(Refused):
    """The idempotency key was used with another request (rule G5)."""

    code = "idempotency_conflict"


class RolledBack(Refused):
    """The server's ledger does not go on from what this client was answered before: an older copy was put back."""

    code = "rolled_back"


class NotPermitted(Refused):
    """The API key does not permit this call, or not for this product."""

    code = "not_permitted"


class Unauthenticated(Refused):
    """The API key is not in force: unknown, or revoked."""

    code = "unauthenticated"


class Busy(Refused):
    """Too many requests wait, also after all tries. Nothing was tried."""

    code = "busy"


class ClockFarAhead(Refused):
    """The server's machine has a clock far ahead, and nothing is recorded before a person sets it right or confirms
    it (rule T5)."""

    code = "clock_far_ahead"


class StorageFailed(Refused):
    """The server's disk failed, also after all tries."""

    code = "storage_failed"


class Malformed(Refused):
    """The server cannot read the request: a value is out of its bounds."""

    code = "malformed"


def _below(kind: type[Refused]) -> dict[str, type[Refused]]:
    return {each.code: each for each in kind.__subclasses__()}


BY_CODE = _below(Refused)
PASSING = (Busy, ClockFarAhead, StorageFailed)  # they say nothing about what was asked, and can be waited out
OF_ONE_PRODUCT = (Exhausted, NotGranted, NotCovered, NotPermitted, Malformed, IdempotencyConflict)
NOT_HAD = (NotGranted, NotLicensed, Expired, Released)  # these say of a feature that it is not there
MAY_PASS = (*PASSING, Unreachable, ServerFault)


def refusal(code: str, message: str, next_step: str = "", *, status: int = 0, evidence: Sequence[str] = ()) -> Refused:
    """The refusal of this code, as an instance of its own class."""
    return BY_CODE.get(code, Refused)(message, next_step, code=code, status=status, evidence=evidence)


def refusal_of(problem: dict[str, Any], status: int = 0) -> Refused:
    """A refusal as it came from the server: a problem of its own, or within a batch."""
    said = problem.get("detail", problem.get("message", ""))
    evidence = problem.get("evidence", [])
    return refusal(
        str(problem.get("code", "")),
        str(said),
        str(problem.get("next", "")),
        status=status,
        evidence=[str(each) for each in evidence] if isinstance(evidence, list) else [],
    )
