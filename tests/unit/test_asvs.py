"""docs/asvs.md: each requirement of the standard has its row and its level; each *yes* names tests that are there."""

import re
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "asvs.md").read_text()
LEVELS = dict(line.split() for line in Path(__file__).with_name("asvs-5.0.0.txt").read_text().splitlines())
ROW = re.compile(
    r"^\| (\d+\.\d+\.\d+)(?: to (\d+\.\d+\.\d+))? \| (.+?) \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE
)
KEPT = ("yes", "in part", "no", "not here")


def _rows() -> list[tuple[str, str, str, str, str]]:
    """Number, level, what is kept, why, test: a row of a range counts for each requirement in it."""
    found = []
    for first, last, level, _, kept, why, test in ROW.findall(PAGE):
        section, start = first.rsplit(".", 1)
        end = last.rsplit(".", 1)[1] if last else start
        for number in range(int(start), int(end) + 1):
            name = f"{section}.{number}"
            assert LEVELS.get(name, "") in level.split(", "), name
            found.append((name, LEVELS[name], kept, why, test))
    return found


def test_each_requirement_has_one_row_at_its_level() -> None:
    assert Counter(row[0] for row in _rows()) == Counter(list(LEVELS))
    assert len(LEVELS) == 345


def test_each_row_says_whether_and_where() -> None:
    for number, _, kept, why, _ in _rows():
        assert kept in KEPT, number
        assert why.strip(" –"), number


def test_each_yes_names_a_test_that_is_there() -> None:
    for number, _, kept, _, test in _rows():
        named = re.fullmatch(r"`([\w/.]+\.py)(?:::(test_\w+))?`", test)
        assert named or (kept != "yes" and test == "–"), (number, test)
        if named:
            text = (TESTS / named[1]).read_text()
            assert "def test_" in text
            assert not named[2] or re.search(rf"^def {named[2]}\(", text, re.MULTILINE), (number, test)


@pytest.mark.parametrize("level", ["1", "2", "3"])
def test_the_counts_are_those_of_the_rows(level: str) -> None:
    counts = Counter(kept for _, its, kept, _, _ in _rows() if its == level)
    numbers = [counts[kept] for kept in KEPT]
    assert f"| {level} | " + " | ".join(map(str, [*numbers, sum(numbers)])) + " |" in PAGE


def test_what_is_open_at_level_1_and_2_is_listed() -> None:
    listed = set(re.findall(r"^- \*\*(\d+\.\d+\.\d+)\*\*", PAGE, re.MULTILINE))
    assert listed == {number for number, level, kept, _, _ in _rows() if level != "3" and kept in ("in part", "no")}
