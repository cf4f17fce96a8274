"""The codes that this interface answers, and the bytes of such an answer. Status and words are `carnet.rest_kit`'s."""

import msgspec

from carnet.control_room.rest.message import PROBLEM, Answer, Headers
from carnet.exchange.verdicts import Code, Refusal
from carnet.rest_kit.problems import FAULT, STATUS, malformed, problem_of, refusal_of

__all__ = ["CODES", "RETRY_AFTER", "STATUSES", "fault", "malformed", "refusal_of", "refused"]

CODES = (
    Code.MALFORMED,
    Code.UNAUTHENTICATED,
    Code.NOT_PERMITTED,
    Code.NOT_LICENSED,
    Code.NOT_GRANTED,
    Code.LOCKED,
    Code.EXPIRED,
    Code.RELEASED,
    Code.NOT_COVERED,
    Code.NOT_FOUND,
    Code.UNKNOWN_LEASE,
    Code.UNKNOWN_RESERVATION,
    Code.METHOD_NOT_ALLOWED,
    Code.EXHAUSTED,
    Code.LIKELY_TWIN,
    Code.ROLLED_BACK,
    Code.TOO_LARGE,
    Code.IDEMPOTENCY_CONFLICT,
    Code.FAULT,
    Code.BUSY,
    Code.CLOCK_FAR_AHEAD,
    Code.STORAGE_FAILED,
)
STATUSES = sorted({STATUS[code] for code in CODES})
RETRY_AFTER = b"1"  # seconds
_HEADERS: dict[int, Headers] = {
    401: ((b"www-authenticate", b'Bearer realm="carnet"'),),
    503: ((b"retry-after", RETRY_AFTER),),
}
_encode = msgspec.json.Encoder().encode


def refused(refusal: Refusal, checkpoint: str = "", headers: Headers = ()) -> Answer:
    problem = problem_of(refusal)
    own = headers or _HEADERS.get(problem.status, ())
    return Answer(problem.status, _encode(problem), PROBLEM, checkpoint, own)


def fault() -> Answer:
    """For what should not happen; the server's log says where it did."""
    return refused(FAULT)
