"""Text that is shown as it is: within `<c-plain>` every blank counts, so that no formatter may add or take one."""

import re
from pathlib import Path

import pytest

import carnet

TEMPLATES = sorted(Path(carnet.__file__).parent.rglob("*.html"))
PLAIN = {
    f"{path.name}-{number}": inside
    for path in TEMPLATES
    for number, inside in enumerate(re.findall(r"<c-plain\b[^>]*>(.*?)</c-plain>", path.read_text(), re.DOTALL))
}


def test_there_are_some() -> None:
    assert {"file.html-0", "index.html-0", "checkpoint.html-0"} <= set(PLAIN)


@pytest.mark.parametrize("name", PLAIN)
def test_its_line_ends_are_written_as_such(name: str) -> None:
    """`&#10;` is a line's end; one in the template would bring the indentation of the next line with it."""
    assert "\n" not in PLAIN[name]


def test_an_example_of_a_file_has_its_lines() -> None:
    assert PLAIN["file.html-0"].split("&#10;") == [
        "user,product,action",
        "jane.doe,bot-creator,assign",
        "joe.roe,bot-creator,unassign",
    ]


def test_each_recovery_code_is_a_line() -> None:
    assert PLAIN["index.html-0"] == "{% for code in unused_codes %}{{ code }}&#10;{% endfor %}"
