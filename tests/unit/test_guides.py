"""What a guide names is there: every command with its options, address, setting, code, file and `make` target, in every
guide, in the README, in the settings and in CONTRIBUTING."""

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from carnet.control_room.rest.door import DOCUMENT, HEALTH, LIVE, METRICS
from carnet.control_room.rest.operations import OPERATIONS
from carnet.exchange.verdicts import Code
from tests.unit.test_documents import _commands

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDES = sorted([*(DOCS / "guides").glob("*.md"), DOCS / "settings.md", ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
PROGRAMS = {"carnet": "carnet.cli", "control-room": "carnet.control_room.cli", "calm": "carnet.calm.cli"}

MADE = {line.strip("/") for line in (ROOT / ".gitignore").read_text().split()}

each_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)


def _code(guide: Path) -> Iterator[str]:
    """Lines of code: indented or fenced, continued lines joined; and what stands between backticks in a sentence."""
    text = guide.read_text().replace("\\\n", " ")
    for fence in re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from fence.splitlines()
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for line in rest.splitlines():
        if line.startswith("    "):
            yield line.strip()
        else:
            yield from re.findall(r"`([^`]+)`", line)


@cache
def _known(program: str) -> dict[str, set[str]]:
    return _commands(importlib.import_module(PROGRAMS[program]).app)


def _spoken_to(line: str) -> Iterator[tuple[str, list[str]]]:
    """Each call of one of our programs in a line of shell."""
    for part in re.split(r"\||&&|;|\$\(|\s#\s", line):
        found = re.search(r"(?:^|[\s/])(carnet|control-room|calm) ([a-z][a-z-]*.*)$", part.strip().rstrip(")"))
        if found and not re.match(r"(User|Group|chown|install|apt|pip)\b", part.strip()):
            try:
                yield found[1], shlex.split(found[2].replace("…", ""))
            except ValueError:
                continue  # a sentence, with an apostrophe


@each_guide
def test_every_command_and_option_exists(guide: Path) -> None:
    for line in _code(guide):
        for program, words in _spoken_to(line):
            known = _known(program)
            named = [path for path in (" ".join(words[:2]), words[0]) if path in known]
            group = {path: options for path, options in known.items() if path.startswith(f"{words[0]} ")}
            assert named or (group and len(words) == 1), f"{guide.name}: {program} {' '.join(words)}"
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            if named:
                assert options <= known[named[0]], f"{guide.name}: {program} {' '.join(words)}"


def test_the_guides_name_many_commands() -> None:
    """What finds them finds them."""
    found = [call for guide in GUIDES for line in _code(guide) for call in _spoken_to(line)]
    assert {program for program, _ in found} == set(PROGRAMS)
    assert len(found) > 80


@cache
def _addresses() -> set[str]:
    from django.urls import get_resolver

    def of_calm(resolver: object, prefix: str = "/") -> Iterator[str]:
        for pattern in resolver.url_patterns:  # type: ignore[attr-defined]
            path = prefix + re.sub(r"<[^>]+>|\(\?P.*?\)", "*", str(pattern.pattern))
            if hasattr(pattern, "url_patterns"):
                yield from of_calm(pattern, path)
            else:
                yield path.rstrip("/")

    site = {each.path for each in OPERATIONS} | {path.decode() for path in (HEALTH, LIVE, METRICS, DOCUMENT)}
    return site | set(of_calm(get_resolver("carnet.calm.urls"))) | {"/api/v1/batch"}


@each_guide
def test_every_address_exists(guide: Path) -> None:
    text = guide.read_text()
    for address in re.findall(r"(?<![\w.])(/(?:api/v1|health|live|metrics)(?:/[a-zA-Z_{}./*-]+)?)", text):
        path = re.sub(r"\{[^}]+\}|(?<=/)[A-Z_]+(?=/|$)", "*", address).rstrip("/.*")
        assert any(known.startswith(path) for known in _addresses()), f"{guide.name}: {address}"


@each_guide
def test_every_setting_is_one_of_the_settings(guide: Path) -> None:
    known = set(re.findall(r"^\| `([A-Z_]+)`", (DOCS / "settings.md").read_text(), re.MULTILINE))
    known |= {"CARNET_SEED"}  # of the tests alone
    assert set(re.findall(r"CARNET_[A-Z_]+[A-Z]", guide.read_text())) <= known


@each_guide
def test_every_make_target_exists(guide: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in _code(guide):
        for words in re.findall(r"(?:^|\s)make ((?:[a-z-]+ ?)+)", line):
            assert set(words.split()) <= targets, f"{guide.name}: make {words}"


@each_guide
def test_every_path_of_the_project_exists(guide: Path) -> None:
    tops = "|".join(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
    for line in _code(guide):
        for named in re.findall(rf"(?<![\w./-])((?:{tops})/[\w./-]*\w/?)", line):
            if guide.parent == ROOT or named.startswith(("docs/", "src/", "tests/")):
                made = named.strip("/") in MADE  # by a command, and ignored by git
                assert made or (ROOT / named).exists(), f"{guide.name}: {named}"


_OF_DATA_FOLDERS = (DOCS / "settings.md").read_text().split("What lies in them")[1]
DATA_FILES = re.findall(
    r"`([\w.-]+(?:/[\w.-]*)?)`",
    "".join(
        re.findall(r"^\| (`[^|]+) \|", (DOCS / "settings.md").read_text().split("What lies in them")[1], re.MULTILINE)
    ),
)


@pytest.mark.parametrize("name", sorted({name for name in DATA_FILES if not re.search(r"^-|VERSION|-N\.", name)}))
def test_every_file_of_a_data_folder_is_named_in_the_code(name: str) -> None:
    source = "".join(path.read_text() for path in (ROOT / "src").rglob("*.py"))
    for part in name.removesuffix("-wal").strip("/").split("/"):  # a database's own file beside it
        assert re.search(rf'["/]{re.escape(part)}["/]', source), name  # as a name of its own, not within a sentence


@cache
def _names() -> set[str]:
    """Every name in the code, and every package and module of it."""
    found = {path.stem for path in (ROOT / "src").rglob("*")}
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            found |= {
                each for field in ("id", "attr", "arg", "name") if isinstance(each := getattr(node, field, 0), str)
            }
    return found


@each_guide
def test_every_code_and_name_exists(guide: Path) -> None:
    """A word with an underscore is a code of the list, or a name in the code."""
    for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", guide.read_text()):
        assert word in set(Code) | _names(), f"{guide.name}: {word}"


def test_the_guides_name_many_codes() -> None:
    found = {word for guide in GUIDES for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", guide.read_text())}
    assert len(found & set(Code)) > 15
