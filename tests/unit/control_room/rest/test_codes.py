"""E13: the codes that the interface says it answers are those that its code can answer, each of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from carnet.control_room import rest, rules
from carnet.control_room.rest.problems import CODES
from carnet.errors import StorageError
from carnet.exchange.verdicts import Code
from carnet.rest_kit import problems as kit

SIDE = Path(rules.__file__).parents[1]
ANSWERING = [*(SIDE / folder for folder in ("rules/granting", "rest", "engine")), SIDE / "queries/questions.py"]
THE_LIST = Path(rest.__file__).with_name("problems.py")
NOT_BY_REST = {  # code → why no request can come to it, although a module there names it
    Code.NEEDS_SECOND_PERSON: "acts on people are done at the pages and the machine, not by REST (A3)",
    Code.NOTHING_TO_ACCEPT: "proposals are settled at the pages and the machine, not by REST (A3)",
    Code.SUPERSEDED: "people are given roles at the pages and the machine, not by REST (N5)",
    Code.MOVED: "no server starts on the machine that a site left (L7)",
}


def _named(path: Path) -> Iterator[Code]:
    """Every `Code.X` in a module."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Code":
            yield Code[node.attr]


def _of_faults() -> set[Code]:
    """What the kit of both sides makes of an exception: its own refusals, and the code that a fault carries."""
    refusals = (
        node.args[0]
        for node in ast.walk(ast.parse(Path(kit.__file__).read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refusal"
    )
    made = {Code[first.attr] for first in refusals if isinstance(first, ast.Attribute)}
    return made | {Code(each.code) for each in (StorageError, *StorageError.__subclasses__())}


@pytest.mark.rule("E13")
def test_every_code_that_a_request_can_come_to_is_listed_and_no_other() -> None:
    modules = [path for each in ANSWERING for path in ([each] if each.is_file() else sorted(each.rglob("*.py")))]
    named = {code for path in modules if path != THE_LIST for code in _named(path)}
    assert set(NOT_BY_REST) <= named
    assert named - set(NOT_BY_REST) | _of_faults() == set(CODES)
    assert len(CODES) == len(set(CODES))
