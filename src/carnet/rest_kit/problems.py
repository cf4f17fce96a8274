"""Refusals and faults as problem+json (RFC 9457): the one place where a code becomes an HTTP status (E13).

Both interfaces answer a code with the same status, title and type, whichever side is asked.
"""

from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec import Meta

from carnet.errors import CarnetError, StorageError, UsageError
from carnet.exchange.verdicts import Code, Refusal

CONTENT_TYPE = "application/problem+json"
WAITING = "Try again in a second, with the same idempotency key."

_CODES: dict[HTTPStatus, set[Code]] = {
    HTTPStatus.BAD_REQUEST: {Code.MALFORMED},
    HTTPStatus.UNAUTHORIZED: {Code.UNAUTHENTICATED},
    HTTPStatus.FORBIDDEN: {
        Code.NOT_PERMITTED,
        Code.NO_APPROVAL,
        Code.NOT_LICENSED,
        Code.NOT_GRANTED,
        Code.LOCKED,
        Code.EXPIRED,
        Code.RELEASED,
        Code.NOT_COVERED,
    },
    HTTPStatus.NOT_FOUND: {Code.NOT_FOUND, Code.UNKNOWN_LEASE, Code.UNKNOWN_RESERVATION},
    HTTPStatus.METHOD_NOT_ALLOWED: {Code.METHOD_NOT_ALLOWED},
    HTTPStatus.CONFLICT: {
        Code.TOO_EARLY,
        Code.VERSION_TOO_OLD,
        Code.ALREADY_ENABLED,
        Code.TOKEN_SEEN,
        Code.TOKEN_USED,
        Code.WRONG_ACCOUNT,
        Code.GUID_BOUND,
        Code.WRONG_CONTROL_ROOM,
        Code.SUPERSEDED,
        Code.ALREADY_USED,
        Code.WINDOW_CLOSED,
        Code.FROM_THE_FUTURE,
        Code.HISTORY_MISMATCH,
        Code.HISTORY_NOT_SHOWN,
        Code.TOTALS_FELL,
        Code.UNKNOWN_LICENSE_FILE,
        Code.WRITTEN_OFF,
        Code.NOTHING_TO_ACCEPT,
        Code.OVER_ENTITLEMENT,
        Code.OUTSIDE_PURCHASE,
        Code.BELOW_USE,
        Code.CANNOT_BE_INSTALLED,
        Code.NEEDS_SECOND_PERSON,
        Code.RELEASED_AGAIN,
        Code.NOT_REMEMBERED,
        Code.NOT_ENABLED,
        Code.WRONG_KEY,
        Code.OUT_OF_SEQUENCE,
        Code.DOES_NOT_FIT,
        Code.CLOCK_STILL_AHEAD,
        Code.LOG_MISMATCH,
        Code.MOVED,
        Code.EXHAUSTED,
        Code.LIKELY_TWIN,
        Code.ROLLED_BACK,
    },
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: {Code.TOO_LARGE},
    HTTPStatus.UNPROCESSABLE_ENTITY: {  # it can be read, and is not what it must be
        Code.WRONG_TYPE,
        Code.UNSUPPORTED_VERSION,
        Code.BAD_SIGNATURE,
        Code.UNKNOWN_SIGNER,
        Code.KEY_SET_TOO_OLD,
        Code.IDEMPOTENCY_CONFLICT,
    },
    HTTPStatus.TOO_MANY_REQUESTS: {Code.TOO_MANY_UPLOADS},
    HTTPStatus.INTERNAL_SERVER_ERROR: {Code.FAULT},
    HTTPStatus.SERVICE_UNAVAILABLE: {Code.BUSY, Code.CLOCK_FAR_AHEAD, Code.STORAGE_FAILED},
}
STATUS: dict[Code, int] = {code: int(status) for status, codes in _CODES.items() for code in codes}

FAULT = Refusal(
    Code.FAULT,
    "The server failed at this request. It does not know whether anything was changed.",
    "Ask again with the same idempotency key; tell the administrator.",
)


class Problem(msgspec.Struct, omit_defaults=True):
    """Why a request was not granted, and what to do next."""

    type: Annotated[str, Meta(description="`urn:carnet:` and the code.")]
    title: str
    status: int
    detail: str
    code: str
    next: str
    evidence: list[str] = []


def problem_of(refusal: Refusal) -> Problem:
    code = refusal.code
    return Problem(
        f"urn:carnet:{code.value}",
        code.value.replace("_", " ").capitalize(),
        STATUS[code],
        refusal.message,
        code.value,
        refusal.next,
        list(refusal.evidence),
    )


def refusal_of(error: CarnetError) -> Refusal:
    """What broke, in the same words. What is not the caller's own doing can be tried again later."""
    if isinstance(error, StorageError):
        return Refusal(Code(error.code), str(error), error.next_step or WAITING)
    if isinstance(error, UsageError):
        return malformed(str(error), error.next_step)
    return Refusal(Code.STORAGE_FAILED, str(error), error.next_step or "Tell the administrator; try again later.")


def malformed(message: str, next_step: str = "") -> Refusal:
    return Refusal(Code.MALFORMED, message, next_step or "Correct the request. Nothing was changed.")
