"""What an LFR says of CALM's own acts must be so: the lines that its totals are of (Q2), and the accepted history that
they include (L2). A Control Room that states otherwise lies in numbers, whatever its history."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from carnet.calm.control_rooms.models import ControlRoom, LicenseFile, LicenseLine
from carnet.calm.issuing import verdicts
from carnet.calm.licenses.models import period_of
from carnet.calm.prepared import Prepared, slot
from carnet.entitlements import Metric, Period
from carnet.exchange.license_file_request import LicenseFileRequest, LineTotals
from carnet.exchange.strict import from_base64url
from carnet.exchange.verdicts import Refusal
from carnet.exchange.windows import stamp


def judge_statements(room: ControlRoom, lfr: LicenseFileRequest) -> Refusal | None:
    if lfr.history_accepted > room.history_stated:  # what it stated before was judged then
        carried = newest_carried(room)
        if lfr.history_accepted > carried:
            return verdicts.history_not_carried(room.name, lfr.history_accepted, carried)
    issued = _issued_to(room)
    wrong = [words for total in lfr.totals.record.body.lines for words in _differences(total, issued)]
    return verdicts.not_the_lines_issued(room, wrong) if wrong else None


class _Accepted(msgspec.Struct, frozen=True):
    number: int


class _Carries(msgspec.Struct, frozen=True):
    accepts_history: _Accepted | None


class _Jws(msgspec.Struct, frozen=True):
    payload: str


def newest_carried(room: ControlRoom) -> int:
    """L2: the newest acceptance that any OLF issued to the Control Room carried there, installed or not; 0 for none."""
    files = LicenseFile.objects.filter(room=room).values_list("raw", flat=True)
    return max((_carried_by(bytes(raw)) for raw in files.iterator()), default=0)


def _carried_by(raw: bytes) -> int:
    payload = from_base64url(msgspec.json.decode(raw, type=_Jws).payload)
    accepted = msgspec.json.decode(payload, type=_Carries).accepts_history
    return accepted.number if accepted else 0


@dataclass(frozen=True)
class _Issued:
    """What CALM issued a line as."""

    sku: str
    metric: str
    period: Period | None


_LINES = Prepared(
    lambda: (
        LicenseLine.objects.filter(room=slot(0))
        .values_list(
            "line_id",
            "purchase__product_id",
            "purchase__product__metric",
            "purchase__period_unit",
            "purchase__period_from",
        )
        .distinct()
    )
)


def _issued_to(room: ControlRoom) -> dict[str, _Issued]:
    rows = _LINES(room.id)
    return {line: _Issued(sku, metric, period_of(unit, start)) for line, sku, metric, unit, start in rows}


def _differences(total: LineTotals, issued: Mapping[str, _Issued]) -> Iterator[str]:
    line = issued.get(total.line_id)
    if line is None:  # nothing is counted on a line that CALM never issued
        return
    if (total.metric, total.sku) != (line.metric, line.sku):
        yield f"line {total.line_id}: it states {total.metric} of {total.sku}, issued was {line.metric} of {line.sku}"
    elif total.metric is Metric.CONSUMABLE and not _is_own_period(total, line.period):
        start = f"a period from {stamp(total.period_start)}" if total.period_start else "no period"
        yield f"{total.sku}: it states {start}, which is none of those of its purchase"


def _is_own_period(total: LineTotals, period: Period | None) -> bool:
    """Q2: periods count from the purchase's start, so that both sides know each."""
    start = total.period_start
    if period is None or start is None:
        return period is None and start is None
    return period.containing(start) == start
