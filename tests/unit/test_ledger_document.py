"""docs/formats/ledger.md is normative: its kinds, fields, clear leaves and tables are those of the code."""

import re
from pathlib import Path

import msgspec

from carnet.control_room.engine.sqlite import _SCHEMA
from carnet.control_room.ledger.events import (
    CLEAR,
    KINDS,
    CountedRefusal,
    Draw,
)
from carnet.control_room.ledger.record import Record

TEXT = (Path(__file__).parents[2] / "docs" / "formats" / "ledger.md").read_text()


def _sections() -> dict[str, str]:
    parts = re.split(r"^#### `([\w.]+)`\n", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def _fields(text: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def _names(struct: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(struct)]


def test_every_kind_is_documented_with_its_fields_in_their_order() -> None:
    documented = {kind: _fields(text) for kind, text in _sections().items()}
    structures = {"Draw": _names(Draw), "CountedRefusal": _names(CountedRefusal)}
    assert documented == {kind: _names(event) for kind, event in KINDS.items()} | structures


def test_the_clear_leaves_are_named() -> None:
    assert {kind for kind, text in _sections().items() if "A clear leaf." in text} == CLEAR
    named = TEXT.split("**Clear leaves**")[1].split(":")[0]
    assert set(re.findall(r"`([\w.]+)`", named)) == CLEAR


def test_a_record_has_the_fields_documented() -> None:
    assert _fields(TEXT.split("## Records")[1].split("## Leaves")[0]) == _names(Record)


def test_the_tables_are_those_of_the_schema() -> None:
    storage = TEXT.split("## Storage")[1].split("\n## ")[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", storage, re.MULTILINE))
    made = re.findall(r"CREATE TABLE (\w+) \((.+)\) STRICT", _SCHEMA.replace("\n", " ").replace(";", ";\n"))
    assert set(documented) == {name for name, _ in made}
    for name, body in made:
        columns = re.findall(r"(?:^ *|, )(\w+) (?:TEXT|BLOB|INTEGER)", body)
        assert re.findall(r"`(\w+)`", documented[name]) == columns
