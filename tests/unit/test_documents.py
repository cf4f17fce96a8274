"""Documents that cannot rot: the codes, every field of every format and every worked example are checked here."""

import ast
import importlib
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from carnet.entitlements import Metric, read_catalogue
from carnet.exchange.envelope import Kind
from carnet.exchange.strict import decode
from carnet.exchange.verdicts import Code
from carnet.exchange.versioning import SEALED_BODY, TABLES, versions_of
from tests.vectors import samples
from tests.vectors.forge import compact

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FORMATS = sorted((DOCS / "formats").glob("*.md"))
MODULES = [
    "entitlements.line",
    "entitlements.period",
    "entitlements.product",
    "exchange.enablement_token",
    "exchange.envelope",
    "exchange.history",
    "exchange.issuing_log",
    "exchange.key_set",
    "exchange.keys",
    "exchange.license_file_request",
    "exchange.offline_license_file",
    "exchange.reads",
    "exchange.receipt",
    "exchange.windows",
]
LONG = {
    "<X-Wing public key>": samples.site().opener.key.pub,
    "<ML-DSA-65 public key>": samples.vendor().issuers[1].key.pub,  # type: ignore[union-attr]
    "<payload>": "e30",
    "<signature>": "AA",
    "<sealed body>": "AA",
}


