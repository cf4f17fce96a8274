"""The house's own measure: no file over 500 lines, no function over 60, no line of a template over 120 columns, but one
that is a single attribute. Run as a module; prints what is too long."""

import ast
import re
import sys
from pathlib import Path

FILE_LINES, FUNCTION_LINES, LINE = 500, 60, 120
ONE_ATTRIBUTE = re.compile(r' *:?[\w-]+="[^<>]*"')
ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "demo", "bench", "bundle", "tests")


def too_long(path: Path) -> list[str]:
    text = path.read_text()
    found = []
    if (lines := text.count("\n")) > FILE_LINES:
        found.append(f"{path.relative_to(ROOT)}: {lines} lines")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            if size > FUNCTION_LINES:
                found.append(f"{path.relative_to(ROOT)}: {node.name} has {size} lines")
    return found


def too_wide(path: Path) -> list[str]:
    lines = enumerate(path.read_text().splitlines(), 1)
    wide = [(at, line) for at, line in lines if len(line) > LINE and not ONE_ATTRIBUTE.fullmatch(line)]
    return [f"{path.relative_to(ROOT)}:{at}: {len(line)} columns" for at, line in wide]


def main() -> None:
    pages = sorted((ROOT / "src").rglob("*.html"))
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py") if "migrations" not in file.parts]
    found = [problem for file in sorted(files) for problem in too_long(file)]
    found += [problem for page in pages for problem in too_wide(page)]
    print("\n".join(found) or f"{len(files)} files: none over {FILE_LINES} lines, no function over {FUNCTION_LINES}.")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
