"""G5: the same key with the same request returns the first answer; with another request it is refused.

The first answer is a record of its own, in the transaction of the change, so that it survives a restart. A refusal is
not remembered: what was refused may be tried again with its key.
"""

from hashlib import sha256

import msgspec

from carnet.control_room.authority.decision import Command, SecretAnswer
from carnet.control_room.authority.state import Remembered
from carnet.control_room.ledger.events import AnswerRemembered
from carnet.exchange.verdicts import Code, Refusal


def remember(command: Command, answer: object) -> AnswerRemembered:
    if isinstance(answer, SecretAnswer):
        answer = answer.without_secret()  # A2
    return AnswerRemembered(request_sha256=_digest(command), answer=msgspec.json.encode(answer).decode())


def first_answer(command: Command, remembered: Remembered) -> object | Refusal:
    if remembered.request_sha256 != _digest(command):
        return Refusal(
            Code.IDEMPOTENCY_CONFLICT,
            "This key was used for another request. Nothing was changed.",
            "Use a new key for a new request; repeat a request with its own key.",
        )
    answer: object = msgspec.json.decode(remembered.answer, type=command.answers)
    return answer


def _digest(command: Command) -> str:
    return sha256(f"{command.what}|".encode() + msgspec.json.encode(command)).hexdigest()
