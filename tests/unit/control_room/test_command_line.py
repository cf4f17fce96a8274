"""What a site can be told to do, its command line can tell it: each command that the local door takes has one there."""

import ast
from functools import cache
from pathlib import Path
from typing import get_args, get_type_hints

from carnet.control_room import cli
from carnet.control_room.local_api.pages_acts import PagesAct
from carnet.control_room.local_api.protocol import COMMANDS, QUESTIONS
from carnet.control_room.rest import operations

NOT_AT_A_TERMINAL = {
    "AskPersonAct": "Two people act at the pages; who has the machine acts there alone, and is recorded as that (A3).",
    "SettlePersonAct": "The second of the two confirms at the pages.",
    "BindIdentity": "A person binds their own identity at the pages, where the issuer says that it is theirs (A5).",
}


@cache
def _named() -> set[str]:
    """Every name that a registered command of `control-room` uses, itself or by another function of its module."""
    trees = [ast.parse(path.read_text()) for path in Path(cli.__file__).parent.glob("*.py")]
    return {name for tree in trees for name in _reached(tree, "add_to")}


def _reached(module: ast.Module, first: str) -> set[str]:
    """The names that a function of the module uses, and those of its own functions among them."""
    own = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    used, waiting = set[str](), {first} & own.keys()
    while waiting:
        found = {node.id for node in ast.walk(own[waiting.pop()]) if isinstance(node, ast.Name)} - used
        used |= found
        waiting |= found & own.keys()
    return used


def test_each_command_of_the_local_door_is_one_of_the_command_line() -> None:
    by_pages = {type(PagesAct(what).record).__name__ for what in get_args(get_type_hints(PagesAct)["what"])}
    assert {command.__name__ for command in COMMANDS.values()} - _named() - by_pages == set(NOT_AT_A_TERMINAL)


def test_what_rest_asks_is_asked_at_the_command_line_too() -> None:
    nodes = ast.walk(ast.parse(Path(operations.__file__).read_text()))
    named = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    asked = {question.__name__ for question in QUESTIONS.values()} & named
    assert {"Status", "Usage", "CheckUser", "CheckFeature"} <= asked <= _named()
