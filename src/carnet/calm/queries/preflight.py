"""Pre-flight: all that stands against an OLF as its numbers are typed, at once, each with the number, the site, the
reason and the value that fits.

It asks the very rules that issuing asks (`planning`), so that what passes here is issued, and nothing else is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from carnet.calm.queries import preflight as words
from carnet.calm.queries.difference import Difference, difference
from carnet.calm.queries.figures import (
    Figures,
    LineShown,
    PurchaseFigures,
    Site,
    figures_of,
    read_lines,
)
from carnet.calm.queries.rates import Dry, rates_of, runs_dry
from carnet.calm.use_cases.difference import users_above
from carnet.calm.use_cases.lfr_projection import AnsweredLfr, read_answered_lfr
from carnet.calm.use_cases.license_files import find_lfr
from carnet.calm.use_cases.planning import (
    Plan,
    draw_up,
    problems_of,
    refused_since,
    too_late,
    unanswerable,
)
from carnet.calm.use_cases.selection import Problem, Selection
from carnet.entitlements import Metric
from carnet.exchange.verdicts import Code, Refusal
from carnet.times import at_end, day
from carnet.times import until as said_until

REFUSAL, WARNING, INFO = "refusal", "warning", "info"


@dataclass(frozen=True)
class Note:
    """`fits`: the quantity that would fit there (“Set to 86”); `until`: the end that would; `own_ends`: no one end fits
    all that is asked, and each line ends with its purchase where none is typed."""

    level: str  # refusal: CALM would not issue it · warning: the site would refuse it today · info
    code: str  # of `Code`; empty for info
    sentence: str
    fits: int | None = None
    until: datetime | None = None
    own_ends: bool = False


@dataclass(frozen=True)
class Where:
    """Whom the sentences are about."""

    site: str
    account: str
    until: datetime | None


def refused(problem: Problem, row: Figures, asked: int, fits: int | None, where: Where) -> Note:
    code = problem.refusal.code
    if code is Code.OVER_ENTITLEMENT:
        sentence = _over(row, asked, fits or 0, where)
    elif code is Code.BELOW_USE:
        sentence = _below(row, asked, fits or 0, where)
    elif code is Code.OUTSIDE_PURCHASE:
        sentence, fits = _outside(problem, row), None
    elif code is Code.NO_APPROVAL:
        fits = None if problem.until and not fits else fits  # nothing reaches so far: the end is what to change
        sentence = _unapproved(row.name, fits, problem.until, where)
    else:
        sentence = f"{problem.refusal.message} {problem.refusal.next}"
    return Note(REFUSAL, code.value, sentence, fits, problem.until)


def _outside(problem: Problem, row: Figures) -> str:
    if problem.until is None:
        return f"{problem.refusal.message} {problem.refusal.next}"
    return f"The purchases of {row.name} end {at_end(problem.until)}: choose an end up to then."


def _over(row: Figures, asked: int, fits: int, where: Where) -> str:
    if not row.bought:
        return f"{where.account} has no {row.name} in force."
    if fits < row.most and where.until:
        return f"{asked - fits:,} more than are bought {said_until(where.until)}: at most {fits:,} fit until then."
    words = [f"{asked - fits:,} more than {where.account} has."]
    facts = [f"{row.bought:,} are bought"]
    if row.spent:
        facts.append(f"{row.spent:,} are spent")
    if row.elsewhere:
        facts.append(f"other sites hold {row.elsewhere:,}")
    last = f"so at most {fits:,} fit here."
    words.append(f"{' and '.join(facts)}, {last}")
    return " ".join(words)


def refused_later(line: PurchaseFigures, name: str, asked: int, problem: Problem, most: int, where: Where) -> Note:
    """A line that starts later."""
    code = problem.refusal.code
    if code is Code.OVER_ENTITLEMENT:
        words = f"{line.bought:,} are bought and other sites hold {line.elsewhere:,}."
        return Note(REFUSAL, code.value, f"{asked - line.most:,} more than {where.account} has. {words}", most)
    if code is Code.NO_APPROVAL:
        return Note(REFUSAL, code.value, _unapproved(name, most, problem.until, where), most, problem.until)
    sentence = (
        f"This purchase runs from {day(line.valid_from)}, {said_until(line.valid_until)}: choose an end within it."
    )
    return Note(REFUSAL, code.value, sentence, None, problem.until)


def _below(row: Figures, asked: int, fits: int, where: Where) -> str:
    used = row.metric.kind.counted(max(row.in_use, fits), row.unit)
    return (
        f"{fits - asked:,} too few. {used} are used at {where.site} and "
        "do not come back, so the site would refuse this file. "
        f"Grant {fits:,} or more, or 0 to take the product away."
    )


def _unapproved(name: str, fits: int | None, until: datetime | None, where: Where) -> str:
    head = f"{where.account} has no approval in force: a file may not grant more or longer than what is installed."
    if until:
        return f"{head} That ends {at_end(until)}."
    return f"{head} That is {fits or 0:,} {name}."


def below_use(problem: Problem, row: Figures, asked: int, where: Where) -> Note:
    """E10, users and seats: the site could still free them, so CALM does not refuse it."""
    used = problem.fits or 0
    fits = used if used <= row.most else None
    holders = row.metric.kind.holders
    holds = holders.holding(used) if holders else f"{used:,} are used"
    head = f"{used - asked:,} too few. {holds} at {where.site}, so the site would refuse this file."
    way = f"Grant {used:,} or more, or free {used - asked:,} there and make a new request."
    if fits is None:
        way = f"Free {used - asked:,} there and make a new request: no more than {row.most:,} fit."
    return Note(WARNING, Code.BELOW_USE.value, f"{head} {way}", fits)


def changed(row: Figures, asked: int, dry: Dry | None) -> Note | None:
    """What a change means, where it is well."""
    more = asked - row.granted
    if not more:
        return None
    if row.metric.kind.counts_units:
        many = row.metric.kind.counted(abs(more), row.unit)
        words = [f"{many} more." if more > 0 else f"{many} fewer."]
        if row.in_use:
            words.append(f"{row.in_use:,} are used and stay counted.")
        if dry:
            words.append(f"At {dry.a_day:,} a day the site would run out about {day(dry.at)}.")
        return Note(INFO, "", " ".join(words))
    if more < 0 and row.metric.kind.has_quantity:
        return Note(INFO, "", f"{-more:,} fewer. They stay held until the site confirms.")
    return None


@dataclass(frozen=True)
class AskedRow:
    """One field of the form. `purchase` names a line that starts later; empty: the product as a whole."""

    sku: str
    purchase: str
    name: str
    metric: Metric
    unit: str
    asked: int
    left_after: int
    changed: bool
    note: Note | None

    @property
    def level(self) -> str:
        return self.note.level if self.note else ""


@dataclass(frozen=True)
class Preflight:
    lfr: str
    rows: tuple[AskedRow, ...]
    whole: tuple[Refusal, ...]  # of the file as a whole: too late, nothing asked for, and the like
    difference: Difference
    latest_until: datetime | None  # E: the last end at which the quantities asked for still fit
    newer_refused: Refusal | None = None  # E6: what issuing means while a newer request is refused
    asks_nothing: bool = False  # no quantity is asked for yet

    @property
    def refusals(self) -> int:
        """How many things CALM would refuse."""
        return len(self.whole) + sum(row.level == REFUSAL for row in self.rows)

    @property
    def warnings(self) -> int:
        """How many things the site would refuse today."""
        return sum(row.level == WARNING for row in self.rows) + (self.newer_refused is not None)

    @property
    def changed(self) -> int:
        return sum(row.changed for row in self.rows)


NOTHING = Difference((), 0, None)


def preflight(lfr_id: str, asked: Selection, now: datetime, *, site_clock_is_off: bool = False) -> Preflight:
    """Raises UsageError where there is no such LFR, or no such purchase."""
    row = find_lfr(lfr_id)
    refusal = unanswerable(row)
    if refusal:
        return Preflight(lfr_id, (), (refusal,), NOTHING, None)
    lfr = read_answered_lfr(row)
    plan = draw_up(row, lfr, asked, now, site_clock_is_off=site_clock_is_off)
    late = too_late(row, now, site_clock_is_off=site_clock_is_off)
    problems = list(problems_of(plan))
    whole = [late] if late else []
    whole += [problem.refusal for problem in problems if not problem.sku]
    installed = read_lines(plan.room.id, [plan.room.confirmed])
    figures = figures_of(_site(plan, lfr, installed))
    rates = rates_of(plan.room, row)
    rows = tuple(_rows(plan, asked, figures, [problem for problem in problems if problem.sku], rates))
    latest = latest_until(figures, asked)
    if asked.until and latest is None:
        rows = tuple(replace(row, note=_without_one_end(row.note)) for row in rows)
    changes = difference(installed, plan.lines, figures, plan.room.account.name, now)
    asks_nothing = not any((*asked.products.values(), *asked.lines.values()))
    return Preflight(lfr_id, rows, tuple(whole), changes, latest, refused_since(row), asks_nothing)


def _site(plan: Plan, lfr: AnsweredLfr, installed: tuple[LineShown, ...]) -> Site:
    return Site(str(plan.room.enrolment_id), plan.shelf, installed, tuple(lfr.lines), plan.counts)


def _rows(
    plan: Plan, asked: Selection, figures: tuple[Figures, ...], problems: list[Problem], rates: Mapping[str, float]
) -> Iterator[AskedRow]:
    where = Where(plan.room.name, plan.room.account.name, asked.until)
    above = {problem.sku: problem for problem in users_above(plan.lines, plan.lfr.lines, plan.now)}
    known = {row.sku for row in figures}
    for row in (*figures, *_unknown(problems, known)):
        live = {line.purchase for line in row.purchases}
        quantity = asked.products.get(row.sku, 0) + sum(q for purchase, q in asked.lines.items() if purchase in live)
        own = [p for p in problems if p.sku == row.sku and (p.purchase not in asked.lines or p.purchase in live)]
        dry = runs_dry(row, quantity, rates.get(row.sku, 0), plan.now)
        note = (
            _refused(row, quantity, own, plan, asked)
            if own
            else _allowed(row, quantity, above.get(row.sku), dry, where)
        )
        yield AskedRow(
            row.sku,
            "",
            row.name,
            row.metric,
            row.unit,
            quantity,
            row.left_after(quantity),
            quantity != row.granted,
            note,
        )
        for line in row.later:
            own = [problem for problem in problems if problem.purchase == line.purchase]
            yield _later(row, line, asked.lines.get(line.purchase, 0), own, plan, where)


def _unknown(problems: list[Problem], known: set[str]) -> list[Figures]:
    """Products that are asked for and were never bought: a row that says so."""
    skus, metric = {problem.sku for problem in problems} - known, next(iter(Metric))
    return [Figures(sku, sku, metric, sku, 0, 0, 0, 0, 0, 0, 0, 0, (), ()) for sku in sorted(skus)]


def _refused(row: Figures, quantity: int, problems: list[Problem], plan: Plan, asked: Selection) -> Note:
    """One for each product: the first, with all of its kind."""
    first = problems[0]
    same = [problem for problem in problems if problem.refusal.code == first.refusal.code]
    where = Where(plan.room.name, plan.room.account.name, asked.until)
    return words.refused(first, row, quantity, _fits(row, same, quantity, plan, asked), where)


def _allowed(row: Figures, quantity: int, above: Problem | None, dry: Dry | None, where: Where) -> Note | None:
    return words.below_use(above, row, quantity, where) if above else words.changed(row, quantity, dry)


def _fits(row: Figures, problems: list[Problem], quantity: int, plan: Plan, asked: Selection) -> int | None:
    """The quantity of the product that fits, where problems are of single purchases."""
    first = problems[0]
    if first.refusal.code is Code.NO_APPROVAL and not first.until:
        return row.kept
    fits = first.fits
    if first.purchase and fits is not None:
        had = {purchase: line.quantity for purchase, line in plan.by_purchase.items()} | dict(asked.lines)
        fits = quantity + sum((p.fits or 0) - had[p.purchase] for p in problems if p.purchase in had)
    return fits if plan.approved or fits is None else min(fits, row.kept)


def _later(
    row: Figures, line: PurchaseFigures, quantity: int, problems: list[Problem], plan: Plan, where: Where
) -> AskedRow:
    most = line.most if plan.approved else min(line.most, line.installed)
    note = words.refused_later(line, row.name, quantity, problems[0], most, where) if problems else None
    left = line.bought - line.spent - line.elsewhere - quantity
    changed = quantity != line.installed
    return AskedRow(row.sku, line.purchase, row.name, row.metric, row.unit, quantity, left, changed, note)


def latest_until(figures: tuple[Figures, ...], asked: Selection) -> datetime | None:
    """The last end that the purchases allow for these quantities; with nothing asked for, the last that there is."""
    limits = [limit for row in figures if (limit := _reach(row.purchases, asked.products.get(row.sku, 0)))]
    by_id: Mapping[str, PurchaseFigures] = {
        line.purchase: line for row in figures for line in (*row.purchases, *row.later)
    }
    limits += [by_id[purchase].valid_until for purchase, units in asked.lines.items() if units and purchase in by_id]
    if limits:
        return None if _begins_after(figures, asked, min(limits)) else min(limits)
    return max((line.valid_until for row in figures for line in row.purchases), default=None)


def _begins_after(figures: tuple[Figures, ...], asked: Selection, end: datetime) -> bool:
    """No one end fits lines that follow one another."""
    return any(asked.lines.get(line.purchase) and line.valid_from >= end for row in figures for line in row.later)


def _without_one_end(note: Note | None) -> Note | None:
    """Where no one end fits: no end is proposed, which another line would refuse."""
    if note is None or note.code != Code.OUTSIDE_PURCHASE.value:
        return note
    sentence = "No one end fits lines that follow one another. Leave the end empty: each line ends with its purchase."
    return replace(note, sentence=sentence, fits=None, until=None, own_ends=True)


def _reach(purchases: tuple[PurchaseFigures, ...], quantity: int) -> datetime | None:
    wanted = quantity
    for line in reversed(purchases):
        wanted -= line.most
        if quantity and wanted <= 0:
            return line.valid_until
    return None
