"""What a license file would change, row by row, and what stands against it: as the engine says, in the page's words."""

from dataclasses import dataclass
from datetime import datetime

from carnet.control_room.queries.license_preview import PreviewAnswer, ToFree, UnitsShort
from carnet.control_room.queries.status import Status
from carnet.control_room.rules.activation.fit import Change, StillReserved
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
    later: list[str]  # what becomes less under the file, in words (S)

    @property
    def until_result(self) -> str:
        return f"{words.signed(self.days)} days" if self.days is not None else "new"


def changes(answer: PreviewAnswer, status: Status) -> Changes:
    until = max(line.valid_until for line in answer.lines)
    was = status.installed.valid_until if status.installed else None
    rows = [_row(each, answer) for each in answer.changes if not _is_same(each, answer)]
    return Changes(
        rows,
        len(answer.changes) - len(rows),
        was,
        until,
        (until.date() - was.date()).days if was else None,
        _title(answer) if answer.refused and answer.refused.code == Code.DOES_NOT_FIT else "",
        [
            *(_too_few(each) for each in answer.to_free),
            *(_still_reserved(each) for each in answer.still_reserved),
            *(_too_small(each) for each in answer.units_short),
        ],
        sum(each.count for each in answer.to_free),
        [coming.words for change in answer.changes for coming in change.changes if coming.announced],
    )


def _is_same(change: Change, answer: PreviewAnswer) -> bool:
    troubled = {each.sku for found in (answer.to_free, answer.units_short, answer.still_reserved) for each in found}
    return change.was == change.now and not change.coming and not change.note and change.sku not in troubled


def _row(change: Change, answer: PreviewAnswer) -> Row:
    kind, result = change.metric.kind, _result(change, answer)
    was, new = kind.amount(change.was), kind.amount(change.now)
    if not kind.has_quantity:
        return Row(change.name, "", was, new, None, *result, _note(change))
    return Row(change.name, change.unit, was, new, change.used, *result, _note(change))


def _note(change: Change) -> str:
    return "; ".join(part for part in (*change.later, change.note) if part)


def _result(change: Change, answer: PreviewAnswer) -> tuple[str, str]:
    """In words, and its tone."""
    few = next((each for each in answer.to_free if each.sku == change.sku), None)
    if few:
        return f"{words.number(few.count)} to free first", "bad"
    if any(each.sku == change.sku for each in answer.units_short):
        return "fewer than were used", "bad"
    if any(each.sku == change.sku for each in answer.still_reserved):
        return "reserved: settle or cancel first", "bad"
    if change.was == change.now:
        return ("fits" if change.later else "unchanged, fits"), "ok"
    if not change.metric.kind.has_quantity:
        return ("comes", "ok") if change.now else ("goes", "warn")
    return f"{words.signed(change.now - change.was)}, fits", "ok"


def _title(answer: PreviewAnswer) -> str:
    if answer.units_short:
        return "Does not fit: a new request is needed"
    free = " and ".join(f"{words.number(each.count)} {each.name}" for each in answer.to_free)
    acts = [f"free {free}"] if free else []
    acts += [f"settle or cancel what is reserved of {each.name}" for each in answer.still_reserved]
    return f"Does not fit yet: {' and '.join(acts)}"


def _too_few(few: ToFree) -> str:
    allows = f"{few.name}: the file allows {words.number(few.granted)}."
    holders = few.metric.kind.holders
    return f"{allows} {holders.holding(few.in_use)} now." if holders else allows


def _still_reserved(open_one: StillReserved) -> str:
    return f"{open_one.name}: the file leaves out a line of which {open_one.words} are reserved."


def _too_small(short: UnitsShort) -> str:
    told = "%(name)s: the file allows %(granted)s %(unit)s. %(used)s were used or are reserved."
    said = {"name": short.name, "unit": short.unit, "granted": words.number(short.granted)}
    return told % (said | {"used": words.number(short.consumed)})
