"""The guide says what the code does: operations, statuses, limits."""

import re
from pathlib import Path

import msgspec

from carnet.control_room.rest.batch import MOST
from carnet.control_room.rest.operations import OPERATIONS
from carnet.control_room.rest.problems import CODES, STATUSES
from carnet.edge import acts
from carnet.edge.limits import Limits
from carnet.rest_kit.problems import STATUS

GUIDE = (Path(__file__).parents[4] / "docs" / "guides" / "rest.md").read_text()


def _rows(after: str) -> list[str]:
    table = GUIDE.split(after)[1].split("\n\n")[0] if after in GUIDE else ""
    return [line for line in table.splitlines() if line.startswith("| ")][1:]


def test_the_guide_lists_every_operation() -> None:
    made = []
    for each in OPERATIONS:
        fields = [f"`{field.name}{'' if field.required else '?'}`" for field in msgspec.structs.fields(each.body)]
        made.append(f"| `{each.method} {each.name}` | {each.needs} | {' '.join(fields)} | {each.says} |")
    assert _rows("made from rest/operations.py") == made


def test_the_guide_lists_every_status_with_its_codes() -> None:
    made = []
    for status in STATUSES:
        codes = " ".join(f"`{code.value}`" for code in CODES if STATUS[code] == status)
        made.append(f"| {status} | {codes} |")
    assert _rows("made from the codes of rest/problems.py") == made


def test_the_guide_says_every_limit() -> None:
    limits = Limits()
    said = " ".join(_rows("compared with edge/limits.py"))
    numbers = (limits.body, limits.headers, limits.header_bytes, limits.seconds, limits.rate, MOST)
    for number in (*numbers, limits.connections, limits.per_address):
        assert f"{number:,}" in said, number
    idle = limits.idle_seconds
    assert re.search(rf"{idle:g} to {2 * idle:g} seconds", said)


def test_the_guide_names_each_limit_as_the_log_and_the_metrics_do() -> None:
    names = {value for name, value in vars(acts).items() if name.isupper() and isinstance(value, str)}
    assert {row.split("|")[1].strip(" `") for row in _rows("once a minute:\n\n")} == names
