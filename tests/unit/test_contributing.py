"""What CONTRIBUTING says of the house: its map is made from the modules, and its words are the only ones in use."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import house_map

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "carnet"
GLOSSARY = re.findall(
    r"^\| ([^|]+) \| [^|]+ \| [^|]+ \| ([^|]+) \|$", house_map.PAGE.read_text().split("## Words")[1], re.MULTILINE
)
REFUSED = {word.strip() for term, words in GLOSSARY if term not in ("term", "---") for word in words.split(",")}
OF_THE_ENGINE = {"desk", "sieve", "book"}
# Slots of Python's own, and of the components of pages.
OTHERS = re.compile(r"slots=True|__slots__|c-slot|\{[{%][^}]*\bslot\b")


def test_the_map_is_made_from_the_modules() -> None:
    assert house_map.PAGE.read_text() == house_map.page(), "run: python -m tests.support.house_map"


def test_each_module_says_in_its_first_sentence_what_it_is() -> None:
    silent = [
        path.relative_to(SOURCE).as_posix()
        for path in sorted(SOURCE.rglob("*.py"))
        if "migrations" not in path.parts and path.read_text().strip() and not house_map.first_sentence(path)
    ]
    assert silent == []


def test_the_glossary_has_its_terms() -> None:
    assert len([term for term, _ in GLOSSARY if term not in ("term", "---")]) >= 15


@pytest.mark.parametrize("word", sorted(REFUSED))
def test_no_other_word_is_used_for_a_term(word: str) -> None:
    """In names, comments, texts, pages and guides."""
    spelt = re.compile(rf"(?<![a-z]){re.escape(word).replace(chr(92) + ' ', '[ _-]')}s?(?![a-z])", re.IGNORECASE)
    assert [place for place in _lines() if spelt.search(place[1])] == []


@pytest.mark.parametrize("word", sorted(OF_THE_ENGINE))
def test_no_older_word_names_a_part_of_the_engine(word: str) -> None:
    found = set()
    for path in (SOURCE / "control_room").rglob("*.py"):
        names = {name for node in ast.walk(ast.parse(path.read_text())) for name in _names(node)}
        found |= {(path.name, name) for name in names if word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name.lower())}
    assert found == set()


def test_an_lfr_and_an_http_request_never_share_a_name() -> None:
    """`request` is the HTTP one, in doors alone: beneath them, what a site sends is an LFR."""
    found = []
    for path in (SOURCE / "calm").rglob("*.py"):
        if not {"portal", "rest", "cli", "migrations"} & set(path.parts):
            names = {name for node in ast.walk(ast.parse(path.read_text())) for name in _names(node)}
            found += [(path.name, name) for name in names if name.lower().strip("_") in ("request", "requests")]
    assert found == []


def _names(node: ast.AST) -> Iterator[str]:
    for field in ("id", "attr", "arg", "name"):
        name = getattr(node, field, None)
        if isinstance(name, str):
            yield name


def _lines() -> Iterator[tuple[str, str]]:
    code = [path for path in SOURCE.rglob("*") if path.suffix in (".py", ".html")]
    code = [path for path in code if not {"migrations", "cotton"} & set(path.parts)]
    for path in [*code, *(ROOT / "docs" / "guides").glob("*.md"), ROOT / "docs" / "rules.md", ROOT / "README.md"]:
        for line in path.read_text().splitlines():
            if not OTHERS.search(line):
                yield path.relative_to(ROOT).as_posix(), line
