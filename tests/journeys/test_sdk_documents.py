"""The SDK says what the server says, and its guide what the SDK does."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from carnet.sdk import (
    AsyncClient,
    Client,
    Refused,
    calls,
)
from carnet.sdk import _answers as answers
from tests.journeys.commands import ROOT
from tests.support.http_room import HttpRoom, serving

WITHOUT_A_CLASS = {  # code → why a product has nothing to catch; what comes all the same is a plain `Refused`
    "not_found": "The clients ask only addresses that the document names.",
    "method_not_allowed": "The clients ask with the methods that the document names.",
    "too_large": "Only a batch of very long names is: its sentence says the limit, and the program is to be changed.",
    "fault": "Any failure of the server is `ServerFault`, which is not a refusal: it may have been done.",
}


@pytest.fixture(scope="module")
def room() -> Iterator[HttpRoom]:
    with serving() as running:
        yield running


@pytest.mark.server
def test_calls_and_answers_are_those_of_the_document_that_the_server_serves(room: HttpRoom) -> None:
    document = room.get("openapi.json").json()
    schemas = document["components"]["schemas"]
    asked: list[tuple[calls.Call[Any], type]] = [
        (calls.acquire("s", "h"), answers.Seat),
        (calls.renew("l"), answers.Seat),
        (calls.release("l"), answers.Seat),
        (calls.consume("s", 1), answers.Units),
        (calls.reserve("s", 1), answers.Reservation),
        (calls.settle("r", 1), answers.Units),
        (calls.cancel("r"), answers.Reservation),
        (calls.assign("s", "u", even_so=True), answers.User),
        (calls.unassign("s", "u"), answers.User),
        (calls.check_user("s", "u"), answers.User),
        (calls.check_feature("s"), answers.Feature),
        (calls.status(), answers.Status),
        (calls.usage(), answers.Usage),
    ]
    offered = {path.removeprefix("/api/v1/") for path in document["paths"] if path.startswith("/api/v1/")}
    assert {call.name for call, _ in asked} | {"batch", "openapi.json"} == offered
    for call, kind in asked:
        operation = document["paths"][f"/api/v1/{call.name}"][call.method.lower()]
        takes_key = {"$ref": "#/components/parameters/Key"} in operation["parameters"]
        assert takes_key == call.changes, call.name
        if call.method == "POST":
            assert set(call.fields) == set(schema_of(operation["requestBody"], schemas)["properties"]), call.name
        agrees(kind, schema_of(operation["responses"]["200"], schemas), schemas)
    described = [each["description"] for each in document["components"]["responses"].values()]
    codes = {code for each in described for code in each.removeprefix("Refused: ").removesuffix(".").split(", ")}
    assert {each.code for each in Refused.__subclasses__()} == codes - set(WITHOUT_A_CLASS)
    assert set(WITHOUT_A_CLASS) <= codes


def schema_of(part: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    return resolved(part["content"]["application/json"]["schema"], schemas)


def resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def agrees(kind: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    told = schema["properties"]
    for each in fields(kind):
        if each.name == "local":
            continue
        assert each.name in told, (kind, each.name)
        inner = getattr(answers, re.sub(r"list\[(.*)\]", r"\1", str(each.type)).rpartition(".")[2].rstrip("]'>"), None)
        if is_dataclass(inner):
            agrees(inner, resolved(told[each.name]["items"], schemas), schemas)


@pytest.mark.server
def test_the_ten_lines_of_the_guide_work(room: HttpRoom) -> None:
    guide = (ROOT / "docs" / "guides" / "sdk.md").read_text()
    (example,) = re.findall(r"<!-- run by a test -->\n```python\n(.*?)```", guide, re.S)
    assert len([line for line in example.splitlines() if line]) == 10
    env = os.environ | {"CARNET_URL": room.url, "CARNET_API_KEY": room.keys["all"]}
    done = subprocess.run([sys.executable, "-c", example], env=env, timeout=30, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "72 pages are left\n"
    with Client(room.url, room.keys["all"]) as client:
        assert client.usage().holders == []


def test_the_guide_names_every_call_of_the_client() -> None:
    guide = (ROOT / "docs" / "guides" / "sdk.md").read_text()
    for name, made in vars(Client).items():
        if callable(made) and not name.startswith("_") and name not in ("ask", "check_feature"):
            assert re.search(rf"\b{name}\b", guide), name
            assert hasattr(AsyncClient, name)


def signature(kind: type, name: str) -> str:
    return re.sub("Async", "", str(inspect.signature(getattr(kind, name))))


def test_both_clients_take_the_same() -> None:
    for name in vars(Client):
        if not name.startswith("_") and callable(getattr(Client, name)):
            assert signature(Client, name) == signature(AsyncClient, name)
