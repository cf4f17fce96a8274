"""The exchange as it went: tokens, and cycles with their LFRs and what became of them. Folded, so that a page needs no
search in the ledger; bounded, so that it cannot grow without end."""

from datetime import datetime
from typing import Literal

import msgspec

ENTRIES_KEPT = 500
REQUESTS_KEPT = 50  # of one cycle: the first, and the newest

Outcome = Literal["open", "installed", "withdrawn", "locked", "lapsed", "closed_by_token", "released"]


class PastRequest(msgspec.Struct):
    request_id: str
    sequence: int
    kind: str
    at: datetime
    install_by: datetime | None
    asked_by: str


class PastEntry(msgspec.Struct):
    """A token, a cycle, or a release (which opens no cycle). `number`: of the record that began it."""

    number: int
    kind: Literal["token", "cycle", "release"]
    id: str  # of the token, the cycle, or the first release LFR
    at: datetime
    by: str
    account: str = ""  # of a token
    requests: list[PastRequest] = []
    outcome: Outcome | None = None  # of a cycle or release
    outcome_at: datetime | None = None
    outcome_by: str = ""
    olf_sequence: int | None = None  # where one was installed
    ends_at: datetime | None = None  # of a cycle: when it is missed, by the windows that it was opened under


class ExchangeLog(msgspec.Struct):
    entries: list[PastEntry] = []  # the newest last
    asked_by: str = ""  # who asked for the request that is being generated: its own record names nobody

    def token(self, number: int, token_id: str, at: datetime, by: str, account: str) -> None:
        self.close("closed_by_token", at, by)
        self._add(PastEntry(number, "token", token_id, at, by, account))

    def request(self, number: int, request: PastRequest, cycle_id: str | None, ends_at: datetime | None) -> None:
        """`cycle_id` and `ends_at` None: a release."""
        last, kind = self.entries[-1] if self.entries else None, "cycle" if cycle_id else "release"
        goes_on = last is not None and last.kind == kind and (cycle_id is None or last.id == cycle_id)
        if last is None or not goes_on:
            last = self._begin(number, request, cycle_id, ends_at)
        last.requests.append(request)
        del last.requests[1 : 1 - REQUESTS_KEPT]

    def _begin(self, number: int, request: PastRequest, cycle_id: str | None, ends_at: datetime | None) -> PastEntry:
        if cycle_id:
            by = request.asked_by
            entry = PastEntry(number, "cycle", cycle_id, request.at, by, outcome="open", ends_at=ends_at)
        else:
            self.close("released", request.at, request.asked_by)
            entry = PastEntry(number, "release", request.request_id, request.at, request.asked_by, outcome="released")
        return self._add(entry)

    def close(self, outcome: Outcome, at: datetime, by: str, olf_sequence: int | None = None) -> None:
        """The open cycle, where there is one."""
        last = self.entries[-1] if self.entries else None
        if last and last.outcome == "open":
            last.outcome, last.outcome_at, last.outcome_by, last.olf_sequence = outcome, at, by, olf_sequence

    def _add(self, entry: PastEntry) -> PastEntry:
        self.entries.append(entry)
        del self.entries[:-ENTRIES_KEPT]
        return entry
