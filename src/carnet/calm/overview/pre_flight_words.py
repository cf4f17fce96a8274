"""What pre-flight says of one product: the number, the site, the reason, the value that fits."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from carnet.calm.issuing.asking import Problem
from carnet.calm.overview.figures import Figures, PurchaseFigures
from carnet.calm.overview.rates import Dry
from carnet.calm.overview.words import counted, day
from carnet.entitlements import Metric
from carnet.exchange.verdicts import Code

REFUSAL, WARNING, INFO = "refusal", "warning", "info"


@dataclass(frozen=True)
class Note:
    """`fits`: the quantity that would fit there (“Set to 86”); `until`: the end that would."""

    level: str  # refusal: CALM would not issue it · warning: the site would refuse it today · info
    code: str  # of `Code`; empty for info
    sentence: str
    fits: int | None = None
    until: datetime | None = None


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
    words = _("The purchases of {name} end {day}: choose an end up to then.")
    return words.format(name=row.name, day=day(problem.until))


def _over(row: Figures, asked: int, fits: int, where: Where) -> str:
    if not row.bought:
        return _("{account} has no {name} in force.").format(account=where.account, name=row.name)
    if fits < row.most and where.until:
        return _("{more:,} more than reach to {day}: at most {fits:,} fit until then.").format(
            more=asked - fits, day=day(where.until), fits=fits
        )
    words = [_("{more:,} more than {account} has.").format(more=asked - fits, account=where.account)]
    facts = [_("{bought:,} are bought").format(bought=row.bought)]
    if row.spent:
        facts.append(_("{spent:,} are spent").format(spent=row.spent))
    if row.elsewhere:
        facts.append(_("other sites hold {held:,}").format(held=row.elsewhere))
    last = _("so at most {fits:,} fit here.").format(fits=fits)
    words.append(f"{_(' and ').join(facts)}, {last}")
    return " ".join(words)


def refused_later(line: PurchaseFigures, name: str, asked: int, problem: Problem, most: int, where: Where) -> Note:
    """A line that starts later."""
    code = problem.refusal.code
    if code is Code.OVER_ENTITLEMENT:
        words = _("{more:,} more than {account} has. {bought:,} are bought and other sites hold {held:,}.")
        facts = {"more": asked - line.most, "bought": line.bought, "held": line.elsewhere}
        return Note(REFUSAL, code.value, words.format(account=where.account, **facts), most)
    if code is Code.NO_APPROVAL:
        return Note(REFUSAL, code.value, _unapproved(name, most, problem.until, where), most, problem.until)
    words = _("This purchase runs from {start} to {end}: choose an end within it.")
    sentence = words.format(start=day(line.valid_from), end=day(line.valid_until))
    return Note(REFUSAL, code.value, sentence, None, problem.until)


def _below(row: Figures, asked: int, fits: int, where: Where) -> str:
    return _(
        "{few:,} too few. {used} are used at {site} and do not come back, so the site would refuse this file. "
        "Grant {fits:,} or more, or 0 to take the product away."
    ).format(few=fits - asked, used=counted(row.metric, row.unit, max(row.in_use, fits)), site=where.site, fits=fits)


def _unapproved(name: str, fits: int | None, until: datetime | None, where: Where) -> str:
    head = _("{account} has no approval in force: a file may not grant more or longer than what is installed.").format(
        account=where.account
    )
    if until:
        return f"{head} " + _("That ends {day}.").format(day=day(until))
    return f"{head} " + _("That is {fits:,} {name}.").format(fits=fits or 0, name=name)


def below_use(problem: Problem, row: Figures, asked: int, where: Where) -> Note:
    """E10, users and seats: the site could still free them, so it is no refusal of CALM's."""
    used = problem.fits or 0
    fits = used if used <= row.most else None
    if row.metric == Metric.NAMED_USER:
        holds = _("1 person holds one") if used == 1 else _("{used:,} people hold one").format(used=used)
    else:
        holds = _("1 is in use") if used == 1 else _("{used:,} are in use").format(used=used)
    head = _("{few:,} too few. {holds} at {site}, so the site would refuse this file.").format(
        few=used - asked, holds=holds, site=where.site
    )
    way = _("Grant {used:,} or more, or free {few:,} there and make a new request.")
    if fits is None:
        way = _("Free {few:,} there and make a new request: no more than {most:,} fit.")
    words = way.format(used=used, few=used - asked, most=row.most)
    return Note(WARNING, Code.BELOW_USE.value, f"{head} {words}", fits)


def changed(row: Figures, asked: int, dry: Dry | None) -> Note | None:
    """What a change means, where it is well."""
    more = asked - row.granted
    if not more:
        return None
    if row.metric == Metric.CONSUMABLE:
        head = _("{many} more.") if more > 0 else _("{many} fewer.")
        words = [head.format(many=counted(row.metric, row.unit, abs(more)))]
        if row.in_use:
            words.append(_("{used:,} are used and stay counted.").format(used=row.in_use))
        if dry:
            runs = _("At {rate:,} a day the site would run out about {day}.")
            words.append(runs.format(rate=dry.a_day, day=day(dry.at)))
        return Note(INFO, "", " ".join(words))
    if more < 0 and row.metric != Metric.FEATURE:
        return Note(INFO, "", _("{fewer:,} fewer. They stay held until the site confirms.").format(fewer=-more))
    return None
