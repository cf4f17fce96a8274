"""Refusals and faults as problem+json (RFC 9457); the one place where a code becomes an HTTP status."""

from typing import Annotated

import msgspec
from msgspec import Meta

from carnet.control_room.rest.message import PROBLEM, Answer, Headers
from carnet.errors import CarnetError, StorageError, UsageError
from carnet.exchange.verdicts import Code, Refusal

STATUS: dict[Code, int] = {
    Code.MALFORMED: 400,
    Code.UNAUTHENTICATED: 401,
    Code.NOT_PERMITTED: 403,
    Code.NOT_LICENSED: 403,
    Code.NOT_GRANTED: 403,
    Code.LOCKED: 403,
    Code.EXPIRED: 403,
    Code.RELEASED: 403,
    Code.NOT_COVERED: 403,
    Code.NOT_FOUND: 404,
    Code.UNKNOWN_LEASE: 404,
    Code.UNKNOWN_RESERVATION: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.EXHAUSTED: 409,
    Code.ROLLED_BACK: 409,
    Code.TOO_LARGE: 413,
    Code.IDEMPOTENCY_CONFLICT: 422,
    Code.BUSY: 503,
    Code.STORAGE_FAILED: 503,
}
RETRY_AFTER = b"1"  # seconds
WAITING = "Try again in a second, with the same idempotency key."


class Problem(msgspec.Struct, omit_defaults=True):
    """Why a request was not granted, and what to do next."""

    type: Annotated[str, Meta(description="`urn:carnet:` and the code.")]
    title: str
    status: int
    detail: str
    code: str
    next: str
    evidence: list[str] = []


_encode = msgspec.json.Encoder().encode


def refused(refusal: Refusal, checkpoint: str = "", headers: Headers = ()) -> Answer:
    code = refusal.code
    status = STATUS.get(code, 409)
    problem = Problem(
        f"urn:carnet:{code.value}",
        code.value.replace("_", " ").capitalize(),
        status,
        refusal.message,
        code.value,
        refusal.next,
        list(refusal.evidence),
    )
    return Answer(status, _encode(problem), PROBLEM, checkpoint, headers or _HEADERS.get(status, ()))


_HEADERS: dict[int, Headers] = {
    401: ((b"www-authenticate", b'Bearer realm="carnet"'),),
    503: ((b"retry-after", RETRY_AFTER),),
}


def refusal_of(error: CarnetError) -> Refusal:
    """What broke, in the same words. What is not the caller's own doing can be tried again later."""
    if isinstance(error, StorageError):
        return Refusal(Code(error.code), str(error), error.next_step or WAITING)
    if isinstance(error, UsageError):
        return malformed(str(error), error.next_step)
    return Refusal(Code.STORAGE_FAILED, str(error), error.next_step or "Tell the administrator; try again later.")


def malformed(message: str, next_step: str = "") -> Refusal:
    return Refusal(Code.MALFORMED, message, next_step or "Correct the request. Nothing was changed.")


def fault() -> Answer:
    """For what should not happen; the server's log says where it did."""
    body = _encode(
        Problem(
            "about:blank",
            "Internal server error",
            500,
            "The server failed at this request. It does not know whether anything was changed.",
            "fault",
            "Ask again with the same idempotency key; tell the administrator.",
        )
    )
    return Answer(500, body, PROBLEM)
