"""Pre-flight: all that stands against an OLF as its numbers are typed, at once, each with the value that fits.

It asks the very rules that issuing asks (`planning`), so that what passes here is issued, and nothing else is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from carnet.calm.issuing.answered import AnsweredRequest, read_answered
from carnet.calm.issuing.asking import Asked, Problem
from carnet.calm.issuing.difference import users_above
from carnet.calm.issuing.license_files import find_request
from carnet.calm.issuing.planning import Plan, draw_up, problems_of, too_late, unanswerable
from carnet.calm.overview import pre_flight_words as words
from carnet.calm.overview.difference import Difference, Granted, difference
from carnet.calm.overview.figures import Figures, LineShown, PurchaseFigures, Site, figures_of, read_lines
from carnet.calm.overview.pre_flight_words import REFUSAL, WARNING, Note, Where
from carnet.calm.overview.rates import Dry, rates_of, runs_dry
from carnet.exchange.verdicts import Code, Refusal


@dataclass(frozen=True)
class AskedRow:
    """One field of the form. `purchase` names a line that starts later; empty: the product as a whole."""

    sku: str
    purchase: str
    name: str
    metric: str
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
    request: str
    rows: tuple[AskedRow, ...]
    whole: tuple[Refusal, ...]  # of the file as a whole: too late, nothing asked for, and the like
    difference: Difference
    latest_until: datetime | None  # E: the last end at which the quantities asked for still fit

    @property
    def refusals(self) -> int:
        """How many things CALM would refuse."""
        return len(self.whole) + sum(row.level == REFUSAL for row in self.rows)

    @property
    def warnings(self) -> int:
        """How many things the site would refuse today."""
        return sum(row.level == WARNING for row in self.rows)

    @property
    def changed(self) -> int:
        return sum(row.changed for row in self.rows)


NOTHING = Difference((), 0, None)


def preflight(request: str, asked: Asked, now: datetime, *, site_clock_is_off: bool = False) -> Preflight:
    """Raises UsageError where there is no such LFR, or no such purchase."""
    row = find_request(request)
    refusal = unanswerable(row)
    if refusal:
        return Preflight(request, (), (refusal,), NOTHING, None)
    lfr = read_answered(row)
    plan = draw_up(row, lfr, asked, now, site_clock_is_off=site_clock_is_off)
    late = too_late(lfr, now, site_clock_is_off=site_clock_is_off)
    problems = list(problems_of(plan))
    whole = [late] if late else []
    whole += [problem.refusal for problem in problems if not problem.sku]
    installed = read_lines(plan.room.id, [plan.room.confirmed])
    figures = figures_of(_site(plan, lfr, installed))
    rates = rates_of(plan.room, row)
    rows = tuple(_rows(plan, asked, figures, [problem for problem in problems if problem.sku], rates))
    new = [Granted(line.sku, line.quantity, line.valid_from, line.valid_until) for line in plan.lines]
    changes = difference(granted(installed), new, figures, plan.room.account.name, now)
    return Preflight(request, rows, tuple(whole), changes, latest_until(figures, asked))


def _site(plan: Plan, lfr: AnsweredRequest, installed: tuple[LineShown, ...]) -> Site:
    return Site(str(plan.room.enrolment_id), plan.shelf, installed, tuple(lfr.lines), plan.counts)


def granted(lines: tuple[LineShown, ...]) -> list[Granted]:
    return [Granted(line.sku, line.quantity, line.valid_from, line.valid_until) for line in lines]


def _rows(
    plan: Plan, asked: Asked, figures: tuple[Figures, ...], problems: list[Problem], rates: Mapping[str, float]
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
    skus = {problem.sku for problem in problems} - known
    return [Figures(sku, sku, "named_user", sku, 0, 0, 0, 0, 0, 0, 0, 0, (), ()) for sku in sorted(skus)]


def _refused(row: Figures, quantity: int, problems: list[Problem], plan: Plan, asked: Asked) -> Note:
    """One for each product: the first, with all of its kind."""
    first = problems[0]
    same = [problem for problem in problems if problem.refusal.code == first.refusal.code]
    where = Where(plan.room.name, plan.room.account.name, asked.until)
    return words.refused(first, row, quantity, _fits(row, same, quantity, plan, asked), where)


def _allowed(row: Figures, quantity: int, above: Problem | None, dry: Dry | None, where: Where) -> Note | None:
    return words.below_use(above, row, quantity, where) if above else words.changed(row, quantity, dry)


def _fits(row: Figures, problems: list[Problem], quantity: int, plan: Plan, asked: Asked) -> int | None:
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


def latest_until(figures: tuple[Figures, ...], asked: Asked) -> datetime | None:
    """The last end that the purchases allow for these quantities; with nothing asked for, the last that there is."""
    limits = [limit for row in figures if (limit := _reach(row.purchases, asked.products.get(row.sku, 0)))]
    by_id: Mapping[str, PurchaseFigures] = {
        line.purchase: line for row in figures for line in (*row.purchases, *row.later)
    }
    limits += [by_id[purchase].valid_until for purchase, units in asked.lines.items() if units and purchase in by_id]
    if limits:
        return min(limits)
    return max((line.valid_until for row in figures for line in row.purchases), default=None)


def _reach(purchases: tuple[PurchaseFigures, ...], quantity: int) -> datetime | None:
    wanted = quantity
    for line in reversed(purchases):
        wanted -= line.most
        if quantity and wanted <= 0:
            return line.valid_until
    return None
