"""Each kind of product is whole, and nothing but its own module names one."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

import carnet
from carnet.control_room.cli import app as control_room
from carnet.control_room.queries.what_if import _ANSWERS
from carnet.entitlements import COUNTED_IN_UNITS, HypotheticalUse, Metric, MetricKind, Product, Taking, kind_of
from carnet.web_kit.icons import CALLED

SOURCE = Path(carnet.__file__).parent
MAY_BE_EMPTY = {"one", "many", "column"}  # then the product's unit is meant


@pytest.mark.parametrize("metric", Metric)
def test_no_word_of_a_kind_is_missing(metric: Metric) -> None:
    kind = metric.kind
    for each in fields(MetricKind):
        value = getattr(kind, each.name)
        assert value or each.name in MAY_BE_EMPTY or isinstance(value, bool) or each.name == "holders", each.name
    for each in fields(kind.use):
        assert getattr(kind.use, each.name), each.name
    assert kind.units("page")
    assert kind.counted(1, "page").startswith("1 ")
    assert kind.counted(1200, "page").startswith("1,200 ")
    assert kind.icon in CALLED
    if kind.holders:
        assert kind.holders.holding(1).startswith("1 ")
        assert kind.holders.holding(1200).startswith("1,200 ")
        assert "Bot" in kind.holders.losing(2, "Bot")


@pytest.mark.parametrize("metric", Metric)
def test_a_kind_fits_together(metric: Metric) -> None:
    kind = metric.kind
    assert bool(kind.holders) == (kind.taking in (Taking.ASSIGN, Taking.ACQUIRE))
    assert kind.are_leased == (kind.taking is Taking.ACQUIRE)
    assert kind.counts_units == (kind.taking is Taking.CONSUME)
    assert kind.counts_units or not (kind.is_periodic or kind.owes_overage), "only units come anew, or are owed"
    assert kind.has_quantity or not (kind.holders or kind.counts_units)
    assert len(metric.value) <= 16, "CALM's column is no wider"


def test_kinds_are_told_apart() -> None:
    for name in ("slug", "tab", "title"):
        told = [getattr(metric.kind, name) for metric in Metric]
        assert len(set(told)) == len(told), name


def test_each_question_has_an_answer_and_each_way_a_command() -> None:
    assert _ANSWERS.keys() == set(HypotheticalUse)
    groups = {group.name: group.typer_instance for group in control_room.registered_groups}
    for taking in Taking:
        group, verb = taking.value.split()
        instance = groups[group]
        assert instance
        assert verb in {command.name for command in instance.registered_commands}
        assert taking.words


def test_a_file_with_an_unknown_metric_is_not_read() -> None:
    raw = b'{"sku":"kiosk","name":"Kiosk","metric":"per_device","unit":"device"}'
    with pytest.raises(msgspec.ValidationError, match=r"Invalid enum value 'per_device' - at `\$\.metric`"):
        msgspec.json.decode(raw, type=Product)
    with pytest.raises(ValueError, match="per_device"):
        kind_of("per_device")


def test_the_value_stands_in_files_as_its_name() -> None:
    assert [metric.value for metric in Metric][:4] == ["named_user", "concurrent", "consumable", "feature"]
    assert msgspec.json.encode(list(Metric)[:1]) == b'["named_user"]'
    assert COUNTED_IN_UNITS


@pytest.mark.parametrize("name", ["license-file-request", "offline-license-file"])
def test_the_formats_name_each_value(name: str) -> None:
    text = (Path(__file__).parents[3] / "docs" / "formats" / f"{name}.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| `metric` "))
    assert set(re.findall(r"`(\w+)`", row)) == {"metric", *(metric.value for metric in Metric)}


def test_nothing_else_names_a_kind() -> None:
    """Neither a member (`Metric.FEATURE`), nor its value beside a metric (`metric == "feature"`)."""
    assert list(_named()) == []


def _named() -> Iterator[str]:
    values = {metric.value for metric in Metric}
    for path in sorted(SOURCE.rglob("*.py")):
        if path.name == "metrics.py" and path.parent.name == "entitlements":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            member = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Metric"
            if member and node.attr in Metric.__members__:  # type: ignore[attr-defined]
                yield f"{path}:{node.lineno}"  # type: ignore[attr-defined]
            if isinstance(node, ast.Compare) and "metric" in ast.unparse(node) and values & set(_texts(node)):
                yield f"{path}:{node.lineno}"
    for path in sorted(SOURCE.rglob("*.html")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if any(f"metric == {quote}" in line or f"metric != {quote}" in line for quote in "\"'"):
                yield f"{path}:{number}"


def _texts(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
