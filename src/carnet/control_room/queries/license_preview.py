"""E10, S: what an OLF would change, whole, what stands against installing it now, and the way out: whom to free."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from itertools import islice
from typing import Any, ClassVar

from carnet.control_room.rules.activation.fit import StillReserved, TooFew, still_reserved, too_few, too_small
from carnet.control_room.rules.activation.install_license import (
    LicenseAnswer,
    Opened,
    answer_of,
    open_license,
)
from carnet.control_room.rules.decision import Moment, Question, View
from carnet.control_room.rules.grant import products
from carnet.control_room.rules.holding import who_holds
from carnet.control_room.state.state import State
from carnet.entitlements import Metric
from carnet.exchange.verdicts import Refusal

CANDIDATES = 200  # named for a product


@dataclass(frozen=True)
class Candidate:
    id: str  # what is taken back: a user, or a lease
    holder: str
    since: datetime | None


@dataclass(frozen=True)
class ToFree:
    sku: str
    name: str
    metric: Metric
    granted: int  # by the file
    in_use: int
    count: int  # so many must go
    candidates: list[Candidate]  # the newest first, at most 200


@dataclass(frozen=True)
class UnitsShort:
    """A line that leaves fewer units than were used: no freeing helps, only an LFR that asks for more."""

    sku: str
    name: str
    unit: str
    granted: int  # by the file
    consumed: int  # or reserved


@dataclass(frozen=True)
class Check:
    ok: bool
    words: str
    code: str = ""  # of the refusal


@dataclass(frozen=True)
class PreviewAnswer(LicenseAnswer):
    size: int = field(kw_only=True)  # bytes
    issued_at: datetime = field(kw_only=True)
    answers_request: int | None = field(kw_only=True)  # its number; None where this site did not make it
    checks: list[Check] = field(kw_only=True)
    to_free: list[ToFree] = field(kw_only=True)
    units_short: list[UnitsShort] = field(kw_only=True)
    still_reserved: list[StillReserved] = field(kw_only=True)


@dataclass(frozen=True)
class PreviewLicense(Question[PreviewAnswer | Refusal]):
    raw: bytes = field(repr=False)
    what: ClassVar[str] = "license preview"

    def answer(self, view: View) -> PreviewAnswer | Refusal:
        assert view.moment is not None
        return preview(self.raw, view.state, view.moment)


def preview(raw: bytes, state: State, moment: Moment) -> PreviewAnswer | Refusal:
    """Nothing is recorded. A refusal where the file is not for this site, or cannot be opened."""
    opened = open_license(raw, state, moment)
    if isinstance(opened, Refusal):
        return opened
    olf, answer = opened.read.olf, answer_of(opened, state, moment.now)
    said: dict[str, Any] = {each.name: getattr(answer, each.name) for each in fields(answer)}
    return PreviewAnswer(
        **said,
        size=len(raw),
        issued_at=olf.issued_at,
        answers_request=_number_of(olf.answers.request_id, state),
        checks=_checks(opened),
        to_free=[_to_free(state, few, moment.now) for few in too_few(state, opened.body.lines, opened.now, moment.now)],
        units_short=[
            UnitsShort(small.line.sku, small.line.name, small.line.unit, small.line.quantity, small.consumed)
            for small in too_small(state, opened.body.lines, opened.now, moment.now)
        ],
        still_reserved=still_reserved(state, opened.body.lines, moment.now),
    )


def _checks(opened: Opened) -> list[Check]:
    return [
        Check(False, step.refusal.message, step.refusal.code.value) if step.refusal else Check(True, step.words)
        for step in opened.steps
    ]


def _number_of(request_id: str, state: State) -> int | None:
    requests = (each for entry in reversed(state.exchange.entries) for each in reversed(entry.requests))
    return next((each.sequence for each in requests if each.request_id == request_id), None)


def _to_free(state: State, few: TooFew, now: datetime) -> ToFree:
    line = products(state)[few.sku]
    newest = islice(who_holds(state, few.sku, now), CANDIDATES)
    candidates = [Candidate(each.lease_id or each.holder, each.holder, each.since) for each in newest]
    return ToFree(few.sku, line.name, line.metric, few.granted, few.in_use, few.to_free, candidates)
