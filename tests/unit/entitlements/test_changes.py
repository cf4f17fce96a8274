"""S, Q1, Q4, Q5: what changes of each product: at each moment the sum of its lines is what the changes say."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from carnet.entitlements import (
    Change,
    Line,
    Period,
    PeriodUnit,
    ProductState,
    announced,
    changes,
    coming,
    coming_words,
    granted,
    license_end,
    product_state,
    told,
)
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import line

USER, PAGES, FEATURE = "bot-creator", "document-pages", "automator-ai"
DAY, MONTH = timedelta(days=1), timedelta(days=30)
FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def of(*lines: Line, sku: str = USER) -> list[tuple[int, int, datetime]]:
    """What comes after MONDAY: from how many, to how many, when."""
    return [(one.before, one.after, one.when) for one in coming(changes(lines, sku), MONDAY)]


@pytest.mark.rule("S", "Q4")
def test_a_later_line_that_replaces_in_part_is_a_shrinking() -> None:
    end = MONDAY + 40 * DAY
    lines = [line(USER, 10, MONDAY, end), line(USER, 5, end, end + MONTH)]
    assert of(*lines) == [(10, 5, end), (5, 0, end + MONTH)]
    assert next(one.words for one in coming(changes(lines, USER), MONDAY)) == "10 until 2026-10-24 08:00 (UTC), then 5"


@pytest.mark.rule("S")
def test_a_later_line_that_replaces_in_full_changes_nothing() -> None:
    end = MONDAY + 40 * DAY
    assert of(line(USER, 10, MONDAY, end), line(USER, 10, end, end + MONTH)) == [(10, 0, end + MONTH)]


@pytest.mark.rule("S")
def test_a_rise_is_a_change_and_is_announced_nowhere() -> None:
    start, end = MONDAY + 10 * DAY, MONDAY + 60 * DAY
    lines = [line(USER, 10, MONDAY, end), line(USER, 10, start, end)]
    assert of(*lines) == [(10, 20, start), (20, 0, end)]
    assert announced(changes(lines, USER), license_end(lines)) == []
    assert coming_words(told(changes(lines, USER), end, MONDAY)) == "10 until 2026-09-24 08:00 (UTC), then 20"


@pytest.mark.rule("S", "Q5")
def test_grace_and_overage_count_as_they_are_granted() -> None:
    end = MONDAY + 5 * DAY
    lines = [line(USER, 10, MONDAY, end, grace=14, overage=10), line(USER, 4, end, end + 9 * MONTH)]
    assert of(*lines) == [(11, 4, end + 14 * DAY), (4, 0, end + 9 * MONTH)]
    first = coming(changes(lines, USER), MONDAY)[0]
    assert (first.ends, first.is_near(5 * DAY, MONDAY), first.is_near(5 * DAY - DAY, MONDAY)) == (end, True, False)
    assert first.sentence.endswith("Its lines end 2026-09-19 08:00 (UTC); grace follows.")


@pytest.mark.rule("S", "Q2")
def test_a_new_period_is_no_change_and_fewer_units_are() -> None:
    end, start = MONDAY + 90 * DAY, Period(unit=PeriodUnit.MONTH, start=MONDAY)
    assert of(line(PAGES, 100, MONDAY, end, period=start), sku=PAGES) == [(100, 0, end)]
    lines = (line(PAGES, 100, MONDAY, end, period=start), line(PAGES, 60, end, end + MONTH))
    assert of(*lines, sku=PAGES) == [(100, 60, end), (60, 0, end + MONTH)]


def test_a_feature_that_two_lines_have_on_is_on_until_the_later_end() -> None:
    lines = (line(FEATURE, 1, MONDAY, MONDAY + DAY), line(FEATURE, 1, MONDAY, MONDAY + 2 * DAY))
    assert of(*lines, sku=FEATURE) == [(1, 0, MONDAY + 2 * DAY)]
    assert changes(lines, FEATURE)[-1].words == "on until 2026-09-16 08:00 (UTC), then off"


def test_a_gap_is_an_end_and_then_a_rise() -> None:
    end, again = MONDAY + DAY, MONDAY + 2 * DAY
    lines = [line(USER, 3, MONDAY, end), line(USER, 3, again, again + MONTH)]
    assert of(*lines) == [(3, 0, end), (0, 3, again), (3, 0, again + MONTH)]
    assert [one.is_end for one in coming(changes(lines, USER), MONDAY)] == [True, False, True]


def test_many_changes_are_not_all_told_in_one_line() -> None:
    lines = [line(USER, 9 - n, MONDAY + n * DAY, MONDAY + (n + 1) * DAY) for n in range(8)]
    words = coming_words(coming(changes(lines, USER), MONDAY))
    assert (words.count("until"), words.endswith("then 5, and 4 more changes")) == (4, True)


def state(lines: list[Line], now: datetime) -> ProductState:
    return product_state(lines, changes(lines, USER), MONTH, now)


@pytest.mark.rule("S")
def test_each_product_has_its_own_state() -> None:
    start, end = MONDAY + DAY, MONDAY + 101 * DAY
    lines = [line(USER, 3, start, end, grace=5)]
    found = [state(lines, at) for at in (MONDAY, start, end - MONTH, end, end + 5 * DAY)]
    assert [each.value for each in found] == ["later", "active", "expiring", "grace", "expired"]
    assert state(lines, end - MONTH - timedelta(seconds=1)) == "active"


@pytest.mark.rule("S")
def test_what_shrinks_soon_is_expiring_until_it_has_shrunk() -> None:
    end = MONDAY + 60 * DAY
    lines = [line(USER, 10, MONDAY, end), line(USER, 5, end, end + 12 * MONTH)]
    assert [state(lines, at).value for at in (MONDAY, end - MONTH, end)] == ["active", "expiring", "active"]


TIMES = st.datetimes(min_value=FIRST.replace(tzinfo=None), max_value=LAST.replace(tzinfo=None)).map(
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)
NEAR = st.integers(-400, 400).map(lambda days: MONDAY + days * DAY)


@st.composite
def some_lines(draw: st.DrawFn, times: st.SearchStrategy[datetime], sku: str) -> list[Line]:
    found = []
    for number in range(draw(st.integers(1, 6))):
        start, until = sorted(draw(st.lists(times, min_size=2, max_size=2, unique=True)))
        grace, overage = draw(st.sampled_from((0, 0, 7, 90))), draw(st.sampled_from((0, 0, 20)))
        quantity = draw(st.integers(0, 20))
        line_id = f"{number:08}-0000-7000-8000-000000000000"
        found.append(line(sku, quantity, start, until, line_id=line_id, grace=grace, overage=overage))
    return found


def said(found: list[Change], now: datetime) -> int:
    return next((one.after for one in reversed(found) if one.when <= now), 0)


@pytest.mark.rule("S", "Q1", "Q5")
@given(st.sampled_from((USER, PAGES)).flatmap(lambda sku: some_lines(NEAR, sku)), st.lists(NEAR, max_size=20))
def test_at_each_moment_the_sum_of_the_lines_is_what_is_said(lines: list[Line], moments: list[datetime]) -> None:
    sku = lines[0].sku
    found = changes(lines, sku)
    for now in (*moments, *(one.when for one in found)):
        assert said(found, now) == granted(lines, sku, now)
        if not any(each.policy.grace_days for each in lines):  # a reference that shares no code
            counted = [each for each in lines if each.valid_from <= now < each.valid_until]
            assert said(found, now) == sum(each.quantity if sku == PAGES else each.with_overage for each in counted)
    assert all(one.before != one.after for one in found)
    assert [one.when for one in found] == sorted({one.when for one in found})
    assert all(one.ends <= one.when for one in found)


@given(some_lines(TIMES, USER), TIMES)
def test_no_date_makes_a_fault(lines: list[Line], now: datetime) -> None:
    found = changes(lines, USER)
    assert said(found, LAST) == granted(lines, USER, LAST)
    for one in (*found, *coming(found, now), *announced(found, license_end(lines))):
        assert one.sentence
        assert one.headline(now)
        assert one.is_near(MONTH, now) in (True, False)
    assert product_state(lines, found, MONTH, now) in ProductState
