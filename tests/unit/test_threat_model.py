"""docs/threat-model.md claims nothing without a test: each line of what is prevented or detected names one."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "threat-model.md").read_text()
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def _lines(section: str) -> list[str]:
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n#")[0]
    return [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| what ")]


@pytest.mark.parametrize(("section", "least"), [("Prevented", 40), ("Detected", 15)])
def test_each_line_names_tests_that_are_there(section: str, least: int) -> None:
    lines = _lines(section)
    assert len(lines) >= least, "else this test reads the wrong table"
    for line in lines:
        found = NAMED.findall(line.rstrip(" |").rpartition(" | ")[2])
        assert found, line
        for file, name in found:
            assert re.search(rf"^def {name}\(", (TESTS / file).read_text(), re.MULTILINE), (file, name)
