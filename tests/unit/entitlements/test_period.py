"""Q2: a consumable is counted by months or years that start with its purchase."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carnet.entitlements import Period, PeriodUnit


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.rule("Q2")
@pytest.mark.parametrize(
    ("unit", "start", "now", "begins"),
    [
        ("month", "2026-11-24", "2026-11-24", "2026-11-24"),
        ("month", "2026-11-24", "2026-12-23T23:59:59", "2026-11-24"),
        ("month", "2026-11-24", "2026-12-24", "2026-12-24"),
        ("month", "2026-11-24T10:00", "2026-12-24T09:59:59", "2026-11-24T10:00"),
        ("month", "2026-11-24T10:00", "2026-12-24T10:00", "2026-12-24T10:00"),
        ("month", "2026-11-24", "2020-01-01", "2026-11-24"),
        # the 31st: a shorter month begins its period on its last day, and the next one is on the 31st again
        ("month", "2027-01-31", "2027-02-27T23:59:59", "2027-01-31"),
        ("month", "2027-01-31", "2027-02-28", "2027-02-28"),
        ("month", "2027-01-31", "2027-03-30", "2027-02-28"),
        ("month", "2027-01-31", "2027-03-31", "2027-03-31"),
        ("month", "2028-01-31", "2028-02-29", "2028-02-29"),
        ("month", "2026-12-31", "2027-01-31", "2027-01-31"),
        # the leap day
        ("year", "2028-02-29", "2029-02-27T23:59:59", "2028-02-29"),
        ("year", "2028-02-29", "2029-02-28", "2029-02-28"),
        ("year", "2028-02-29", "2032-02-28T23:59:59", "2031-02-28"),
        ("year", "2028-02-29", "2032-02-29", "2032-02-29"),
        ("year", "2026-11-24", "2027-11-23", "2026-11-24"),
        ("year", "2026-11-24", "2027-11-24", "2027-11-24"),
        ("year", "2026-11-24", "2027-01-05", "2026-11-24"),
    ],
)
def test_period_that_a_moment_lies_in(unit: str, start: str, now: str, begins: str) -> None:
    assert Period(unit=PeriodUnit(unit), start=at(start)).containing(at(now)) == at(begins)


times = st.integers(946684800, 13569465600).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))  # 2000 to 2400


@pytest.mark.rule("Q2")
@given(st.sampled_from(PeriodUnit), times, times)
@example(PeriodUnit.MONTH, at("2027-01-31"), at("2027-02-28"))
@example(PeriodUnit.YEAR, at("2028-02-29"), at("2020-01-01"))
def test_a_period_goes_on_until_the_following_one_begins(unit: PeriodUnit, start: datetime, now: datetime) -> None:
    period = Period(unit=unit, start=start)
    following = period.following(now)
    assert period.containing(following) == following > now
    assert period.containing(following - timedelta(seconds=1)) == period.containing(now)


@pytest.mark.rule("Q2")
@given(st.sampled_from(PeriodUnit), times, times, st.integers(0, 400 * 86400))
@example(PeriodUnit.MONTH, at("2027-01-31"), at("2027-02-28"), 86400)
@example(PeriodUnit.YEAR, at("2028-02-29"), at("2029-02-27"), 86400)
def test_periods_never_start_late_and_never_go_back(unit: PeriodUnit, start: datetime, now: datetime, on: int) -> None:
    period = Period(unit=unit, start=start)
    begins, later = period.containing(now), period.containing(now + timedelta(seconds=on))
    assert begins <= max(now, start)
    assert start <= begins <= later
    assert period.containing(begins) == begins, "the first moment of a period lies in it"
    assert now - begins < timedelta(days=32 if unit is PeriodUnit.MONTH else 367) or now < start


@pytest.mark.rule("Q2")
@given(st.sampled_from(PeriodUnit), times, times)
def test_the_moment_before_a_period_lies_in_the_one_before(unit: PeriodUnit, start: datetime, now: datetime) -> None:
    period = Period(unit=unit, start=start)
    begins = period.containing(now)
    if begins > start:
        assert period.containing(begins - timedelta(seconds=1)) < begins
