"""The OpenAPI documents of both sides state the bounds that the rules have: each number that a caller may send."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from carnet.calm.rest.interface import api
from carnet.calm.use_cases.purchases import MAX_GRACE, MAX_OVERAGE
from carnet.control_room.rest.openapi import document
from carnet.control_room.rules.granting.preconditions import MAX_TTL, MIN_TTL
from carnet.entitlements import MAX_QUANTITY
from carnet.exchange.windows import Windows

SITE = {"ttl_seconds": {(MIN_TTL, MAX_TTL)}, "units": {(1, MAX_QUANTITY), (0, MAX_QUANTITY)}}  # none is settled, too


def calm() -> dict[str, set[tuple[int, int]]]:
    """By the name of the number: its bounds, as the rules and the formats have them."""
    found = {
        "quantity": {(1, MAX_QUANTITY)},
        "overage_percent": {(0, MAX_OVERAGE)},
        "grace_days": {(0, MAX_GRACE)},
    }
    windows = msgspec.json.schema(Windows)["$defs"]["Windows"]["properties"]
    for name, schema in windows.items():
        number = schema.get("items", schema)
        if "minimum" in number:
            found[name] = {(number["minimum"], number["maximum"])}
    return found


def asked(openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each number in what a caller sends, with its schema."""
    for path in openapi["paths"].values():
        for operation in path.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                yield from _numbers("", content["schema"], openapi)


def _numbers(name: str, schema: dict[str, Any], openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "$ref" in schema:
        schema = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") in ("integer", "number"):
        yield name, schema
    for word, field in schema.get("properties", {}).items():
        yield from _numbers(word, field, openapi)
    for word in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(word, ()):
            yield from _numbers(name, each, openapi)
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield from _numbers(name, schema[word], openapi)


@pytest.mark.rule("Q1", "Q5", "E18", "G2")
def test_each_number_that_is_asked_for_has_the_bounds_of_the_rules() -> None:
    for openapi, bounds in ((api.get_openapi_schema(), calm()), (document(), SITE)):
        found: dict[str, set[tuple[int, int]]] = {}
        for name, schema in asked(openapi):
            found.setdefault(name, set()).add((schema.get("minimum"), schema.get("maximum")))
        assert found == bounds
