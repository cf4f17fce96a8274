"""S, Q4: what a change of what is granted means for those who use the product here."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from carnet.control_room.rules.grant import count_in_use, taken
from carnet.control_room.state.state import State
from carnet.entitlements import Change, Line, announced, shares
from carnet.times import earlier

SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class ChangeView:
    """A change of what is granted of a product. `words`: the whole of it in a sentence or two."""

    sku: str
    when: datetime  # the first moment of `after`, days of grace included
    ends: datetime  # the end of the lines that cause it, their grace left out
    before: int
    after: int
    uncovered: int  # Q4: of those who hold one now
    lapses: int  # units: what is left then of the lines that end, if no more are used
    announced: bool  # S: it lowers, and not with the license's own end
    words: str


def view_of(state: State, lines: list[Line], change: Change, end: datetime, held_at: datetime) -> ChangeView:
    """`lines`: all of the license out of which the change follows: the installed one, or one that is looked at.
    `end`: of that license. `held_at`: when those are counted who hold one."""
    using, lapses = _not_covered(state, change, held_at), _lapsing(state, lines, change, held_at)
    words = " ".join(part for part in (change.sentence, _means(state, change, using, lapses, held_at)) if part)
    told = bool(announced([change], end))
    return ChangeView(change.sku, change.when, change.ends, change.before, change.after, using, lapses, told, words)


def _means(state: State, change: Change, uncovered: int, lapses: int, held_at: datetime) -> str:
    if uncovered:
        return f"Not covered then: {uncovered:,} of the {count_in_use(state, change.sku, held_at):,} in use."
    return f"What is left then lapses: at most {lapses:,}." if lapses else ""


def _not_covered(state: State, change: Change, held_at: datetime) -> int:
    if not change.lowers or change.metric.kind.holders is None:
        return 0
    return max(0, count_in_use(state, change.sku, held_at) - change.after)


def _lapsing(state: State, lines: list[Line], change: Change, held_at: datetime) -> int:
    """Q2: units of the lines that count no more from then on. Of a period that has not begun, all of it."""
    if not change.lowers or not change.metric.kind.counts_units:
        return 0
    last = max(held_at, earlier(change.when, SECOND))
    ending = [share for share in shares(lines, change.sku, last) if share.line.ends == change.when]
    return sum(max(0, share.quantity - taken(state, share.line, last)) for share in ending)
