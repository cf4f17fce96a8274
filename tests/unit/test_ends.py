"""Q1: an end is said in one way, by `carnet.times`, wherever one is shown."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import carnet
from carnet import times

SOURCE = Path(carnet.__file__).parent
NAMES = "valid licensed grace bought exposed latest new now"
ENDS = rf"(?:(?:{'|'.join(NAMES.split())})_until|expires_at|until_was)"
OTHER_FILTERS = re.compile(rf"\b{ENDS}\|(?:day|minute|second|moment|date|bare_minute)\b")
OTHER_CALLS = re.compile(
    rf"\b(?:day|day_or_minute|minute|bare_minute|second|moment|stamp)\((?:\w+\.)*(?:{ENDS}|(?:line|row|site|olf)\.ends|reaches)\)"
)
WORD_BEFORE = re.compile(r"\b(?:until|ends|ended|reaches to) \{(?:times\.)?(?:day|day_or_minute)\(")
A_DAY = datetime(2027, 11, 30, tzinfo=UTC)


@pytest.mark.rule("Q1")
def test_no_template_and_no_sentence_says_an_end_in_another_way() -> None:
    found = []
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix in (".html", ".py", ".txt") and "migrations" not in path.parts and path.name != "times.py":
            text = path.read_text()
            for shape in (OTHER_FILTERS, OTHER_CALLS, WORD_BEFORE):
                found += [f"{path.relative_to(SOURCE)}: {each.group()}" for each in shape.finditer(text)]
            found += [f"{path.name}: a date column" for _ in re.finditer(rf"{ENDS} = tables\.Date", text)]
    assert found == []


@pytest.mark.rule("Q1")
@pytest.mark.parametrize(
    ("end", "until", "column", "typed"),
    [
        (A_DAY, "until the end of 2027-11-29 (UTC)", "end of 2027-11-29 (UTC)", "2027-11-30"),
        (
            A_DAY.replace(hour=14, minute=30),
            "until 2027-11-30 14:30 (UTC)",
            "2027-11-30 14:30 (UTC)",
            "2027-11-30T14:30:00Z",
        ),
        (
            A_DAY + timedelta(seconds=5),
            "until 2027-11-30 00:00:05 (UTC)",
            "2027-11-30 00:00:05 (UTC)",
            "2027-11-30T00:00:05Z",
        ),
        (times.PERPETUAL, "perpetual", "perpetual", "perpetual"),
        (times.LAST, "perpetual", "perpetual", "perpetual"),
        (times.FIRST, "until the end of 0001-01-01 (UTC)", "end of 0001-01-01 (UTC)", "0001-01-01"),
    ],
)
def test_an_end_says_the_last_day_that_is_covered_or_its_minute(
    end: datetime, until: str, column: str, typed: str
) -> None:
    assert (times.until(end), times.end(end), times.end_typed(end)) == (until, column, typed)
    if end <= times.PERPETUAL:
        assert times.read_end(times.end_typed(end)) == end


@pytest.mark.rule("Q1")
def test_what_is_typed_is_read_or_refused_in_a_sentence() -> None:
    assert times.read_end(" Perpetual ") == times.read_end("2999-12-31") == times.PERPETUAL
    for late in ("3000-01-01", "9999-12-31", "2999-12-31T00:00:01Z", "9999-12-31T23:59:59Z"):
        with pytest.raises(times.EndTooLateError, match="latest end that fits is 2999-12-31: write “perpetual”"):
            times.read_end(late)
    for other in ("", "never", "31.12.2999", "10000-01-01", "2027-02-29", "2027-11-30T14:30"):
        with pytest.raises(ValueError, match="not a day like 2027-11-24"):
            times.read_end(other)


@pytest.mark.rule("Q1")
def test_ends_tell_what_comes_and_what_is_past() -> None:
    now = datetime(2027, 11, 26, 22, tzinfo=UTC)
    assert times.ends(A_DAY, now) == "ends at the end of 2027-11-29 (UTC), in 3 d 2 h"
    assert times.ends(A_DAY, A_DAY) == "ended at the end of 2027-11-29 (UTC)"
    assert times.ends(times.PERPETUAL, now) == "is perpetual"
    assert times.left(times.PERPETUAL, now) == "perpetual"
