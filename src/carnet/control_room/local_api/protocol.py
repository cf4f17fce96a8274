"""What goes over the local door's socket: how requests and replies are written, and in which frames.

A frame is a length (4 bytes, big-endian) and so many bytes of JSON. The length's highest bit says that the message goes
on in the next frame: long answers may, requests may not. Requests are read strictly, in the one form they are written
in. Only the commands and questions listed here can be named.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from carnet.control_room.engine.founding import FindStoredForm
from carnet.control_room.local_api.pages_acts import PagesAct
from carnet.control_room.queries import questions
from carnet.control_room.queries.exchange import Exchange, RequestText
from carnet.control_room.queries.history import UsageHistory
from carnet.control_room.queries.holders import Holders, People, UserDetail
from carnet.control_room.queries.license_preview import PreviewLicense
from carnet.control_room.queries.notices import DueNotices
from carnet.control_room.queries.overview import Overview, ProductDetail
from carnet.control_room.queries.what_if import WhatIf
from carnet.control_room.rules.activation.generate_request import GenerateRequest, NewestLfr, WithdrawCycle
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.activation.install_token import InstallKeySet, InstallToken
from carnet.control_room.rules.decision import Asked, Command, Question
from carnet.control_room.rules.granting.api_keys import CreateApiKey, ListApiKeys, RenameApiKey, RevokeApiKey
from carnet.control_room.rules.granting.assignments import AssignMany, CheckAssignments
from carnet.control_room.rules.granting.features import CheckFeature
from carnet.control_room.rules.granting.identities import BindIdentity, IsIdentity
from carnet.control_room.rules.granting.people import (
    AddPerson,
    ChangePerson,
    FindPerson,
    ListPeople,
    NoteAccess,
)
from carnet.control_room.rules.granting.reservations import CancelUnits, ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.two_people import (
    AskPersonAct,
    GiveLink,
    ListTwoPeople,
    RemoveFactors,
    SettlePersonAct,
    VouchForPerson,
)
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, CheckUser, UnassignUser
from carnet.errors import (
    BusyError,
    CarnetError,
    NotSetUpError,
    PassphraseError,
    StorageError,
    TamperedError,
    UsageError,
)
from carnet.exchange.strict import MalformedError, decode, encode
from carnet.exchange.verdicts import Refusal

T = TypeVar("T")

SOCKET = "engine.sock"  # in the data folder
HEADER = 4  # bytes
FRAME_LIMIT = 4 * 1024 * 1024  # bytes of one frame
MESSAGE_LIMIT = 256 * 1024 * 1024  # bytes of an answer; a request is one frame
_GOES_ON = 1 << 31
_DEPTH = 12

COMMANDS: dict[str, type[Command[Any]]] = {
    each.what: each
    for each in (
        InstallToken,
        InstallKeySet,
        GenerateRequest,
        WithdrawCycle,
        InstallLicense,
        AssignUser,
        UnassignUser,
        AssignMany,
        AcquireSeat,
        RenewSeat,
        ReleaseSeat,
        ConsumeUnits,
        ReserveUnits,
        SettleUnits,
        CancelUnits,
        CreateApiKey,
        RevokeApiKey,
        RenameApiKey,
        AddPerson,
        ChangePerson,
        AskPersonAct,
        SettlePersonAct,
        GiveLink,
        RemoveFactors,
        VouchForPerson,
        BindIdentity,
        NoteAccess,
    )
}
QUESTIONS: dict[str, type[Question[Any]]] = {
    each.what: each
    for each in (
        FindStoredForm,
        questions.Status,
        questions.Usage,
        questions.Forecast,
        questions.Outlook,
        UsageHistory,
        DueNotices,
        Overview,
        ProductDetail,
        Holders,
        UserDetail,
        People,
        questions.Records,
        questions.RecordDetail,
        questions.Checkpoint,
        CheckUser,
        CheckFeature,
        CheckAssignments,
        NewestLfr,
        PreviewLicense,
        RequestText,
        WhatIf,
        Exchange,
        ListApiKeys,
        FindPerson,
        ListPeople,
        ListTwoPeople,
        IsIdentity,
    )
}
FAULTS: dict[str, type[CarnetError]] = {
    each.__name__: each
    for each in (CarnetError, UsageError, NotSetUpError, PassphraseError, StorageError, BusyError, TamperedError)
}


class Do(msgspec.Struct, frozen=True, tag="do", forbid_unknown_fields=True):
    what: str
    fields: msgspec.Raw
    actor: str
    key: str | None


class Ask(msgspec.Struct, frozen=True, tag="ask", forbid_unknown_fields=True):
    what: str
    fields: msgspec.Raw


class Fetch(msgspec.Struct, frozen=True, tag="fetch", forbid_unknown_fields=True):
    name: str


_Sent = Do | Ask | Fetch | PagesAct


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    answer: msgspec.Raw


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    refusal: Refusal


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    fault: str
    message: str
    next: str
    run: str = ""


class Fetched(msgspec.Struct, frozen=True, tag="fetched"):
    body: bytes | None


@dataclass(frozen=True)
class Execution:
    """A command as it came over the socket."""

    command: Command[object]
    actor: str
    key: str | None


Request = Execution | Question[object] | Fetch | PagesAct
Reply = Answered | Refused | Failed | Fetched


def do(command: Command[object], actor: str, key: str | None) -> bytes:
    return encode(Do(command.what, msgspec.Raw(encode(command)), actor, key))


def ask(question: Question[object]) -> bytes:
    return encode(Ask(question.what, msgspec.Raw(encode(question))))


def fetch(name: str) -> bytes:
    return encode(Fetch(name))


def pages(act: PagesAct) -> bytes:
    return encode(act)


def read_lfr(data: bytes) -> Request:
    """Raises UsageError, with a sentence, where it is none that this door knows."""
    try:
        request: _Sent = decode(data, _Sent, depth=_DEPTH)  # type: ignore[arg-type]
        if isinstance(request, Do):
            command = decode(bytes(request.fields), _known(COMMANDS, request.what), depth=_DEPTH)
            return Execution(command, request.actor, request.key)
        if isinstance(request, Ask):
            return decode(bytes(request.fields), _known(QUESTIONS, request.what), depth=_DEPTH)
    except MalformedError as error:
        raise UsageError(f"The local socket does not know this request: {error}.") from error
    return request


def _known(known: dict[str, type[T]], what: str) -> type[T]:
    if what not in known:
        raise MalformedError(f"nothing here is called “{what[:40]}”")
    return known[what]


def write_reply(outcome: object) -> bytes:
    """A reply of an answer, a refusal or a fault."""
    if isinstance(outcome, Refusal):
        return encode(Refused(outcome))
    if isinstance(outcome, CarnetError):
        return encode(Failed(type(outcome).__name__, str(outcome), outcome.next_step, outcome.run))
    if isinstance(outcome, Fetched | Answered):
        return encode(outcome)
    return encode(Answered(msgspec.Raw(encode(outcome))))


def read_reply(data: bytes) -> Reply:
    """Raises CarnetError: the fault that was met at the other side."""
    reply: Reply = msgspec.json.decode(data, type=Reply)
    if isinstance(reply, Failed):
        raise FAULTS.get(reply.fault, CarnetError)(reply.message, reply.next, reply.run)
    return reply


def read_outcome(data: bytes, command: Command[T]) -> T | Refusal:
    """What a command came to. Raises CarnetError."""
    outcome: T | Refusal = _read(data, command)
    return outcome


def read_answer(data: bytes, question: Question[T]) -> T:
    """The answer to a question. Raises CarnetError."""
    answer: T = _read(data, question)
    return answer


def _read(data: bytes, asked: Asked[object]) -> Any:
    """One of the two types that can come back: what it is answered with or, where it may be refused, a Refusal."""
    reply = read_reply(data)
    if isinstance(reply, Refused) and asked.may_refuse:
        return reply.refusal
    if isinstance(reply, Answered):
        return msgspec.json.decode(reply.answer, type=asked.answers)
    raise CarnetError("The running server answered something else than it was asked.")


# --- frames ---------------------------------------------------------------------------------------------------------


def frames(message: bytes) -> bytes:
    """The message with the length before each of its frames."""
    parts = [message[at : at + FRAME_LIMIT] for at in range(0, len(message), FRAME_LIMIT)] or [b""]
    last = len(parts) - 1
    return b"".join(
        (len(part) | (0 if place == last else _GOES_ON)).to_bytes(HEADER, "big") + part
        for place, part in enumerate(parts)
    )


def frame_size(header: bytes) -> tuple[int, bool]:
    """How long the frame is, and whether the message goes on after it. Raises UsageError where it is too long."""
    length = int.from_bytes(header, "big")
    size = length & ~_GOES_ON
    if size > FRAME_LIMIT:
        raise UsageError(f"A frame has at most {FRAME_LIMIT:,} bytes; this one is said to have {size:,}.")
    return size, bool(length & _GOES_ON)


def read_message(read: Callable[[int], bytes]) -> bytes:
    """A whole message; `read` gives just so many bytes. Raises UsageError where it is too long."""
    message, goes_on = bytearray(), True
    while goes_on:
        size, goes_on = frame_size(read(HEADER))
        if len(message) + size > MESSAGE_LIMIT:
            raise UsageError(f"An answer of more than {MESSAGE_LIMIT:,} bytes is not read.")
        message += read(size)
    return bytes(message)
