"""Times and spans are written in one place, for both sides and every door."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

import carnet
from carnet import times

NOW = datetime(2026, 9, 14, 9, 42, tzinfo=UTC)


def test_a_moment_is_utc_and_says_so() -> None:
    there = datetime(2026, 9, 16, 10, 5, tzinfo=timezone(timedelta(hours=2)))
    assert times.moment(there) == "Wed 2026-09-16 08:05 UTC"
    assert times.second(there) == "2026-09-16 08:05:00 UTC"
    assert times.moment(datetime(2026, 9, 16, 8, 5)) == "Wed 2026-09-16 08:05 UTC"  # noqa: DTZ001 - without a zone


def test_a_day_is_the_utc_day() -> None:
    assert times.day(datetime(2026, 9, 17, 1, 0, tzinfo=timezone(timedelta(hours=2)))) == "2026-09-16"
    assert times.day(date(2026, 9, 16)) == "2026-09-16"


@pytest.mark.parametrize(
    ("span", "text", "full"),
    [
        (timedelta(days=1, hours=22, minutes=23, seconds=59), "1 d 22 h", "1 d 22 h 23 min"),
        (timedelta(days=4, minutes=37), "4 d 0 h", "4 d 0 h 37 min"),
        (timedelta(hours=5, minutes=23), "5 h 23 min", "5 h 23 min"),
        (timedelta(minutes=3), "3 min", "3 min"),
        (timedelta(seconds=40), "0 min", "0 min"),
        (timedelta(hours=-1), "0 min", "0 min"),
    ],
)
def test_a_span_has_two_units_or_all(span: timedelta, text: str, full: str) -> None:
    assert times.span(span) == text
    assert times.span(span, full=True) == full


def test_what_is_left_and_what_is_past() -> None:
    assert times.left(NOW + timedelta(days=1, hours=22), NOW) == "1 d 22 h"
    assert times.left(NOW, NOW) == "passed"
    assert times.ago(NOW - timedelta(hours=22, minutes=5), NOW) == "22 h ago"
    assert times.ago(NOW - timedelta(seconds=5), NOW) == "just now"


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (-timedelta(days=1), "0 s"),
        (timedelta(), "0 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=61), "1 min 1 s"),
        (timedelta(hours=1) + timedelta(seconds=61), "1 h 1 min"),
        (46 * timedelta(hours=1) + timedelta(seconds=59), "1 d 22 h"),
    ],
)
def test_a_span_is_spelt_in_its_two_largest_units(span: timedelta, words: str) -> None:
    assert times.exact_span(span) == words


def test_the_end_of_a_license_is_a_day_and_anything_else_a_minute() -> None:
    assert times.day_or_minute(datetime(2026, 9, 16, tzinfo=UTC)) == "2026-09-16"
    assert times.day_or_minute(datetime(2026, 9, 16, 8, 5, tzinfo=UTC)) == "2026-09-16 08:05 UTC"


def test_a_stamp_has_its_seconds_and_a_program_gets_iso() -> None:
    assert times.stamp(NOW) == "Mon 2026-09-14 09:42:00 UTC"
    assert times.iso(NOW.astimezone(timezone(timedelta(hours=2)))) == "2026-09-14T09:42:00Z"


def test_nothing_else_writes_a_time() -> None:
    writes = re.compile(r":%[aY]|strftime\(")
    files = {path.name for path in Path(carnet.__file__).parent.rglob("*.py") if writes.search(path.read_text())}
    assert files == {"times.py"}
