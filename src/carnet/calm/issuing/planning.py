"""What an OLF would be: every rule that can refuse it, in order, and what people are told before it is issued."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from carnet.calm.control_rooms.counting import Acceptance, Count, Where, effective, stated_in
from carnet.calm.control_rooms.models import ControlRoom, LicenseFile, LicenseLine, Request
from carnet.calm.issuing import verdicts
from carnet.calm.issuing.accounts import is_approved, no_approval
from carnet.calm.issuing.answered import AnsweredRequest, read_answered
from carnet.calm.issuing.asking import Asked, Shelf, make_lines, read_shelf
from carnet.calm.issuing.difference import Had, changes, consumed_on, grants_more, units_below, users_above
from carnet.calm.issuing.judging import read_acceptances
from carnet.calm.issuing.key_sets import newest_row
from carnet.calm.issuing.models import IssuedKeySet
from carnet.calm.issuing_log import log
from carnet.calm.prepared import Prepared, number_slot, slot
from carnet.entitlements import Line, Metric
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import lowered_clock_window, request_window, spell, stamp


@dataclass
class Plan:
    """An OLF that every rule allows."""

    request: Request
    room: ControlRoom
    lfr: AnsweredRequest
    by_purchase: dict[str, Line]
    shelf: Shelf
    key_set: IssuedKeySet
    tail: log.Tail
    acceptances: tuple[Acceptance, ...]
    install_by: datetime
    now: datetime
    lowers_clock: bool
    site_clock_is_off: bool
    warnings: list[Refusal] = field(default_factory=list)  # what the site would refuse today
    notes: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    @property
    def sequence(self) -> int:
        return self.room.last_license_file + 1

    @property
    def lines(self) -> list[Line]:
        return list(self.by_purchase.values())


def make_plan(
    request: Request, asked: Asked, now: datetime, *, site_clock_is_off: bool, lowers_clock: bool
) -> Plan | Refusal:
    room, lfr = request.room, read_answered(request)
    refusal = _answerable(request, room) or _in_time(lfr, now, site_clock_is_off=site_clock_is_off)
    if refusal:
        return refusal
    assert room.enrolment_id is not None
    assert room.guid_id is not None
    assert lfr.deadline is not None
    shelf = read_shelf(room.account_id, room.guid_id, now)
    lines = make_lines(shelf, asked, room.enrolment_id)
    if isinstance(lines, Refusal):
        return lines
    if not lines:
        return _nothing_granted(room)
    tail = log.read_tail(lfr.issuing_log.size if lfr.issuing_log else 0)
    acceptances = read_acceptances(room.id, lfr.history_accepted)
    plan = Plan(
        request,
        room,
        lfr,
        lines,
        shelf,
        newest_row(),
        tail,
        acceptances,
        lfr.deadline,
        now,
        lowers_clock,
        site_clock_is_off,
    )
    return _compare(plan) or _reachable(plan) or _log_agrees(plan) or plan


def _answerable(request: Request, room: ControlRoom) -> Refusal | None:
    """E6: only the newest LFR, once. A release asks for nothing."""
    if request.used:
        return verdicts.already_used(room, request.sequence)
    if request.pk != room.newest_request_id:
        return verdicts.superseded(room, request.sequence)
    if room.state == ControlRoom.State.WRITTEN_OFF:
        return verdicts.written_off(room)
    if request.kind == RequestKind.RELEASE:
        return Refusal(
            Code.CANNOT_BE_INSTALLED,
            f"LFR {request.sequence} of {room.name} is a release: it asks for nothing, and no file answers it.",
            "To license the Control Room again, enable it with a new token.",
        )
    return None


def _in_time(lfr: AnsweredRequest, now: datetime, *, site_clock_is_off: bool) -> Refusal | None:
    """E5: staff may state that the site's clock is off; the site still judges by its own."""
    if site_clock_is_off or lfr.deadline is None:
        return None
    return request_window(lfr.generated_at, lfr.deadline, now)


def _nothing_granted(room: ControlRoom) -> Refusal:
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"No lines are asked for: {room.name} could not install a file that grants nothing.",
        "Name lines with --product or --line. To take everything back, the site generates a release LFR.",
    )


