"""What people read is in plain words: no phrase here that a reader whose first language is another one must guess."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HARD = {
    r"(?<!there )(?<!There )\b(is|are|was|were) no (?!longer\b|more than\b)\w": "“x” is not a y",
    r"\banew\b": "again",
    r"\b[Ww]hoever\b": "the person who",
    r"\b[Nn]obody\b": "no person; or say the sentence with “not”",
    r"\bmay nothing\b": "may do nothing",
    r"\bas good as\b": "what it means",
    r"\blast word was said\b": "can no longer request licenses",
    r"\bSay it again\b": "Correct the value and try again",
}
GUIDES = (ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md")))
PAGES = sorted((ROOT / "src").rglob("*.html"))
MODULES = sorted(path for path in (ROOT / "src").rglob("*.py") if "migrations" not in path.parts)


def hard(text: str) -> list[str]:
    return [f"{found[0]!r}: write {plain}" for how, plain in HARD.items() for found in re.finditer(how, text)]


def sentences(source: str) -> Iterator[str]:
    """The strings of a module that may be shown: docstrings are not, and a word alone is a name."""
    tree = ast.parse(source)
    shown = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in shown
        if is_text and " " in node.value.strip():
            yield node.value


@pytest.mark.parametrize("page", [*GUIDES, *PAGES], ids=lambda path: str(path.relative_to(ROOT)))
def test_pages_and_guides_are_in_plain_words(page: Path) -> None:
    text = re.sub(r"\{[#%].*?[#%]\}", " ", page.read_text(), flags=re.DOTALL)
    assert hard(" ".join(text.split())) == []


def test_messages_are_in_plain_words() -> None:
    found = {
        str(module.relative_to(ROOT)): problems
        for module in MODULES
        if (problems := [problem for text in sentences(module.read_text()) for problem in hard(text)])
    }
    assert found == {}


def test_hard_words_are_found() -> None:
    assert len(hard("“x” is no date. Make it anew. Whoever comes, nobody knows.")) == 4
    assert hard("There is no date. It is no longer there. There are no more of them.") == []
    assert list(sentences('"""Is no text."""\nx = "is no date"\nf"{x} is no day"')) == ["is no date", " is no day"]
