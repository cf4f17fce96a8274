"""E9: two sets of lines, compared by what they grant at each moment and not by their lists."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.entitlements import Metric
from carnet.entitlements.comparison import Step, compare, quantity_at, statements

pytestmark = pytest.mark.rule("E9")
NOW = datetime(2027, 9, 1, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
END = datetime(2027, 12, 1, tzinfo=UTC)
NEXT = datetime(2028, 12, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Part:
    quantity: int
    valid_from: datetime = NOW - 300 * DAY
    valid_until: datetime = END
    sku: str = "bot-creator"
    name: str = "Bot Creator"
    metric: Metric = Metric.NAMED_USER
    unit: str = "user"


def later(quantity: int, start: datetime = END, end: datetime = NEXT) -> Part:
    return Part(quantity, start, end)


def steps(before: list[Part], after: list[Part]) -> list[Step]:
    return [step for change in compare(before, after, NOW) for step in change.steps]


def test_fewer_from_a_later_day_on_is_compared_with_what_ends_that_day() -> None:
    assert steps([Part(30)], [Part(30), later(5)]) == [Step(30, 5, END)]
    assert statements([Part(30)], [Part(30), later(5)], NOW) == (
        "Bot Creator: 30 → 5 from 2027-12-01 (−25); until the end of 2028-11-30 (UTC) "
        "instead of until the end of 2027-11-30 (UTC)",
    )


@pytest.mark.parametrize(
    "after",
    [
        [Part(30, NOW, NEXT)],  # the line of a later purchase stands in its place
        [Part(30), later(30)],  # and beside it
        [Part(10), Part(20), later(25), later(5)],
    ],
)
def test_the_same_quantity_for_longer_changes_the_end_alone(after: list[Part]) -> None:
    (change,) = compare([Part(30)], after, NOW)
    assert (change.steps, change.moves_end, change.ends) == ((), True, NEXT)


def test_what_is_installed_already_is_no_change_again() -> None:
    for lines in ([Part(30), later(5)], [Part(20), Part(10, valid_until=END + 9 * DAY)], [Part(3, END, NEXT)]):
        assert statements(lines, lines, NOW) == ()


def test_each_line_that_is_renewed_at_its_own_end_changes_no_quantity() -> None:
    before = [Part(20), Part(10, valid_until=END + 30 * DAY)]
    assert steps(before, [*before, later(20), later(10, END + 30 * DAY)]) == []
    assert steps(before, [*before, later(20)]) == [Step(30, 20, END + 30 * DAY)]


def test_a_trial_that_is_let_end_is_not_missed_a_year_later() -> None:
    before = [Part(30), Part(5, valid_until=NOW + 7 * DAY)]
    assert steps(before, [*before, later(30)]) == []


def test_a_gap_and_an_overlap_are_spans_with_two_ends() -> None:
    gap = [Part(30), later(30, END + 4 * DAY)]
    assert steps([Part(30)], gap) == [Step(30, 0, END, END + 4 * DAY)]
    overlap = [Part(30), later(30, END - 4 * DAY)]
    assert steps([Part(30)], overlap) == [Step(30, 60, END - 4 * DAY, END)]
    assert (
        steps([Part(30)], overlap)[0].words(Metric.NAMED_USER)
        == "30 → 60 from 2027-11-27 until the end of 2027-11-30 (UTC) (+30)"
    )


def test_products_that_come_and_go() -> None:
    (gone,) = compare([Part(3)], [], NOW)
    assert (gone.statements, gone.ends) == (("3 → 0 (−3)",), None)
    (comes,) = compare([], [Part(3)], NOW)
    assert comes.statements == ("0 → 3 (+3)", "until the end of 2027-11-30 (UTC)")
    switch = replace(later(1), metric=Metric.FEATURE)
    assert statements([], [switch], NOW) == (
        "Bot Creator: off → on from 2027-12-01; until the end of 2028-11-30 (UTC)",
    )
    assert compare([Part(3, valid_until=NOW)], [Part(0)], NOW) == ()


def test_a_shorter_line_is_said_of_the_end() -> None:
    (change,) = compare([Part(30)], [Part(30, valid_until=END - DAY)], NOW)
    assert change.statements == ("until the end of 2027-11-29 (UTC) instead of until the end of 2027-11-30 (UTC)",)


MOMENTS = st.integers(-5, 40).map(lambda days: NOW + days * DAY)
SETS = st.lists(
    st.builds(
        lambda quantity, start, length: Part(quantity, start, start + length * DAY),
        st.integers(0, 9),
        MOMENTS,
        st.integers(1, 30),
    ),
    max_size=5,
)


def _in_step(step: Step, moment: datetime) -> bool:
    return (step.starts or NOW) <= moment and (step.stops is None or moment < step.stops)


@given(SETS, SETS)
def test_at_each_moment_the_statements_are_what_is_granted_then(before: list[Part], after: list[Part]) -> None:
    changes = compare(before, after, NOW)
    ends = max((change.ends or NOW for change in changes), default=NOW)
    ended = max((change.ended or NOW for change in changes), default=NOW)
    for day in range(80):
        moment = NOW + day * DAY
        here = [step for change in changes for step in change.steps if _in_step(step, moment)]
        assert len(here) <= 1
        if moment >= ends:
            continue
        old, new = quantity_at(before, moment), quantity_at(after, moment)
        if here:
            assert here[0].after == new
            assert here[0].before >= old
        elif moment < ended:
            assert new >= old  # more than was said before only where a line that ended is renewed
            assert new == old or any(line.valid_until <= moment for line in before)


@given(SETS)
def test_the_same_lines_change_nothing(lines: list[Part]) -> None:
    assert statements(lines, list(reversed(lines)), NOW) == ()
