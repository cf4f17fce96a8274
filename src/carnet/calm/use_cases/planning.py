"""What an OLF would be: every rule that can refuse it, in order, and what people are told before it is issued."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from carnet.calm.control_rooms.counting import (
    Acceptance,
    Count,
    Where,
    effective,
    fitting,
    pending,
    stated_in,
)
from carnet.calm.control_rooms.models import (
    AcceptedLfr,
    ControlRoom,
    LicenseFile,
    LicenseLine,
    RefusedFile,
)
from carnet.calm.customers.windows import read_windows, windows_of
from carnet.calm.issuing_log import log
from carnet.calm.purchases.books import line_id
from carnet.calm.use_cases import lfr_refusals, limits, settling
from carnet.calm.use_cases.accounts import is_approved, no_approval
from carnet.calm.use_cases.context import check_end
from carnet.calm.use_cases.difference import (
    Had,
    consumed_on,
    grants_more,
    reserved_above,
    units_below,
    users_above,
)
from carnet.calm.use_cases.key_sets import key_set_of, newest_row
from carnet.calm.use_cases.lfr_projection import AnsweredLfr, read_answered_lfr
from carnet.calm.use_cases.lost_key_sets import takes, takes_newest
from carnet.calm.use_cases.models import IssuedKeySet
from carnet.calm.use_cases.selection import (
    Ceiling,
    Problem,
    Selection,
    Shelf,
    make_lines,
    read_shelf,
)
from carnet.calm.use_cases.validate_lfr import read_acceptances
from carnet.calm.use_cases.windows import differences
from carnet.calm.use_cases.written_for import OlfForm, form_for_site
from carnet.entitlements import Line, Metric
from carnet.entitlements.comparison import statements
from carnet.exchange.history import CheckpointFields
from carnet.exchange.issuing_log import goes_on_from, new_breaks
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.offline_license_file import MAX_ADDED, SealedBody
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import Windows, lowered_clock_window, request_window
from carnet.times import exact_span, stamp


@dataclass
class Plan:
    """An OLF that every rule allows."""

    accepted: AcceptedLfr
    room: ControlRoom
    lfr: AnsweredLfr
    by_purchase: dict[str, Line]
    shelf: Shelf
    key_set: IssuedKeySet
    tail: log.Tail
    acceptances: tuple[Acceptance, ...]
    installed: dict[str, Had]
    approved: bool
    install_by: datetime
    now: datetime
    lowers_clock: bool
    site_clock_is_off: bool
    problems: list[Problem] = field(default_factory=list)  # of single lines: they are not in `by_purchase`
    warnings: list[Refusal] = field(default_factory=list)  # what the site would refuse today
    notes: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)

    @property
    def sequence(self) -> int:
        return self.room.last_license_file + 1

    @property
    def form(self) -> OlfForm:
        """E17: how it is written for this site. Asked only of a plan that no rule refuses."""
        form = form_for_site(self.room.name, self.lfr.reads, self.brought_key_set)
        assert isinstance(form, OlfForm)
        return form

    @property
    def brought_key_set(self) -> IssuedKeySet | None:
        """E16: the newest one, where the site does not know it yet."""
        return self.key_set if self.lfr.key_set_version < self.key_set.version else None

    @property
    def log_seen(self) -> CheckpointFields | None:
        """V2: what the site will have seen of the issuing log when it judges the file, which may bring a break (L6)."""
        return log_seen(self.lfr, self.key_set)

    @cached_property
    def counts(self) -> dict[Where, Count]:
        """Q3: what CALM counts as consumed there."""
        return effective(stated_in(self.lfr.lines, self.lfr.history_accepted), self.acceptances)

    @cached_property
    def carried(self) -> tuple[Acceptance, ...]:
        """L2: the acceptances that the file carries: all that the LFR does not state yet, as far as one file holds
        them."""
        return fitting(self.acceptances, self.lfr.history_accepted, MAX_ADDED)

    @cached_property
    def ends(self) -> dict[str, datetime]:
        """Of each line of units that the LFR states of this enrolment: when it can come back no more."""
        return settling.ends_of(self.room, self.lfr.lines)

    @cached_property
    def settled(self) -> tuple[str, ...]:
        """Q3: the lines that the site states no more, once it has installed the file."""
        open_ones = {added.line_id for added in pending(self.acceptances, self.lfr.history_accepted)}
        return settling.final_lines(self.lfr, self.ends, open_ones, self.now)

    def body(self, blinding: str) -> SealedBody:
        """What is sealed."""
        return SealedBody(
            blinding=blinding,
            account_name=self.room.account.name,
            lines=self.lines,
            settled=list(self.settled),
            enrolment=str(self.room.enrolment_id),
            purchases=list(self.by_purchase),
        )

    @property
    def site_windows(self) -> Windows:
        """E18: that the site goes by until it installs the file."""
        return read_windows(self.accepted.windows)

    @property
    def windows(self) -> Windows:
        """E18: that the file carries, and the site goes by from the install on."""
        return windows_of(self.room.account)

    @property
    def lines(self) -> list[Line]:
        return list(self.by_purchase.values())


def make_plan(
    accepted: AcceptedLfr, asked: Selection, now: datetime, *, site_clock_is_off: bool, lowers_clock: bool
) -> Plan | Refusal:
    lfr = read_answered_lfr(accepted)
    refusal = unanswerable(accepted) or too_late(accepted, now, site_clock_is_off=site_clock_is_off)
    if refusal:
        return refusal
    plan = draw_up(accepted, lfr, asked, now, site_clock_is_off=site_clock_is_off, lowers_clock=lowers_clock)
    problem = next(problems_of(plan), None)
    return problem.refusal if problem else _informed(plan)


def draw_up(
    accepted: AcceptedLfr,
    lfr: AnsweredLfr,
    asked: Selection,
    now: datetime,
    *,
    site_clock_is_off: bool = False,
    lowers_clock: bool = False,
) -> Plan:
    """The OLF as asked for, of an LFR that can be answered; not yet judged."""
    if asked.until:
        check_end(asked.until)
    room, newest = accepted.room, newest_row()
    seen = log_seen(lfr, newest)
    assert room.enrolment_id is not None
    assert room.guid_id is not None
    assert accepted.deadline is not None
    installed = installed_in(room)
    shelf = replace(
        read_shelf(room.account_id, room.guid_id, now, also=asked.lines),
        installed={had.purchase: had.quantity for had in installed.values()},
    )
    approved = is_approved(room.account_id)
    ceiling = None if approved else _ceiling(shelf, room, installed)
    lines, problems = make_lines(shelf, asked, room.enrolment_id, ceiling)
    return Plan(
        accepted,
        room,
        lfr,
        lines,
        shelf,
        newest,
        log.read_tail(seen.size if seen else 0),
        read_acceptances(room.id, lfr.history_accepted),
        installed,
        approved,
        accepted.deadline,
        now,
        lowers_clock,
        site_clock_is_off,
        problems,
    )


def log_seen(lfr: AnsweredLfr, newest: IssuedKeySet) -> CheckpointFields | None:
    """L6: a site that does not know the newest key set yet takes it from the file, with each break that it states."""
    known = IssuedKeySet.objects.filter(version=lfr.key_set_version).first() if lfr.issuing_log else None
    if lfr.issuing_log is None or not newest.has_breaks or lfr.key_set_version >= newest.version:
        return lfr.issuing_log
    before = key_set_of(known).log_breaks if known else []
    return goes_on_from(lfr.issuing_log, new_breaks(before, key_set_of(newest).log_breaks))


def problems_of(plan: Plan) -> Iterator[Problem]:
    """Every rule that refuses the OLF, the cheapest to mend first. Issuing stops at the first, pre-flight shows all."""
    yield from plan.problems
    if not plan.by_purchase and not plan.problems:
        yield Problem(_nothing_granted(plan.room))
    yield from _unapproved(plan)
    yield from _below_use(plan)
    refusal = _readable(plan) or _reachable(plan) or _log_agrees(plan) or _within_limits(plan)
    if refusal:
        yield Problem(refusal)


def unanswerable(accepted: AcceptedLfr) -> Refusal | None:
    """E6: only the newest LFR, once. A release asks for nothing."""
    room = accepted.room
    if accepted.used:
        return lfr_refusals.already_used(room, accepted)
    if accepted.pk != room.newest_lfr_id:
        return lfr_refusals.superseded(room, accepted.sequence)
    if room.state == ControlRoom.State.WRITTEN_OFF:
        return lfr_refusals.written_off(room)
    if accepted.kind == RequestKind.RELEASE:
        return Refusal(
            Code.CANNOT_BE_INSTALLED,
            f"LFR {accepted.sequence} of {room.name} is a release: it asks for nothing, and no file answers it.",
            "To license the Control Room again, enable it with a new token.",
        )
    return None


def too_late(accepted: AcceptedLfr, now: datetime, *, site_clock_is_off: bool) -> Refusal | None:
    """E5: staff may state that the site's clock is off; the site still judges by its own."""
    if site_clock_is_off or accepted.deadline is None:
        return None
    return request_window(accepted.generated_at, accepted.deadline, read_windows(accepted.windows), now)


