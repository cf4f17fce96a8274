"""The map of CONTRIBUTING: every package and module of the first two floors, by its own first sentence. Run as a module
to write it; a test compares it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "CONTRIBUTING.md"
SOURCE = ROOT / "src" / "carnet"
BEGIN, END = "<!-- map: made by python -m tests.support.house_map -->", "<!-- end of map -->"
OPENED = ("calm", "control_room")  # whose own packages are shown too


def first_sentence(path: Path) -> str:
    """Of a module's docstring, on one line; empty where there is none."""
    said = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    found = re.match(r".*?[.?!](?= [A-Z`]|$)", said)
    return found[0] if found else said


def rows(folder: Path = SOURCE, depth: int = 0) -> Iterator[str]:
    inside = sorted(path for path in folder.iterdir() if (path / "__init__.py").exists())
    modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    for path in [*inside, *modules]:
        own = path / "__init__.py" if path.is_dir() else path
        name = f"{'  ' * depth}{path.name}{'/' if path.is_dir() else ''}"
        yield f"{name:<20} {first_sentence(own)}".rstrip()
        if path.name in OPENED and depth == 0:
            yield from rows(path, 1)


def map_block() -> str:
    return "\n".join([BEGIN, "```", "src/carnet/", *rows(), "```", END])


def page() -> str:
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    return before + map_block() + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(page())
    print(f"{PAGE.relative_to(ROOT)} written")