def _structs() -> dict[str, type[msgspec.Struct]]:
    found = {}
    for name in MODULES:
        module = importlib.import_module(f"carnet.{name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__:
                found[value.__name__] = value
    return found


STRUCTS = _structs()


def _tables(text: str) -> Iterator[tuple[str, list[str]]]:
    """The name of each struct that has a table of fields, and the fields in it."""
    for part in re.split(r"^### `", text, flags=re.MULTILINE)[1:]:
        name, rest = part.split("`", 1)
        table = rest.lstrip("\n").split("\n\n")[0]
        yield name, re.findall(r"^\| `([a-z0-9_]+)` \|", table, re.MULTILINE)


DOCUMENTED = {name: fields for path in FORMATS for name, fields in _tables(path.read_text()) if name in STRUCTS}


@pytest.mark.parametrize("name", STRUCTS)
def test_every_field_of_every_format_is_documented_in_its_order(name: str) -> None:
    struct = STRUCTS[name]
    tag = struct.__struct_config__.tag_field
    fields = [*([tag] if tag else []), *struct.__struct_encode_fields__]
    assert DOCUMENTED.get(name) == fields


def _long(value: Any) -> Any:
    """An example with what is left out for people put back."""
    if isinstance(value, dict):
        return {name: _long(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_long(item) for item in value]
    return LONG.get(value, value) if isinstance(value, str) else value


def _examples() -> Iterator[Any]:
    for path in FORMATS:
        for name, text in re.findall(r"<!-- example: (\w+) -->\n```json\n(.*?)```", path.read_text(), re.DOTALL):
            yield pytest.param(name, text, id=f"{path.stem}-{name}")


@pytest.mark.parametrize(("name", "text"), list(_examples()))
def test_every_worked_example_is_read_by_the_code(name: str, text: str) -> None:
    raw = compact(_long(json.loads(text)))
    assert decode(raw, STRUCTS[name], depth=12)


def test_the_catalogues_example_is_read_and_its_metrics_are_those_of_the_code() -> None:
    page = (DOCS / "formats/catalogue.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert [product.sku for product in read_catalogue(example.encode())] == ["turbine-monitor", "inspection-pages"]
    (row,) = re.findall(r"^\| `metric` \|.*$", page, re.MULTILINE)
    assert re.findall(r"`(\w+)`", row) == ["metric", *Metric]


VERSIONED = {  # as the table of versions in the page of the envelope calls each kind
    "token": Kind.TOKEN,
    "LFR": Kind.LFR,
    "OLF, with its sealed body": Kind.OLF,
    "receipt": Kind.RECEIPT,
    "key set": Kind.KEY_SET,
}


@pytest.mark.rule("E17")
def test_the_table_of_versions_is_that_of_the_code() -> None:
    page = (DOCS / "formats/envelope.md").read_text()
    _, found, rest = page.partition("| kind | versions | read by | written by |\n")
    assert found
    told = rest.split("\n\n")[0].splitlines()[1:]
    made = [
        f"| {name} | {', '.join(map(str, versions_of(kind).table))} | {kind.reader} | {kind.writer} |"
        for name, kind in VERSIONED.items()
    ]
    assert told == made
    assert {*VERSIONED.values(), SEALED_BODY} == set(TABLES)
    assert versions_of(SEALED_BODY).table.keys() == versions_of(Kind.OLF).table.keys()


def test_every_payload_has_a_worked_example() -> None:
    shown = {param.values[0] for param in _examples()}
    payloads = {"Token", "LicenseFileRequest", "OfflineLicenseFile", "SealedBody", "Receipt", "KeySet", "Trust"}
    assert payloads | {"JwsFields", "Header", "OkpKey", "AkpKey"} <= shown


@pytest.mark.rule("E13", "method_not_allowed")
def test_the_rules_and_the_code_list_the_same_codes() -> None:
    text = (DOCS / "rules.md").read_text()
    table = text[text.index("## Codes") :]
    listed = re.findall(r"^\| `([a-z_]+)` \| .+\. \| .+\. \|$", table, re.MULTILINE)
    assert len(listed) == len(set(listed)), "a code stands in the table once"
    assert set(listed) == {code.value for code in Code}


def test_every_rule_is_written_down() -> None:
    text = (DOCS / "rules.md").read_text()
    ranges = {"E": 19, "Q": 5, "H": 8, "G": 7, "T": 5, "L": 7, "V": 2, "A": 7, "N": 5, "D": 4}
    wanted = [f"{letter}{number}" for letter, most in ranges.items() for number in range(1, most + 1)]
    assert re.findall(r"^\*\*([A-Z]\d+)\b", text, re.MULTILINE) == wanted
    assert "\n## S: states\n" in text


PAGES = [*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_documents_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_document_stands_on_its_own(page: Path) -> None:
    for word in ("../shared", "/work/", "/home/", "pypi.org", "TODO", "FIXME"):
        assert word not in page.read_text(), word


def _commands(app: Any) -> dict[str, set[str]]:
    """Every leaf command of a command line (`request generate`), with its options."""
    import typer

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, set[str]]]:
        subcommands = getattr(command, "commands", None)
        if not subcommands:
            yield " ".join(path), {option for param in command.params for option in param.opts}
            return
        for name, sub in subcommands.items():
            yield from walk(sub, (*path, name))

    return dict(walk(typer.main.get_command(app), ()))


GUIDE = (DOCS / "guides/getting-started.md").read_text()


@pytest.mark.parametrize(
    ("program", "module"),
    [("carnet", "carnet.cli"), ("control-room", "carnet.control_room.cli"), ("calm", "carnet.calm.cli")],
)
def test_every_command_and_option_in_the_guide_exists(program: str, module: str) -> None:
    known = _commands(importlib.import_module(module).app)
    lines = re.findall(rf"^ {{4}}{program} (.+)$", GUIDE, re.MULTILINE)
    assert lines
    for line in lines:
        words = shlex.split(line)
        named = next((path for path in (" ".join(words[:2]), words[0]) if path in known), None)
        assert named, line
        assert {word for word in words if word.startswith("--")} <= known[named], line


def test_every_setting_of_the_environment_is_documented() -> None:
    name = r"(?:CARNET_[A-Z_]+|DATABASE_URL)"
    used = {found for path in (ROOT / "src").rglob("*.py") for found in re.findall(name, path.read_text())}
    documented = set(re.findall(rf"^\| `({name})`", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    assert used == documented


SPOKEN = ("Refusal", "CarnetError", "UsageError", "NotSetUpError", "PassphraseError", "StorageError", "BusyError")
SPOKEN += ("TamperedError", "replace", "malformed")
COMMAND = re.compile(r"\b(calm|control-room) [a-z]+(-[a-z]+)?\b|(^|\s)--[a-z]|\bRun: ")
CALM = ["use_cases", "people", "purchases", "control_rooms", "queries", "notices"]
CONTROL_ROOM = ["rules", "state", "queries", "engine", "ledger", "local_api", "rest"]
SPEAKING = [*(f"calm/{folder}" for folder in CALM), *(f"control_room/{folder}" for folder in CONTROL_ROOM)]
AT_A_TERMINAL = ["serve.py"]  # what only whoever starts the server can read


def _spoken(folder: str) -> Iterator[tuple[str, ast.Call]]:
    """Every refusal and fault that is made there, with its file's name."""
    for path in sorted((ROOT / "src/carnet" / folder).rglob("*.py")):
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            if getattr(call.func, "id", "") in SPOKEN and path.name not in AT_A_TERMINAL:
                yield path.name, call


def _texts(parts: Iterable[ast.expr]) -> Iterator[str]:
    constants = (part for one in parts for part in ast.walk(one) if isinstance(part, ast.Constant))
    yield from (constant.value for constant in constants if isinstance(constant.value, str))


@pytest.mark.parametrize("folder", SPEAKING)
def test_what_is_said_names_no_command_but_in_run(folder: str) -> None:
    """The same sentence stands on a page, in REST and in a terminal; `run` is what the command line adds."""
    side = importlib.import_module(f"carnet.{folder.partition('/')[0]}.cli").app
    commands = re.compile("|".join(rf"\b{path}\b" for path in _commands(side) if " " in path))
    found = []
    for name, call in _spoken(folder):
        a_fault = getattr(call.func, "id", "").endswith("Error")  # its third argument is the command
        said = [*call.args[: 2 if a_fault else None], *(word.value for word in call.keywords if word.arg != "run")]
        for text in _texts(said):
            if COMMAND.search(text) or commands.search(text):
                found.append((name, text))
    assert found == []


@pytest.mark.parametrize("folder", [f"control_room/{folder}" for folder in CONTROL_ROOM])
def test_every_command_that_is_named_exists(folder: str) -> None:
    known = _commands(importlib.import_module("carnet.control_room.cli").app)
    for name, call in _spoken(folder):
        named = [word.value for word in call.keywords if word.arg == "run"]
        if getattr(call.func, "id", "").endswith("Error"):
            named += call.args[2:]
        for text in (one.value for one in named if isinstance(one, ast.Constant) and one.value):
            program, *words = shlex.split(str(text))
            path = next((path for path in (" ".join(words[:2]), words[0]) if path in known), None)
            assert program == "control-room", (name, text)
            assert path, (name, text)
            assert {word for word in words if word.startswith("--")} <= known[path], (name, text)