def refused_since(accepted: AcceptedLfr) -> Refusal | None:
    """E4, E6: what issuing means where a newer LFR of the site was refused, and its question is still open."""
    rows = RefusedFile.objects.filter(room=accepted.room_id, kind="lfr", resolved=False, known=True)
    newer = rows.filter(sequence__gt=accepted.sequence).defer("raw").order_by("-sequence", "-id").first()
    if newer is None:
        return None
    site = accepted.room.name
    return Refusal(
        Code.SUPERSEDED,
        f"Request #{newer.sequence} of {site} was refused here ({newer.code}). If the site made it, request "
        f"#{accepted.sequence} is void there, and a license file for it cannot be installed.",
        f"Settle the refused request first. Issue for #{accepted.sequence} only if the site confirms that it made none "
        "after it.",
    )


def _nothing_granted(room: ControlRoom) -> Refusal:
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"No lines are asked for: {room.name} could not install a file that grants nothing.",
        "Ask for at least one product. To take everything back, the site generates a release LFR.",
    )


def _ceiling(shelf: Shelf, room: ControlRoom, installed: dict[str, Had]) -> Ceiling:
    had = {purchase: installed.get(line_id(str(room.enrolment_id), purchase)) for purchase in shelf.purchases}
    lines = {purchase: (line.quantity, line.valid_until) for purchase, line in had.items() if line}
    return Ceiling(lines, lambda more: _more_than_installed(room, more))


