"""E3: the newest LFR as whoever carries it may read it: all that leaves, in plain text."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from carnet.control_room.activation.generate_request import REQUEST
from carnet.control_room.authority.decision import View
from carnet.exchange.inspect import as_text, inspect
from carnet.exchange.license_file_request import read_request
from carnet.exchange.verdicts import Code, Refusal


@dataclass(frozen=True)
class RequestTextAnswer:
    name: str  # that the file is saved by
    size: int  # bytes
    sha256: str
    request_id: str
    sequence: int
    kind: str
    generated_at: datetime
    install_by: datetime | None  # None for a release
    first_request_at: datetime | None  # of its cycle
    text: str = field(repr=False)


@dataclass(frozen=True)
class RequestText:
    what: ClassVar[str] = "request text"
    answers: ClassVar[type] = RequestTextAnswer

    def answer(self, view: View) -> RequestTextAnswer | Refusal:
        newest, raw = view.state.newest_request, view.document(REQUEST)
        if newest is None or raw is None:
            return Refusal(
                Code.NOT_FOUND,
                "No request stands: none was generated, or it was withdrawn or voided by a token.",
                "Generate one.",
                run="control-room request generate --out FILE",
            )
        read, inspection = read_request(raw), inspect(raw)
        if isinstance(read, Refusal):
            return read
        if isinstance(inspection, Refusal):
            return inspection
        request = read.request
        return RequestTextAnswer(
            file_name(view.state.name, request.sequence, "lfr"),
            len(raw),
            read.envelope.digest,
            request.request_id,
            request.sequence,
            request.kind.value,
            request.generated_at,
            request.install_by,
            request.cycle.opened_at if request.cycle else None,
            as_text(inspection),
        )


def file_name(room: str, sequence: int, kind: str) -> str:
    """`frankfurt-vault-0012.lfr`: what any file system takes."""
    plain = re.sub(r"[^a-z0-9]+", "-", room.casefold()).strip("-")[:60] or "control-room"
    return f"{plain}-{sequence:04}.{kind}"
