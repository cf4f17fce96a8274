"""The OpenAPI document: valid by itself, true of real answers, and tried by a machine that reads nothing else."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema_rs import Draft202012Validator, meta

from carnet.control_room.rest.openapi import document
from carnet.control_room.rest.operations import OPERATIONS, PREFIX
from carnet.control_room.rest.problems import STATUSES
from tests.support import depth
from tests.support.http_room import HttpRoom, new_key, serving
from tests.unit.control_room.rest.test_matrix import bodies


def test_the_document_lists_every_operation() -> None:
    paths = document()["paths"]
    assert {(path, method.upper()) for path, each in paths.items() for method in each} >= {
        (operation.path, operation.method) for operation in OPERATIONS
    }


def test_every_reference_leads_somewhere() -> None:
    made = document()
    for reference in re.findall(r'"#/([^"]+)"', json.dumps(made)):
        found: Any = made
        for part in reference.split("/"):
            found = found[part]


def test_every_schema_is_a_schema() -> None:
    for schema in document()["components"]["schemas"].values():
        meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema)


def _answer_holds(made: dict[str, Any], path: str, method: str, response: httpx.Response) -> None:
    listed = made["paths"][path][method]["responses"][str(response.status_code)]
    if "$ref" in listed:
        listed = made["components"]["responses"][listed["$ref"].rpartition("/")[2]]
    schema = listed["content"][response.headers["content-type"]]["schema"]
    whole = {"$ref": "#/$defs/x", "$defs": {"x": schema}, "components": made["components"]}
    Draft202012Validator(whole).validate(response.json())
    for name in listed.get("headers", {}):
        assert name in response.headers, name


@pytest.mark.rule("E13")
def test_real_answers_are_what_the_document_says(served: HttpRoom) -> None:
    made = served.get("openapi.json").json()
    assert made == json.loads(json.dumps(document()))
    for name, body in bodies(served).items():
        for sent in (body, {}, {"sku": "no-such"}):
            _answer_holds(made, PREFIX + name, "post", served.post(name, sent))
        _answer_holds(made, PREFIX + name, "post", served.post(name, body, key=None))
    for name in ("status", "usage", "openapi.json"):
        _answer_holds(made, PREFIX + name, "get", served.get(name))


def test_every_status_is_in_the_document() -> None:
    made = document()
    for operation in OPERATIONS:
        listed = made["paths"][operation.path][operation.method.lower()]["responses"]
        assert set(listed) == {"200", *map(str, STATUSES)}


@pytest.fixture(scope="module")
def open_room() -> Iterator[HttpRoom]:
    with serving(prepare=lambda room: {"reader": new_key(room, "reader", ["read"])}) as running:
        yield running


@pytest.mark.fuzz
def test_a_machine_that_reads_the_document_finds_nothing(open_room: HttpRoom, tmp_path: Path) -> None:
    """schemathesis, through its own command, as a visitor would run it. Two things it may find: JSON Schema counts
    147.0 as an integer, and this interface does not; and its own idempotency keys repeat.
    """
    token = open_room.get("status").headers["carnet-checkpoint"]
    config = tmp_path / "schemathesis.toml"
    config.write_text(
        '[generation]\ncodec = "ascii"\ndatabase = "none"\n'  # unassigned characters are no names
        f'[parameters]\n"header.Carnet-Checkpoint" = "{token}"\n'
    )
    ran = subprocess.run(
        [
            Path(sys.executable).with_name("st"), "--config-file", config,
            "run", f"{open_room.url}{PREFIX}openapi.json", "--url", open_room.url,
            "-H", f"Authorization: Bearer {open_room.keys['all']}", "--seed", str(depth.seed_number()),
            "--phases", "coverage,fuzzing", "--max-examples", str(depth.times(1, 100)),
            "--no-color", "--continue-on-failure",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=depth.times(120, 1800), check=False,
    )  # fmt: skip
    assert re.search(r"\d+ generated", ran.stdout), ran.stdout + ran.stderr
    assert [found for found in _found(ran.stdout) if not any(word in found for word in ALLOWED)] == [], ran.stdout
    assert "fault" not in open_room.log.getvalue()


ALLOWED = ("Expected `int`, got `float`", "This key was used for another request")


def _found(printed: str) -> list[str]:
    """Each failure, from its code to how to see it again."""
    return re.findall(r"^- (ST.+?)Reproduce with", printed, re.MULTILINE | re.DOTALL)
