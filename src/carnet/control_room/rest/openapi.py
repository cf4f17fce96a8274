"""The OpenAPI 3.1 document, made of the table of operations and of the very structs that read and write."""

from functools import cache
from typing import Any

import msgspec

from carnet.control_room.rest import bodies
from carnet.control_room.rest.batch import BatchAnswer, Commands
from carnet.control_room.rest.message import JSON, PROBLEM, TEXT
from carnet.control_room.rest.monitoring import HealthAnswer
from carnet.control_room.rest.operations import OPERATIONS, PREFIX, Operation
from carnet.control_room.rest.problems import CODES, STATUSES
from carnet.rest_kit.problems import STATUS, Problem

_REF = "#/components/schemas/{name}"
_BEFORE_THE_KEY = (401, 413, 500)  # answers that name no checkpoint
_FORM = r"^(0|[1-9][0-9]{0,15})\.[0-9a-f]{64}\.[0-9a-f]{32}$"
_CHECKPOINT = {"$ref": "#/components/headers/Checkpoint"}


@cache
def body(prefix: str = "") -> bytes:
    """`prefix`: of the path below which a proxy has the server."""
    return msgspec.json.encode(document() | ({"servers": [{"url": prefix}]} if prefix else {}))


def document() -> dict[str, Any]:
    shapes = [Problem, HealthAnswer, BatchAnswer, Commands]
    shapes += [
        shape
        for each in OPERATIONS
        for shape in (each.body, each.answers)
        if each.method == "POST" or shape is not each.body
    ]
    schemas, components = msgspec.json.schema_components(dict.fromkeys(shapes), ref_template=_REF)
    named = dict(zip(dict.fromkeys(shapes), schemas, strict=True))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Control Room",
            "version": "1",
            "description": "Seats, units, users and features, for bots and products. Each change is durable when it is "
            "answered. Refusals are problems (RFC 9457) with a stable code.",
        },
        "security": [{"apiKey": []}],
        "paths": {each.path: {each.method.lower(): _operation(each, named)} for each in OPERATIONS} | _others(named),
        "components": {
            "schemas": components,
            "securitySchemes": {"apiKey": {"type": "http", "scheme": "bearer", "bearerFormat": "cnk_ID_SECRET"}},
            "headers": {
                "Checkpoint": {
                    "description": "What the ledger holds now; show it again.",
                    "schema": {"type": "string", "pattern": _FORM},
                }
            },
            "responses": {
                str(status): _problem(status, named[Problem], status not in _BEFORE_THE_KEY) for status in STATUSES
            },
            "parameters": {
                "Key": _header("Idempotency-Key", "The same request with it is done once.", bodies.KEY_PATTERN),
                "Checkpoint": _header(
                    "Carnet-Checkpoint", "The newest checkpoint that the caller was answered.", _FORM
                ),
            },
        },
    }


def _header(name: str, says: str, pattern: str) -> dict[str, Any]:
    schema = {"type": "string", "pattern": pattern}
    return {"name": name, "in": "header", "required": False, "description": says, "schema": schema}


def _problem(status: int, schema: dict[str, Any], checkpoint: bool) -> dict[str, Any]:
    codes = ", ".join(code.value for code in CODES if STATUS[code] == status)
    content = {PROBLEM.decode(): {"schema": schema}}
    headers: dict[str, Any] = {"Carnet-Checkpoint": _CHECKPOINT} if checkpoint else {}
    if status == 503:
        headers["Retry-After"] = {"description": "Seconds.", "schema": {"type": "integer"}}
    return {"description": f"Refused: {codes}.", "content": content, "headers": headers}


def _answers(content: dict[str, Any]) -> dict[str, Any]:
    granted = {"description": "Granted.", "content": content, "headers": {"Carnet-Checkpoint": _CHECKPOINT}}
    return {"200": granted} | {str(status): {"$ref": f"#/components/responses/{status}"} for status in STATUSES}


def _operation(each: Operation, named: dict[type, dict[str, Any]]) -> dict[str, Any]:
    parameters = ["Checkpoint", *(["Key"] if each.command else [])]
    made: dict[str, Any] = {
        "operationId": each.name.replace("/", "_"),
        "summary": each.says,
        "description": f"For keys with the permission “{each.needs}”.",
        "parameters": [*({"$ref": f"#/components/parameters/{name}"} for name in parameters), *_query(each)],
        "responses": _answers({JSON.decode(): {"schema": named[each.answers]}}),
    }
    if each.method == "POST":
        made["requestBody"] = _request(named[each.body])
    return made


def _query(each: Operation) -> list[dict[str, Any]]:
    if each.method == "POST":
        return []
    fields = msgspec.json.schema(each.body)["$defs"][each.body.__name__]["properties"]
    return [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in fields.items()]


def _request(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {JSON.decode(): {"schema": schema}}}


def _others(named: dict[type, dict[str, Any]]) -> dict[str, Any]:
    checkpoint = [{"$ref": "#/components/parameters/Checkpoint"}]
    health = {JSON.decode(): {"schema": named[HealthAnswer]}}
    return {
        f"{PREFIX}batch": {
            "post": {
                "operationId": "batch",
                "summary": "Many commands in one transaction, each with its own answer.",
                "parameters": checkpoint,
                "requestBody": _request(named[Commands]),
                "responses": _answers({JSON.decode(): {"schema": named[BatchAnswer]}}),
            }
        },
        f"{PREFIX}openapi.json": {
            "get": {
                "operationId": "openapi",
                "summary": "This document.",
                "parameters": checkpoint,
                "responses": _answers({JSON.decode(): {"schema": {"type": "object"}}}),
            }
        },
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "Figures for Prometheus.",
                "description": "For keys with the permission “read”.",
                "parameters": checkpoint,
                "responses": _answers({TEXT.decode(): {"schema": {"type": "string"}}}),
            }
        },
        "/live": {
            "get": {
                "operationId": "live",
                "summary": "That this process answers, whether it can grant or not. Needs no key.",
                "security": [],
                "responses": {
                    "200": {
                        "description": "It does.",
                        "content": {JSON.decode(): {"schema": {"type": "object", "required": ["live"]}}},
                    },
                    "405": {"$ref": "#/components/responses/405"},
                },
            }
        },
        "/health": {
            "get": {
                "operationId": "health",
                "summary": "Whether this Control Room can grant. Needs no key.",
                "security": [],
                "responses": {
                    "200": {"description": "It can.", "content": health},
                    "405": {"$ref": "#/components/responses/405"},
                    "503": {"description": "It cannot.", "content": health},
                },
            }
        },
    }
