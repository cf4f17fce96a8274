"""What would be answered to whoever asks: by the very functions that decide."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal

from carnet.control_room.authority.grant import count_in_use, granted, lines_of, products, remaining
from carnet.control_room.authority.run_out import pace
from carnet.control_room.authority.state import State
from carnet.control_room.granting.features import check_feature
from carnet.control_room.granting.rules import may_take
from carnet.control_room.granting.seats import may_acquire, may_renew
from carnet.control_room.granting.units import draw_units
from carnet.control_room.granting.users import check_assign, check_user
from carnet.entitlements import Line, Metric
from carnet.exchange.verdicts import Code, Refusal

_SOMEBODY = "somebody new"
_Said = tuple[Literal["granted", "refused", "kept"], str, str, bool]  # answer, code, why, likely
_ALWAYS: _Said = ("granted", "", "Giving back is always granted.", False)


@dataclass(frozen=True)
class Asked:
    what: str
    products: list[str]  # their names
    answer: Literal["granted", "refused", "kept"]
    code: str  # of a refusal
    why: str
    likely: bool = False  # at the pace of the last 30 days: it need not come so


def asked(state: State, on: datetime, now: datetime) -> list[Asked]:
    """`state` as it would be; who holds what is as it is now, as nobody knows better."""
    found: dict[tuple[str, _Said], list[str]] = {}
    for what, metric, say in _QUESTIONS:
        for line in sorted(products(state).values(), key=lambda line: line.name):
            if line.metric is metric:
                for said in say(state, line, on, now):
                    found.setdefault((what, said), []).append(line.name)
    return [Asked(what, names, *said) for (what, said), names in found.items()]


def _assign(state: State, line: Line, on: datetime, _: datetime) -> Iterator[_Said]:
    grant = may_take(state, line.sku, Metric.NAMED_USER, on)
    count = len(state.users.of(line.sku))
    refusal = grant if isinstance(grant, Refusal) else check_assign(grant, _SOMEBODY, count)
    yield _said(refusal) if refusal else ("granted", "", "", False)


def _hold(state: State, line: Line, on: datetime, _: datetime) -> Iterator[_Said]:
    """The last who came stands for all: whoever came earlier is covered before (Q4)."""
    roll = state.users.roll(line.sku)
    for _number, last in islice(roll.newest(), 1):
        answer = check_user(state, line.sku, last, on)
        count, limit = len(roll), granted(lines_of(state), line.sku, on)
        yield _part(answer, count, limit) if isinstance(answer, Refusal) else ("kept", "", "", False)


def _acquire(state: State, line: Line, on: datetime, now: datetime) -> Iterator[_Said]:
    grant = may_acquire(state, line.sku, on, running=count_in_use(state, line.sku, now))
    yield _said(grant) if isinstance(grant, Refusal) else ("granted", "", "", False)


def _renew(state: State, line: Line, on: datetime, now: datetime) -> Iterator[_Said]:
    running, limit = count_in_use(state, line.sku, now), granted(lines_of(state), line.sku, on)
    refusal = may_renew(state, line.sku, "the last who came", on, covered=running <= limit and limit > 0)
    yield _part(refusal, running, limit) if refusal else ("granted", "", "", False)


def _consume(state: State, line: Line, on: datetime, now: datetime) -> Iterator[_Said]:
    drawn = draw_units(state, line.sku, 1, on)
    if isinstance(drawn, Refusal):
        yield _said(drawn)
        return
    end = pace(state, line.sku, now, 30).runs_out_at if line.sku in state.tallies else None
    if end and end <= on:
        why = f"At the pace of the last 30 days they run out about {end:%Y-%m-%d}."
        yield ("refused", Code.EXHAUSTED.value, why, True)
        return
    left = f"{remaining(state, line.sku, on):,} {line.unit} are left, less what is used until then."
    yield ("granted", "", left, False)


def _feature(state: State, line: Line, on: datetime, _: datetime) -> Iterator[_Said]:
    answer = check_feature(state, line.sku, on)
    yield _said(answer) if isinstance(answer, Refusal) else ("granted", "", "", False)


def _give_back(_: State, __: Line, ___: datetime, ____: datetime) -> Iterator[_Said]:
    yield _ALWAYS


_QUESTIONS: tuple[tuple[str, Metric, Callable[[State, Line, datetime, datetime], Iterator[_Said]]], ...] = (
    ("Assign a person", Metric.NAMED_USER, _assign),
    ("People who hold a license", Metric.NAMED_USER, _hold),
    ("Take a new seat", Metric.CONCURRENT, _acquire),
    ("Renew a running seat", Metric.CONCURRENT, _renew),
    ("Give back a seat", Metric.CONCURRENT, _give_back),
    ("Use units", Metric.CONSUMABLE, _consume),
    ("Use a feature", Metric.FEATURE, _feature),
)


def _said(refusal: Refusal) -> _Said:
    return "refused", refusal.code.value, refusal.message, False


def _part(refusal: Refusal, count: int, limit: int) -> _Said:
    """Q4: where only those who came last are refused, how many that are."""
    if refusal.code is not Code.NOT_COVERED:
        return _said(refusal)
    why = f"{count - limit:,} of {count:,}: only the earliest {limit:,} are covered."
    return "refused", refusal.code.value, why, False
