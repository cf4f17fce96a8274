from datetime import UTC, datetime, timedelta

import pytest

from carnet.web_kit import words

NOW = datetime(2026, 9, 14, 9, 42, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1_200_000, "1,200,000"), (-4, "−4"), (1.5, "1.5"), (256.0, "256"), (-1234.56, "−1,234.6")],
)
def test_number(value: float, text: str) -> None:
    assert words.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(2, "+2"), (-30, "−30"), (0, "0"), (50_000, "+50,000")])
def test_signed(value: int, text: str) -> None:
    assert words.signed(value) == text


@pytest.mark.parametrize(("hours", "tone"), [(48, "warn"), (24, "warn"), (23.9, "bad"), (-1, "bad")])
def test_under_a_day_is_urgent(hours: float, tone: str) -> None:
    assert words.urgency(NOW + timedelta(hours=hours), NOW) == tone


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (9_348, "9,348 bytes"), (262_144, "256 KiB"), (1_572_864, "1.5 MiB"), (3 * 2**30, "3 GiB")],
)
def test_size(count: int, text: str) -> None:
    assert words.size(count) == text


def test_short_leaves_short_ids_whole() -> None:
    assert words.short("0197a3c4-5e11-7c2a-9d40-3b1f6e2a8c01") == "0197a3c4…8c01"
    assert words.short("NB-2041") == "NB-2041"


def test_a_fingerprint_is_four_lines_of_four_groups_of_four() -> None:
    lines = words.fingerprint_lines("18:A1 f1ee0aed73d3" + "84af14fd82ab008c" * 3)
    assert [len(line) for line in lines] == [4, 4, 4, 4]
    assert lines[0] == ("18a1", "f1ee", "0aed", "73d3")
    assert words.digits16("18a1f1ee0aed73d384af") == "18a1 f1ee 0aed 73d3 …"
    assert words.digits16("") == ""


def test_the_first_sentence_stands_out() -> None:
    assert words.headline("Not issued. Nothing is changed.") == ("Not issued.", "Nothing is changed.")
    assert words.headline("Saved") == ("Saved", "")
