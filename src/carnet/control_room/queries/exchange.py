"""The exchange as it went, the newest first; and the newest LFR in plain text, all that leaves (E3)."""

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from carnet.control_room.rules.activation.generate_request import REQUEST
from carnet.control_room.rules.activation.lfr_draft import LICENSE
from carnet.control_room.rules.activation.lost_license import carries_words
from carnet.control_room.rules.activation.take_key_set import break_words
from carnet.control_room.rules.decision import Question, View
from carnet.control_room.rules.site_state import locks
from carnet.control_room.state.exchange_log import Outcome, PastEntry
from carnet.control_room.state.state import State
from carnet.exchange.free_text import statement, warnings
from carnet.exchange.inspect import as_text, inspect
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.verdicts import Code, Refusal

PAGE = 100  # entries in one answer


@dataclass(frozen=True)
class PastRequestView:
    request_id: str
    sequence: int
    kind: str
    at: datetime
    install_by: datetime | None
    asked_by: str


@dataclass(frozen=True)
class ExchangeEntry:
    number: int  # of the record that began it
    kind: str  # token, cycle, or release
    id: str
    at: datetime
    by: str
    account: str  # of a token
    requests: list[PastRequestView]  # the newest first; of very many, the first and the newest
    outcome: Outcome | None  # None for a token
    outcome_at: datetime | None
    outcome_by: str
    olf_sequence: int | None  # of the license file that closed the cycle
    ends_at: datetime | None  # of a cycle: when it is missed


@dataclass(frozen=True)
class LogBreakView:
    """L6: that CALM was restored, as the vendor's roots state it."""

    at: datetime  # when this site took it
    words: str


@dataclass(frozen=True)
class ExchangeAnswer:
    entries: list[ExchangeEntry]
    next: int | None  # ask again `before` this; None: there are no earlier ones
    cycles: int  # how many are known, of all pages
    token: ExchangeEntry | None  # the newest
    log_breaks: list[LogBreakView]  # the newest first
    receipt: str  # the name of the newest receipt's file; empty where there is none
    carries: str  # L6: why the next request carries the license; empty where it does not by itself


@dataclass(frozen=True)
class Exchange(Question[ExchangeAnswer | Refusal]):
    """Tokens, cycles and releases, before a number; the newest first."""

    before: int | None = None
    limit: int = 20
    what: ClassVar[str] = "exchange"

    def answer(self, view: View) -> ExchangeAnswer | Refusal:
        if not 1 <= self.limit <= PAGE:
            return Refusal(Code.MALFORMED, f"A page has 1 to {PAGE} entries.", "Ask for more page after page.")
        entries, installed = view.state.exchange.entries, view.state.installed
        name, restored = view.state.name, view.state.restored
        receipt = file_name(name, installed.sequence, "receipt", restored) if installed else ""
        end = len(entries)
        if self.before is not None:
            end = bisect_left(entries, self.before, key=lambda entry: entry.number)
        start = max(0, end - self.limit)
        shown = [_view(view.state, entry, view.now) for entry in reversed(entries[start:end])]
        token = next((entry for entry in reversed(entries) if entry.kind == "token"), None)
        return ExchangeAnswer(
            shown,
            entries[start].number if start else None,
            sum(entry.kind == "cycle" for entry in entries),
            _view(view.state, token, view.now) if token else None,
            [LogBreakView(each.at, break_words(each.stated, each.seen)) for each in reversed(view.state.log_breaks)],
            receipt,
            carries_words(view.state, view.document(LICENSE)),
        )


def _view(state: State, entry: PastEntry, now: datetime) -> ExchangeEntry:
    requests = [
        PastRequestView(each.request_id, each.sequence, each.kind, each.at, each.install_by, each.asked_by)
        for each in reversed(entry.requests)
    ]
    outcome, outcome_at = entry.outcome, entry.outcome_at
    if outcome == "open" and entry.ends_at and now >= entry.ends_at:  # E8: judged by now, recorded or not
        outcome, outcome_at = "locked" if locks(state) else "lapsed", entry.ends_at
    return ExchangeEntry(
        entry.number,
        entry.kind,
        entry.id,
        entry.at,
        entry.by,
        entry.account,
        requests,
        outcome,
        outcome_at,
        entry.outcome_by,
        entry.olf_sequence,
        entry.ends_at,
    )


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
    statement: str  # what leaves, in a sentence
    warnings: list[str]  # what looks like a person, a machine or an address
    text: str = field(repr=False)


@dataclass(frozen=True)
class RequestText(Question[RequestTextAnswer | Refusal]):
    what: ClassVar[str] = "request text"

    def answer(self, view: View) -> RequestTextAnswer | Refusal:
        newest, raw = view.state.newest_lfr, view.document(REQUEST)
        if newest is None or raw is None:
            return Refusal(
                Code.NOT_FOUND,
                "No request stands: none was generated, or it was withdrawn or voided by a token.",
                "Generate one.",
                run="control-room request generate --out FILE",
            )
        read, inspection = read_lfr(raw, stored=True), inspect(raw, stored=True)
        if isinstance(read, Refusal):
            return read
        if isinstance(inspection, Refusal):
            return inspection
        request = read.lfr
        return RequestTextAnswer(
            file_name(view.state.name, request.sequence, "lfr", view.state.restored),
            len(raw),
            read.envelope.digest,
            request.request_id,
            request.sequence,
            request.kind.value,
            request.generated_at,
            request.install_by,
            request.cycle.opened_at if request.cycle else None,
            statement(request),
            list(warnings(request)),
            as_text(inspection),
        )


def file_name(room: str, sequence: int, kind: str, restored: str) -> str:
    """`frankfurt-vault-0012.lfr`: what any file system takes. A site that was restored writes
    `frankfurt-vault-0012-3f9a.lfr`: a file of before may have its number, and lie on the same stick."""
    plain = re.sub(r"[^a-z0-9]+", "-", room.casefold()).strip("-")[:60] or "control-room"
    return f"{plain}-{sequence:04}{f'-{restored}' if restored else ''}.{kind}"
