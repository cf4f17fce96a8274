"""How long a seat lives where nobody says: the engine's rule, the command line, REST and the SDK say the same."""

import inspect

from typer.models import OptionInfo

from carnet import sdk
from carnet.control_room.cli import granting
from carnet.control_room.rest.openapi import document
from carnet.control_room.rules.granting.preconditions import DEFAULT_TTL, MAX_TTL, MIN_TTL
from carnet.control_room.rules.granting.reservations import ReserveUnits
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.sdk import calls


def test_every_door_has_the_same_time_to_live() -> None:
    """The SDK imports nothing of ours, so that its number is written once more there: this ties the two."""
    assert AcquireSeat("sku", "bot").ttl_seconds == ReserveUnits("sku", 1).ttl_seconds == DEFAULT_TTL
    for command in (granting.acquire, granting.reserve):
        assert inspect.signature(command).parameters["ttl"].default == DEFAULT_TTL
    option = next(each for each in granting.TimeToLive.__metadata__ if isinstance(each, OptionInfo))
    assert (option.min, option.max) == (MIN_TTL, MAX_TTL)
    assert calls.TTL == DEFAULT_TTL
    for client in (sdk.Client, sdk.AsyncClient):
        for method in (client.seat, client.acquire, client.reserve):
            assert inspect.signature(method).parameters["ttl"].default == DEFAULT_TTL
    for body in ("seats/acquire", "units/reserve"):
        schema = _body_of(f"/api/v1/{body}")["ttl_seconds"]
        assert (schema["default"], schema["minimum"], schema["maximum"]) == (DEFAULT_TTL, MIN_TTL, MAX_TTL)


def _body_of(path: str) -> dict:
    described = document()
    schema = described["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return described["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]["properties"]
