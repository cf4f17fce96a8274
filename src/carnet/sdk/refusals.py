"""Refusals, typed: a class for each code, so that a product catches what it can do something about."""

from collections.abc import Sequence

from carnet.sdk.faults import SdkError, ServerFault, Unreachable


class Refused(SdkError):
    """A rule refused it and nothing was changed. A code that this release does not know is a plain `Refused`."""

    code = ""

    def __init__(
        self, message: str, next_step: str = "", *, code: str = "", status: int = 0, evidence: Sequence[str] = ()
    ) -> None:
        super().__init__(message, next_step)
        self.code = code or self.code
        self.status = status  # of the answer over HTTP; 0 within a batch
        self.evidence = tuple(evidence)


class Exhausted(Refused):
    """All that is granted is taken."""

    code = "exhausted"


class Locked(Refused):
    """The site missed its exchange with the vendor."""

    code = "locked"


class Expired(Refused):
    """The license has ended."""

    code = "expired"


class Released(Refused):
    """The site gave its license back."""

    code = "released"


class NotLicensed(Refused):
    """The site has no license yet."""

    code = "not_licensed"


class NotGranted(Refused):
    """The license grants nothing of this product; or the user is not assigned."""

    code = "not_granted"


class NotCovered(Refused):
    """More is in use than is still granted, and this one came later."""

    code = "not_covered"


class UnknownLease(Refused):
    """The lease was given back, or has expired."""

    code = "unknown_lease"


class UnknownReservation(Refused):
    """The reservation was settled or cancelled, or has expired."""

    code = "unknown_reservation"


class IdempotencyConflict(Refused):
    """The key was used with another request."""

    code = "idempotency_conflict"


class RolledBack(Refused):
    """The server's ledger does not go on from what this client was answered before."""

    code = "rolled_back"


class NotPermitted(Refused):
    """The API key may not do that, or not with that product."""

    code = "not_permitted"


class Unauthenticated(Refused):
    """The API key is not in force."""

    code = "unauthenticated"


class Busy(Refused):
    """Too many wait, also after all retries; nothing was tried."""

    code = "busy"


class StorageFailed(Refused):
    """The server's disk failed, also after all retries."""

    code = "storage_failed"


class Malformed(Refused):
    """The request is not one that the server reads."""

    code = "malformed"


def _below(kind: type[Refused]) -> dict[str, type[Refused]]:
    return {each.code: each for each in kind.__subclasses__()}


BY_CODE = _below(Refused)
PASSING = (Busy, StorageFailed)  # they say nothing about what was asked, and can be waited out
OF_ONE_PRODUCT = (Exhausted, NotGranted, NotCovered, NotPermitted, Malformed, IdempotencyConflict)
MAY_PASS = (*PASSING, Unreachable, ServerFault)


def refusal(code: str, message: str, next_step: str = "", *, status: int = 0, evidence: Sequence[str] = ()) -> Refused:
    return BY_CODE.get(code, Refused)(message, next_step, code=code, status=status, evidence=evidence)