def _more_than_installed(room: ControlRoom, more: str) -> Refusal:
    return no_approval(room.account, f"a file may not grant more or longer ({more})")


def _unapproved(plan: Plan) -> Iterator[Problem]:
    """E1, against what the LFR names as installed."""
    if plan.approved:
        return
    for purchase, line in plan.by_purchase.items():
        more = grants_more(line, plan.installed)
        if more:
            refusal = _more_than_installed(plan.room, more.words)
            yield Problem(refusal, line.sku, purchase, more.fits, more.until)


def _below_use(plan: Plan) -> Iterator[Problem]:
    """E10, units: what can never fit."""
    low = {
        purchase: (line, consumed)
        for purchase, line in plan.by_purchase.items()
        if line.metric.kind.counts_units and line.quantity < (consumed := consumed_on(line, plan.counts, plan.now))
    }
    last = _last_quantities(plan, [line.line_id for line, _ in low.values()])
    for purchase, (line, consumed) in low.items():
        problem = units_below(purchase, line, last, consumed)
        if problem:
            yield problem


def _informed(plan: Plan) -> Plan:
    """What people are told of a file that every rule allows."""
    stated = plan.lfr.lines
    plan.changes += statements(plan.installed.values(), plan.lines, plan.now)
    above = users_above(plan.lines, stated, plan.now) + reserved_above(plan.lines, stated)
    newer = refused_since(plan.accepted)
    plan.warnings += [each.refusal for each in above] + _clock_ahead(plan) + ([newer] if newer else [])
    plan.notes += _notices(plan)
    return plan


def installed_in(room: ControlRoom) -> dict[str, Had]:
    """The lines of the OLF that is confirmed, which is the one that the newest LFR names."""
    if not room.confirmed:
        return {}
    rows = LicenseLine.objects.filter(room=room, file_sequence=room.confirmed)
    product = [f"purchase__product__{name}" for name in ("sku", "name", "metric", "unit")]
    found = rows.values_list("line_id", "purchase_id", *product, "quantity", "valid_from", "valid_until")
    return {
        line: Had(line, purchase, sku, name, Metric(metric), *rest)
        for line, purchase, sku, name, metric, *rest in found
    }


def _last_quantities(plan: Plan, lines: list[str]) -> dict[str, int]:
    """What a line had last, also where it was left out since; read only where it matters."""
    if not lines:
        return {}
    confirmed = LicenseFile.State.CONFIRMED
    rows = LicenseLine.objects.filter(room=plan.room, line_id__in=lines, license_file__state=confirmed)
    return dict(rows.order_by("file_sequence").values_list("line_id", "quantity"))


