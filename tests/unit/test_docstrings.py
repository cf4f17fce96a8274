"""Docstrings of the packages that others read first: what crosses the gap, the vendor's keys, the ledger's records, and
the SDK. Each public name says what it is; what raises says so under `Raises` (docs/adr/0027)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "carnet"
PACKAGES = ("sdk", "exchange", "merkle", "entitlements", "calm/signing", "control_room/ledger")
MAKERS = ("__init__", "__new__", "__post_init__")  # what they raise, the words of their class may say

Function = ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("package", PACKAGES)
def test_each_public_function_and_class_has_a_docstring(package: str) -> None:
    silent = [place for place, node, _ in named(package) if _is_public(node) and not ast.get_docstring(node)]
    assert silent == []


@pytest.mark.parametrize("package", PACKAGES)
def test_each_public_function_that_raises_says_what(package: str) -> None:
    raising = [
        (place, node, within)
        for place, node, within in named(package)
        if not isinstance(node, ast.ClassDef) and (_is_public(node) or node.name in MAKERS) and raises(node)
    ]
    assert [place for place, node, within in raising if "Raises" not in _words(node, within)] == []


def test_the_two_tests_see_what_is_missing() -> None:
    tree = ast.parse("class A:\n  def b(self):\n    if 1:\n      raise ValueError\n  def c(self):\n    lambda: 1\n")
    found = {node.name: node for _, node, _ in _walk(tree, "x.py", None)}
    assert list(found) == ["A", "b", "c"]
    assert [name for name in ("b", "c") if raises(found[name])] == ["b"]  # type: ignore[arg-type]


def named(package: str) -> Iterator[tuple[str, Function | ast.ClassDef, ast.ClassDef | None]]:
    """Each function and class of a package: where it stands, itself, and the class that it stands in."""
    paths = sorted((SOURCE / package).rglob("*.py"))
    assert paths, package
    for path in paths:
        yield from _walk(ast.parse(path.read_text()), str(path.relative_to(SOURCE)), None)


def _walk(
    node: ast.AST, file: str, within: ast.ClassDef | None
) -> Iterator[tuple[str, Function | ast.ClassDef, ast.ClassDef | None]]:
    for each in ast.iter_child_nodes(node):
        if isinstance(each, Function | ast.ClassDef):
            yield f"{file}:{each.lineno} {each.name}", each, within
        if isinstance(each, ast.ClassDef) and _is_public(each):
            yield from _walk(each, file, each)


def raises(function: Function) -> bool:
    """Whether a `raise` stands in its own body; that of a function within it is not its own."""
    left: list[ast.AST] = list(function.body)
    while left:
        node = left.pop()
        if isinstance(node, ast.Raise):
            return True
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            left += ast.iter_child_nodes(node)
    return False


def _is_public(node: Function | ast.ClassDef) -> bool:
    return not node.name.startswith("_")


def _words(node: Function | ast.ClassDef, within: ast.ClassDef | None) -> str:
    own = ast.get_docstring(node) or ""
    inherited = ast.get_docstring(within) if within and node.name in MAKERS else None
    return f"{own}\n{inherited or ''}"
