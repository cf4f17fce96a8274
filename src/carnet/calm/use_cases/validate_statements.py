"""What an LFR says of CALM's own acts must be so: its enrolment (E2), the lines that its totals are of (Q2), and the
accepted history that they include (L2).

A token enrols one Control Room, once: the one that holds its secret. A Control Room that states other
lines or another acceptance than CALM made states wrong numbers, even if its history is right.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hmac import compare_digest

from carnet.calm.control_rooms.models import ControlRoom, Enrolment, LicenseFile, LicenseLine
from carnet.calm.purchases.models import Guid, period_of
from carnet.calm.use_cases import lfr_refusals
from carnet.calm.use_cases.accounts import is_approved, no_approval
from carnet.calm.use_cases.context import Act
from carnet.calm.use_cases.models import Token
from carnet.calm.use_cases.tokens import secret_name
from carnet.entitlements import Period
from carnet.exchange.enablement_token import enrolment_proof
from carnet.exchange.envelope import Kind, stored_value
from carnet.exchange.license_file_request import LicenseFileRequest, LineTotals
from carnet.exchange.offline_license_file import OfflineLicenseFile
from carnet.exchange.strict import to_base64url
from carnet.exchange.verdicts import Refusal
from carnet.times import stamp


def judge_newcomer(doing: Act, lfr: LicenseFileRequest, guid: Guid) -> Token | Refusal:
    """A Control Room that CALM does not know: its token, and a GUID that is free (H5)."""
    token = judge_token(doing, lfr, guid)
    if isinstance(token, Refusal):
        return token
    bound = ControlRoom.objects.filter(guid=guid).first()
    return lfr_refusals.guid_bound(guid, bound) if bound else token


def judge_token(doing: Act, lfr: LicenseFileRequest, guid: Guid) -> Token | Refusal:
    """The token exists, is the account's, the proof under its secret holds, it is unused, the approval is in force.

    Not here: for how long it is in force. The site judged them when it installed the token; an LFR may come later.
    """
    named = lfr.enrolment.token_id
    token = Token.objects.select_related("account").filter(id=named, waits=False).first()
    if token is None:
        return lfr_refusals.unknown_token(lfr.control_room.name, named)
    if token.account_id != guid.account_id:
        return lfr_refusals.wrong_account(lfr.control_room.name, guid)
    if not _proof_holds(doing, token, lfr):
        return lfr_refusals.enrolment_not_proven(lfr.control_room.name)
    used = Enrolment.objects.select_related("room").filter(token=named).first()
    if used and used.room_id == lfr.control_room.id:
        return lfr_refusals.of_older_enrolment(used)  # E11
    if used:
        return lfr_refusals.token_used(lfr.control_room.name, used)
    if not is_approved(token.account_id):
        return no_approval(token.account, f"{lfr.control_room.name} cannot enrol")
    return token


def _proof_holds(doing: Act, token: Token, lfr: LicenseFileRequest) -> bool:
    secret = to_base64url(doing.calm.keys.unwrap(secret_name(token.id), bytes(token.secret)))
    room = lfr.control_room
    proof = enrolment_proof(secret, token.id, room.id, room.signing_key.kid, room.sealing_key.kid)
    return compare_digest(proof, lfr.enrolment.proof)


def judge_statements(room: ControlRoom, lfr: LicenseFileRequest) -> Refusal | None:
    if lfr.history_accepted > room.history_stated:  # what it stated before was judged then
        carried = newest_carried(room)
        if lfr.history_accepted > carried:
            return lfr_refusals.history_not_carried(room.name, lfr.history_accepted, carried)
    lines = lfr.totals.record.body.lines
    issued = _issued_to(room, [total.line_id for total in lines])
    wrong = [words for total in lines for words in _differences(total, issued)]
    return lfr_refusals.not_the_lines_issued(room, wrong) if wrong else None


def newest_carried(room: ControlRoom) -> int:
    """L2: the newest acceptance that any OLF issued to the Control Room carried there, installed or not; 0 for none."""
    files = LicenseFile.objects.filter(room=room).values_list("raw", flat=True)
    return max((_carried_by(bytes(raw)) for raw in files.iterator()), default=0)


def _carried_by(raw: bytes) -> int:
    accepted = stored_value(raw, Kind.OLF, OfflineLicenseFile).accepts_history
    return accepted.number if accepted else 0


@dataclass(frozen=True)
class _Issued:
    """What CALM issued a line as."""

    sku: str
    metric: str
    period: Period | None


_AS_ISSUED = (
    "line_id",
    "purchase__product_id",
    "purchase__product__metric",
    "purchase__period_unit",
    "purchase__period_from",
)


def _issued_to(room: ControlRoom, lines: Collection[str]) -> dict[str, _Issued]:
    rows = LicenseLine.objects.filter(room=room, line_id__in=lines).values_list(*_AS_ISSUED).distinct()
    return {line: _Issued(sku, metric, period_of(unit, start)) for line, sku, metric, unit, start in rows}


def _differences(total: LineTotals, issued: Mapping[str, _Issued]) -> Iterator[str]:
    line = issued.get(total.line_id)
    if line is None:  # nothing is counted on a line that CALM never issued
        return
    if (total.metric, total.sku) != (line.metric, line.sku):
        yield f"line {total.line_id}: it states {total.metric} of {total.sku}, issued was {line.metric} of {line.sku}"
    elif total.metric.kind.counts_units and not _is_own_period(total, line.period):
        start = f"a period from {stamp(total.period_start)}" if total.period_start else "no period"
        yield f"{total.sku}: it states {start}, which is none of those of its purchase"


def _is_own_period(total: LineTotals, period: Period | None) -> bool:
    """Q2: periods count from the purchase's start, so that both sides know each."""
    start = total.period_start
    if period is None or start is None:
        return period is None and start is None
    return period.containing(start) == start