def _clock_ahead(plan: Plan) -> list[Refusal]:
    """T3: the site refuses to lower its mark until its own clock is set right."""
    ahead = lowered_clock_window(plan.now, plan.lfr.clock.system, plan.site_windows) if plan.lowers_clock else None
    return [ahead] if ahead else []


def _notices(plan: Plan) -> list[str]:
    words = []
    left = plan.install_by - plan.now
    if plan.site_clock_is_off:
        words.append("Issued on the statement that the site's clock is off; the site judges by its own (E5).")
    else:
        words.append(f"It installs before {stamp(plan.install_by)} by the site's clock: {exact_span(left)} are left.")
    if plan.windows != plan.site_windows:
        others = "; ".join(differences(plan.site_windows, plan.windows))
        words.append(f"The site goes by other windows from the install on (E18): {others}.")
    if plan.lowers_clock:
        words.append("It lowers the site's clock mark to CALM's time; leases get one time to live from there (T3).")
    if plan.carried:
        words.append(f"It carries the accepted history {plan.carried[-1].number}: the site adds its units once (L2).")
    if plan.settled:
        words.append(
            f"It settles lines of units whose purchase is over ({len(plan.settled)}): the site states them no more; "
            "what was counted stays counted (Q3)."
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


def _readable(plan: Plan) -> Refusal | None:
    """E17: a version of the OLF, and of the key set in it, that both sides know."""
    form = form_for_site(plan.room.name, plan.lfr.reads, plan.brought_key_set)
    return form if isinstance(form, Refusal) else None


def _within_limits(plan: Plan) -> Refusal | None:
    """E19: what a site can read, and can live with."""
    if not plan.by_purchase:
        return None
    room, add = plan.room, pending(plan.carried, plan.lfr.history_accepted)
    stated = [line for line in plan.lfr.lines if line.line_id in plan.ends and line.line_id not in plan.settled]
    return (
        settling.forgotten(room, plan.lines)
        or limits.of_file(room.name, plan.body, add, plan.brought_key_set is not None)
        or limits.of_next_lfr(room.name, plan.lines, stated, add)
    )


def _reachable(plan: Plan) -> Refusal | None:
    """E16: a site takes the newest key set from the file only where the roots that it knows signed that. One that is
    more than one change of roots behind needs another one first; and CALM may have forgotten its roots (L6)."""
    name, version, newest = plan.room.name, plan.lfr.key_set_version, plan.key_set.version
    if version >= newest:
        return None
    row = IssuedKeySet.objects.filter(version=version).first()
    if row and takes_newest(key_set_of(row)):
        return None
    later = IssuedKeySet.objects.filter(version__gt=version).order_by("-version") if row else ()
    step = next((each.version for each in later if row and takes(key_set_of(row), each)), None)
    if step is None:
        return _lost_roots(name, version, known=row is not None)
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"{name} knows key set {version}; the roots changed more than once since, up to version {newest}.",
        f"Carry key set {step} there and install it; then bring a new LFR.",
        run=f"calm key export-set --version {step}; control-room key-set install",
    )


def _lost_roots(name: str, version: int, *, known: bool) -> Refusal:
    """L6. Its public copy lies in the site's data folder, too."""
    why = "whose roots did not sign the newest one" if known else "which CALM forgot when it was restored"
    return Refusal(
        Code.CANNOT_BE_INSTALLED,
        f"{name} knows key set {version}, {why}: it would take no file.",
        "Bring the key files of the newer roots from their safe into keys/roots, and that key set (the copy that was "
        "handed out, or key-set.jws of the site's data folder). Two people take it back; then it can be issued.",
        run="calm key take-back FILE --reason …",
    )


def _log_agrees(plan: Plan) -> Refusal | None:
    """V2: the site must have seen this very issuing log, or it would refuse the file."""
    seen = plan.log_seen
    if seen is None or plan.tail.checkpoint_at(seen.size) == seen.checkpoint:
        return None
    return Refusal(
        Code.LOG_MISMATCH,
        f"{plan.room.name} saw {seen.size} records of an issuing log that is not the one here: no file could prove "
        "to it how it was issued.",
        "If CALM was restored from a backup, two people state that, and the log goes on from there (L6). Otherwise "
        "find out who issues in the vendor's name.",
        (f"the site saw: {seen.size} records, root {seen.root[:16]}…", f"the log here has {plan.tail.size} records"),
        run="calm log resume --as-of TIME --reason …",
    )
