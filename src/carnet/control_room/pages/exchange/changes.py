"""What a license file would change, row by row, and what stands against it: as the engine says, in the page's words."""

from dataclasses import dataclass
from datetime import datetime

from carnet.control_room.queries.license_preview import PreviewAnswer, ToFree, UnitsShort
from carnet.control_room.queries.status import ProductView, Status
from carnet.control_room.rules.activation.fit import Change
from carnet.entitlements import Metric
from carnet.exchange.verdicts import Code
from carnet.web_kit import words


@dataclass(frozen=True)
class Row:
    name: str
    unit: str
    was: str
    new: str
    in_use: int | None
    result: str
    tone: str
    note: str


@dataclass(frozen=True)
class Changes:
    rows: list[Row]
    unchanged: int  # products that stay as they are, and have no row
    until_was: datetime | None
    until: datetime
    days: int | None  # between the two
    title: str  # of the verdict, where it does not fit yet; empty otherwise
    happened: list[str]
    to_free: int

    @property
    def until_result(self) -> str:
        return f"{words.signed(self.days)} days" if self.days is not None else "new"


def changes(answer: PreviewAnswer, status: Status) -> Changes:
    now = {product.sku: product for product in status.products}
    units = {line.sku: (line.metric, line.unit) for line in answer.lines}
    until = max(line.valid_until for line in answer.lines)
    was = status.installed.valid_until if status.installed else None
    rows = [_row(each, answer, now.get(each.sku), units) for each in answer.changes if not _is_same(each, answer)]
    return Changes(
        rows,
        len(answer.changes) - len(rows),
        was,
        until,
        (until.date() - was.date()).days if was else None,
        _title(answer) if answer.refused and answer.refused.code == Code.DOES_NOT_FIT else "",
        [*(_too_few(each) for each in answer.to_free), *(_too_small(each) for each in answer.units_short)],
        sum(each.count for each in answer.to_free),
    )


def _is_same(change: Change, answer: PreviewAnswer) -> bool:
    troubled = {each.sku for each in answer.to_free} | {each.sku for each in answer.units_short}
    return change.was == change.now and not change.later and not change.note and change.sku not in troubled


def _row(change: Change, answer: PreviewAnswer, now: ProductView | None, units: dict[str, tuple[Metric, str]]) -> Row:
    metric, unit = units.get(change.sku, (Metric(now.metric) if now else Metric.FEATURE, now.unit if now else ""))
    if metric is Metric.FEATURE:
        was, new = ("on" if count else "off" for count in (change.was, change.now))
        return Row(change.name, "", was, new, None, *_result(change, answer, metric), change.note)
    in_use = now.consumed + now.reserved if now and metric is Metric.CONSUMABLE else change.in_use
    was, new = words.number(change.was), words.number(change.now)
    return Row(change.name, unit, was, new, in_use, *_result(change, answer, metric), _note(change))


def _note(change: Change) -> str:
    later = f"{words.signed(change.later)} more later" if change.later else ""
    return "; ".join(part for part in (later, change.note) if part)


def _result(change: Change, answer: PreviewAnswer, metric: Metric) -> tuple[str, str]:
    """In words, and its tone."""
    few = next((each for each in answer.to_free if each.sku == change.sku), None)
    if few:
        return f"{words.number(few.count)} to free first", "bad"
    if any(each.sku == change.sku for each in answer.units_short):
        return "fewer than were used", "bad"
    if change.was == change.now:
        return "unchanged, fits", "ok"
    if metric is Metric.FEATURE:
        return ("comes", "ok") if change.now else ("goes", "warn")
    return f"{words.signed(change.now - change.was)}, fits", "ok"


def _title(answer: PreviewAnswer) -> str:
    if answer.units_short:
        return "Does not fit: a new request is needed"
    what = [f"{words.number(each.count)} {each.name}" for each in answer.to_free]
    return "Does not fit yet: free {what}".format(what=" and ".join(what))


def _too_few(few: ToFree) -> str:
    allows = f"{few.name}: the file allows {words.number(few.granted)}."
    if few.metric == Metric.NAMED_USER:
        hold = "%(n)s person holds one now." if few.in_use == 1 else "%(n)s people hold one now."
    else:
        hold = "%(n)s seat is in use now." if few.in_use == 1 else "%(n)s seats are in use now."
    return f"{allows} {hold % {'n': words.number(few.in_use)}}"


def _too_small(short: UnitsShort) -> str:
    told = "%(name)s: the file allows %(granted)s %(unit)s. %(used)s were used or are reserved."
    said = {"name": short.name, "unit": short.unit, "granted": words.number(short.granted)}
    return told % (said | {"used": words.number(short.consumed)})
