"""N3: text that others wrote is shown and not obeyed. One filter, and no way past it."""

import ast
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import carnet
from carnet.csv_cells import csv_line, defused, plain
from carnet.printable import FIELD, MOST_MARKS, is_printable, printable, printable_json, printable_lines

SOURCE = Path(carnet.__file__).parent
CSI, OSC_8, OSC_52 = "\x1b[2J\x1b[H", "\x1b]8;;https://evil.example\x07", "\x1b]52;c;cm0gLXJm\x07"
# What a terminal, a log or a page would obey, or not show at all.
OBEYED = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c",  # direction
    *"\u2028\u2029",  # lines
    *"\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e",  # no width
    *map(chr, (0xE0001, *range(0xE0020, 0xE0080))),  # tags
    *"\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0",  # blanks that count as letters
    "\ue000",  # private
    "\ud800",  # half of a character
    "\u00a0",
]
SHOWN = ["", "Plant 7", "Ærø", "東京 第二", "मुंबई", "القاهرة", "Đà Nẵng", "→ “x” …", "☀\ufe0f", "葛\U000e0100飾", "👩"]


def is_safe(text: str) -> bool:
    """No character that is obeyed, by what Unicode says of each: another way than the filter's own."""
    return all(unicodedata.category(sign)[0] in "LMNPS" or sign in " \n\t" for sign in text)


@pytest.mark.security
@pytest.mark.rule("N3")
@pytest.mark.parametrize("sign", OBEYED, ids=ascii)
def test_what_is_obeyed_is_shown_as_its_number(sign: str) -> None:
    text = f"Plant{sign}7"
    assert not is_printable(text)
    number = f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"
    assert printable(text) == f"Plant{number}7"
    assert printable_lines(text) == (text if sign in "\n\t" else f"Plant{number}7")


@pytest.mark.security
@pytest.mark.rule("N3")
@pytest.mark.parametrize("code", [CSI, OSC_8, OSC_52, "\x9b2J", "\x1bc", "\x1b[8m"], ids=ascii)
def test_an_escape_code_of_a_terminal_is_text(code: str) -> None:
    assert printable(code).isascii()
    assert printable(code).isprintable()


@pytest.mark.rule("N3")
@pytest.mark.parametrize("name", SHOWN)
def test_names_of_people_and_places_stay_as_they_are(name: str) -> None:
    assert is_printable(name)
    assert printable(name) == name == printable_lines(name)


@pytest.mark.security
@pytest.mark.rule("N3")
def test_marks_on_one_letter_are_bounded() -> None:
    many = "Z" + "\u0301" * 5000 + "!"
    shown = printable(many, FIELD)
    assert shown.count("\u0301") == MOST_MARKS
    assert len(shown) == FIELD
    assert is_printable("Z" + "\u0301" * MOST_MARKS)
    assert not is_printable("Z" + "\u0301" * (MOST_MARKS + 1))
    assert not is_printable("a\ufe0f\ufe0e"), "one selector chooses a form, two carry something"


@given(st.text(), st.integers(min_value=1, max_value=50))
@pytest.mark.rule("N3")
def test_whatever_comes_in_nothing_that_is_obeyed_goes_out(text: str, most: int) -> None:
    assert is_safe(printable(text))
    assert "\n" not in printable(text)
    assert is_safe(printable_lines(text))
    assert len(printable(text, most)) <= most
    assert printable(printable(text)) == printable(text)
    assert is_printable(text) == (printable(text) == text)
    assert printable_lines(text).count("\n") == text.replace("\r\n", "\n").count("\n")


@given(st.dictionaries(st.text(), st.text() | st.integers()))
@pytest.mark.rule("N3")
def test_json_means_the_same_and_obeys_nothing(value: dict[str, object]) -> None:
    said = printable_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert is_safe(said)
    assert json.loads(said) == value


@given(st.text())
@pytest.mark.rule("N3")
def test_a_cell_of_a_spreadsheet_holds_nothing_that_is_obeyed(cell: str) -> None:
    assert is_safe(csv_line([cell]).removesuffix("\r\n"))
    if is_printable(cell):
        assert plain(defused(printable(cell))) == cell


# Each place where something leaves, and the module that may hold it: what it writes went through the filter.
_DOORS = {
    "print": {"cli_support.py"},
    "typer.prompt": {"cli_support.py"},  # questions of ours
    "Console": {"cli_support.py"},
    "sys.stdout": {  # a file to it, or a reply to the server that asked; of a server: to be flushed
        "cli_support.py",
        "control_room/pages_process.py",
        "out_files.py",
        "web_kit/serving.py",
    },
    "sys.stderr": {
        "cli_support.py",
        "calm/cli/vendor.py",  # is it a terminal?
        "control_room/cli/progress.py",
        "control_room/serving.py",  # `server_log`
        "web_kit/serving.py",
        "web_kit/gateway.py",  # where Django would complain: nothing of ours does
    },
    "SysLogHandler": {"control_room/pages/notices.py"},
    "EmailBackend": {"web_kit/mail.py"},
}
_NOWHERE = {"typer.echo", "typer.secho", "typer.confirm", "rich.print", "Text.from_ansi", "Text.from_markup", "input"}
_MODULES = {"rich.text", "rich.markup", "rich.ansi", "rich.pretty", "rich.traceback", "rich.markdown"}


@pytest.mark.security
@pytest.mark.rule("N3")
def test_nothing_prints_in_another_way_than_through_the_filter() -> None:
    found: dict[str, set[str]] = {name: set() for name in _DOORS}
    for path in SOURCE.rglob("*.py"):
        where = path.relative_to(SOURCE).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            for name in _names(node):
                assert name not in _NOWHERE | _MODULES, (where, name)
                if name in found:
                    found[name].add(where)
    assert found == _DOORS


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        return [name, name.rpartition(".")[2]] if name.endswith(("Console", "SysLogHandler")) else [name]
    if isinstance(node, ast.Attribute):
        name = ast.unparse(node)
        return [name, "SysLogHandler"] if name.endswith("SysLogHandler") else [name]
    if isinstance(node, ast.ImportFrom):
        module = node.module or ""
        classes = [each.name for each in node.names if each.name == "EmailBackend"]
        return [module, *classes, *(f"{module}.{each.name}" for each in node.names)]
    if isinstance(node, ast.ClassDef):
        return [ast.unparse(base) for base in node.bases]
    return []


@pytest.mark.rule("N3")
def test_nothing_else_judges_what_is_printable() -> None:
    """A second idea of it would let in what the filter then shows as a number."""
    judging = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr == "isprintable":
                judging.add(path.relative_to(SOURCE).as_posix())
    assert judging == {"printable.py", "sdk/_core.py"}  # the SDK imports nothing of ours: it asks of an API key