def _compare(plan: Plan) -> Refusal | None:
    """E1 and E10, against what the LFR names as installed and states as in use; then what people should know."""
    room, lfr, now = plan.room, plan.lfr, plan.now
    installed = _installed(room)
    if not is_approved(room.account_id):  # E1
        more = grants_more(plan.lines, installed)
        if more:
            return no_approval(room.account, f"a file may not grant more or longer ({more})")
    stated = lfr.lines
    counts = effective(stated_in(stated, lfr.history_accepted), plan.acceptances)
    refusal = units_below(plan.lines, _last_quantities(plan, counts), counts, now)
    if refusal:
        return refusal
    names = {line.line_id: line.sku for line in stated}
    plan.changes += changes(plan.lines, installed, names)
    plan.warnings += users_above(plan.lines, stated, now) + _clock_ahead(plan)
    plan.notes += _notices(plan)
    return None


_LINES_OF_FILE = Prepared(
    lambda: LicenseLine.objects.filter(room=slot(0), file_sequence=number_slot(1)).values_list(
        "line_id", "quantity", "valid_until"
    )
)


def _installed(room: ControlRoom) -> dict[str, Had]:
    """The lines of the OLF that is confirmed, which is the one that the newest LFR names."""
    if not room.confirmed:
        return {}
    return {line: Had(line, quantity, until) for line, quantity, until in _LINES_OF_FILE(room.id, room.confirmed)}


def _last_quantities(plan: Plan, counts: Mapping[Where, Count]) -> dict[str, int]:
    """What a line had last, also where it was left out since; read only where it matters."""
    low = [
        line.line_id
        for line in plan.lines
        if line.metric is Metric.CONSUMABLE and line.quantity < consumed_on(line, counts, plan.now)
    ]
    if not low:
        return {}
    rows = LicenseLine.objects.filter(room=plan.room, line_id__in=low, license_file__state=LicenseFile.State.CONFIRMED)
    return dict(rows.order_by("file_sequence").values_list("line_id", "quantity"))


def _clock_ahead(plan: Plan) -> list[Refusal]:
    """T3: the site refuses to lower its mark until its own clock is set right."""
    ahead = lowered_clock_window(plan.now, plan.lfr.clock.system) if plan.lowers_clock else None
    return [ahead] if ahead else []


def _notices(plan: Plan) -> list[str]:
    words = []
    left = plan.install_by - plan.now
    if plan.site_clock_is_off:
        words.append("Issued on the statement that the site's clock is off; the site judges by its own (E5).")
    else:
        words.append(f"It installs before {stamp(plan.install_by)} by the site's clock: {spell(left)} are left.")
    if plan.lowers_clock:
        words.append("It lowers the site's clock mark to CALM's time; leases get one time to live from there (T3).")
    if plan.acceptances:
        words.append(
            f"It carries the accepted history {plan.acceptances[-1].number}: the site adds its units once (L2)."
        )
    for purchase, line in plan.by_purchase.items():
        words.extend(_line_notices(plan, purchase, line))
    return words


def _line_notices(plan: Plan, purchase: str, line: Line) -> list[str]:
    words = []
    if line.valid_from > plan.now:
        words.append(f"{line.name}: {line.quantity} start {stamp(line.valid_from)}.")
    if line.period and plan.shelf.balance(purchase).spent:  # Q1
        spent = plan.shelf.balance(purchase).spent
        words.append(
            f"{line.name}: {spent} of the purchase are spent in this {line.period.unit}; the {line.quantity} granted "
            "now hold in later ones too, until the next license file."
        )
    return words


def _reachable(plan: Plan) -> Refusal | None:
    """E16: a site that is more than one change of roots behind cannot take the newest key set from the file."""
    version = plan.lfr.key_set_version
    if version >= plan.key_set.version:
        return None
    rows = dict(IssuedKeySet.objects.filter(version__gte=version).values_list("version", "roots"))
    known, newest = rows.get(version), plan.key_set.version
    if known in (rows.get(newest), rows.get(newest - 1)):
        return None
    step = next(v for v in sorted(rows) if v > version and rows[v] != known)
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"{plan.room.name} knows key set {version}; the roots changed more than once since, up to version {newest}.",
        f"Carry key set {step} there first (calm key export-set --version {step}; control-room key-set install), "
        "then a new LFR.",
    )


def _log_agrees(plan: Plan) -> Refusal | None:
    """V2: the site must have seen this very issuing log, or it would refuse the file."""
    seen = plan.lfr.issuing_log
    if seen is None or plan.tail.checkpoint_at(seen.size) == seen.checkpoint:
        return None
    return Refusal(
        Code.LOG_MISMATCH,
        f"{plan.room.name} saw {seen.size} records of an issuing log that is not the one here: no file could prove "
        "to it how it was issued.",
        "Find out whether CALM was restored from a backup, or whether someone issues in the vendor's name.",
        (f"the site saw: {seen.size} records, root {seen.root[:16]}…", f"the log here has {plan.tail.size} records"),
    )
