"""Which tests prove which rule: read from the tests' own marks, written to docs/rules-and-tests.md.

Run as a module to write the page anew; a test compares it with the marks and asks that no rule or code is without one.
"""

import ast
import re
from collections import defaultdict
from pathlib import Path

from carnet.exchange.verdicts import Code

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "rules-and-tests.md"

RULES = [
    *(f"E{n}" for n in range(1, 20)),
    *(f"Q{n}" for n in range(1, 6)),
    *(f"H{n}" for n in range(1, 9)),
    *(f"G{n}" for n in range(1, 8)),
    "S",
    *(f"T{n}" for n in range(1, 6)),
    *(f"L{n}" for n in range(1, 8)),
    "V1",
    "V2",
    "A1",
    "A2",
    "A3",
    "A4",
    "A5",
    "A6",
    "A7",
    "N1",
    "N2",
    "N3",
    "N4",
    "N5",
    "D1",
    "D2",
    "D3",
    "D4",
]
CODES = [code.value for code in Code]


def marked() -> dict[str, list[str]]:
    """By rule or code: the tests that carry its mark, each as `folder/file.py::test`."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                for number in _marks(node):
                    found[number].append(f"{path.relative_to(ROOT / 'tests')}::{node.name}")
    return found


def _marks(node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    calls = [mark for mark in node.decorator_list if isinstance(mark, ast.Call)]
    rules = [call for call in calls if ast.unparse(call.func) == "pytest.mark.rule"]
    return [str(argument.value) for call in rules for argument in call.args if isinstance(argument, ast.Constant)]


def page() -> str:
    found = marked()
    lines = [
        "# Rules and the tests that prove them",
        "",
        "Made from the marks of the tests (`python -m tests.support.rule_map`), and compared with them by a test.",
        "What each rule and code says is in [rules.md](rules.md).",
        "",
        "## Rules",
        "",
        *_table("rule", RULES, found),
        "",
        "## Codes",
        "",
        *_table("code", [f"{code}" for code in CODES], found),
        "",
    ]
    return "\n".join(lines)


def _table(name: str, numbers: list[str], found: dict[str, list[str]]) -> list[str]:
    rows = [f"| {name} | tests |", "|---|---|"]
    for number in numbers:
        tests = [f"`{re.sub('^unit/', '', test)}`" for test in sorted(set(found.get(number, [])))]
        shown = tests[:6] + ([f"and {len(tests) - 6} more"] if len(tests) > 6 else [])
        rows.append(f"| {number} | {' · '.join(shown)} |")
    return rows


def missing() -> list[str]:
    found = marked()
    return [number for number in [*RULES, *CODES] if number not in found]


def unknown() -> list[str]:
    return sorted(set(marked()) - set(RULES) - set(CODES))


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE.relative_to(ROOT)} written; without a test: {missing() or 'none'}; unknown: {unknown() or 'none'}")
