"""G5: the same key with the same request returns the first answer; with another request it is refused.

The first answer stands in the last record of the change itself, so that it survives a restart. A refusal is not
remembered: what was refused may be tried again with its key.
"""

from hashlib import sha256

import msgspec

from carnet.control_room.authority.decision import Command, SecretAnswer
from carnet.control_room.ledger.record import Answered
from carnet.errors import CarnetError
from carnet.exchange.verdicts import Code, Refusal

_encode = msgspec.json.Encoder().encode


def remember(command: Command, answer: object) -> Answered:
    if isinstance(answer, SecretAnswer):
        answer = answer.without_secret()  # A2
    return Answered(request_sha256=_digest(command), answer=msgspec.Raw(_encode(answer)))


def first_answer(command: Command, answered: Answered) -> object | Refusal:
    if answered.request_sha256 != _digest(command):
        return Refusal(
            Code.IDEMPOTENCY_CONFLICT,
            "This key was used for another request. Nothing was changed.",
            "Use a new key for a new request; repeat a request with its own key.",
        )
    try:
        answer: object = msgspec.json.decode(answered.answer, type=command.answers)
    except msgspec.MsgspecError as error:
        message = "The first answer to this key is of another release, and cannot be repeated. Nothing was changed."
        raise CarnetError(message, "Look at the ledger for what was done; use a new key.") from error
    return answer


def _digest(command: Command) -> str:
    return sha256(command.what.encode() + b"|" + _encode(command)).hexdigest()
