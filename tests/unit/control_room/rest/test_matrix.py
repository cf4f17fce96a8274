"""A1: every operation against every kind of key, compared with a table that people have read (`matrix.txt`).

A row is an operation, a column a key; “yes” is anything but a refusal of the key. Deny by default: an operation that
is new stands in no row, and fails here until somebody has decided.
"""

from pathlib import Path
from typing import Any

import httpx
import pytest

from carnet.control_room.rest.operations import OPERATIONS
from carnet.control_room.rules.granting.api_keys import RevokeApiKey
from tests.support.cast import MONDAY
from tests.support.http_room import YEAR, HttpRoom, licensed_room, new_key, serving
from tests.support.room import Room
from tests.support.vendor_simulator import line

TABLE = Path(__file__).with_name("matrix.txt")
SEATS, USERS, PAGES, FEATURE = "unattended-bot-runner", "bot-creator", "document-pages", "automator-ai"
PLENTY = [line(sku, 100, MONDAY, YEAR) for sku in (SEATS, USERS, PAGES)] + [line(FEATURE, 1, MONDAY, YEAR)]
COLUMNS = ("none", "wrong", "revoked", "take", "assign", "read", "other")


def bodies(served: HttpRoom) -> dict[str, Any]:
    """A request for each operation that a key without limits would be granted."""
    lease = served.post("seats/acquire", {"sku": SEATS, "holder": "a"}).json()["lease_id"]
    reserve = {"sku": PAGES, "units": 1}
    first, second = (served.post("units/reserve", reserve).json()["reservation_id"] for _ in range(2))
    served.post("users/assign", {"sku": USERS, "user": "anna"})
    return {
        "seats/acquire": {"sku": SEATS, "holder": "b"},
        "seats/renew": {"lease_id": lease},
        "units/consume": {"sku": PAGES, "units": 1},
        "units/reserve": {"sku": PAGES, "units": 1},
        "users/assign": {"sku": USERS, "user": "anna"},
        "users/check": {"sku": USERS, "user": "anna"},
        "users/unassign": {"sku": USERS, "user": "berit"},
        "features/check": {"sku": FEATURE},
        "units/settle": {"reservation_id": first, "units": 1},
        "units/cancel": {"reservation_id": second},
        "seats/release": {"lease_id": lease},
        "batch": {"commands": [{"do": "seats/acquire", "sku": SEATS, "holder": "c"}]},
    }


def keys(room: Room) -> dict[str, str]:
    made = {name: new_key(room, name, [name]) for name in ("take", "assign", "read")}
    made["revoked"] = new_key(room, "revoked")
    room.do(RevokeApiKey(made["revoked"][4:12]))
    made["wrong"] = made["take"][:-1] + ("a" if made["take"][-1] != "a" else "e")
    return made | {"other": new_key(room, "other", products=["another-product"])}


@pytest.mark.server
@pytest.mark.rule("A1", "unauthenticated", "not_permitted")
def test_what_each_key_may_do_is_what_the_table_says() -> None:
    found = {}
    with serving(prepare=keys, make_room=lambda: licensed_room(PLENTY)) as served:
        for column in COLUMNS:
            asked = bodies(served)
            before = served.call(served.room.dump)
            for name in [*asked, "status", "usage", "openapi.json", "metrics", "health", "live"]:
                found[name, column] = _outcome(_ask(served, name, asked.get(name), column))
            if column in ("none", "wrong", "revoked", "other"):
                assert served.call(served.room.dump)["records"] == before["records"], "nothing moved"
    assert _written(found) == TABLE.read_text()


def _ask(served: HttpRoom, name: str, body: Any, column: str) -> httpx.Response:
    key = None if column == "none" else column
    if name in ("metrics", "health", "live"):
        with served.client(key) as client:
            return client.get(f"{served.url}/{name}")
    return served.get(name, key) if body is None else served.post(name, body, key)


def _outcome(response: httpx.Response) -> str:
    answer = response.json() if "json" in response.headers["content-type"] else {}
    refused = next((each["refused"] for each in answer.get("answers", []) if "refused" in each), answer)
    words = {"unauthenticated": "401", "not_permitted": "no", "unknown_lease": "404", "unknown_reservation": "404"}
    return words[refused["code"]] if "code" in refused else "yes"


def _written(found: dict[tuple[str, str], str]) -> str:
    names = list(dict.fromkeys(name for name, _ in found))
    rows = [("", *COLUMNS), *((name, *(found[name, column] for column in COLUMNS)) for name in names)]
    return "".join(f"{row[0]:16}" + "".join(f"{cell:9}" for cell in row[1:]).rstrip() + "\n" for row in rows)


def test_every_operation_stands_in_the_table() -> None:
    listed = {line.split()[0] for line in TABLE.read_text().splitlines()[1:]}
    assert {operation.name for operation in OPERATIONS} <= listed


@pytest.mark.rule("A1")
def test_the_table_of_operations_asks_for_what_the_command_asks_for() -> None:
    from typing import get_type_hints

    from msgspec import UNSET

    for operation in OPERATIONS:
        sample = {"sku": "a", "holder": "b", "user": "b", "lease_id": "c", "reservation_id": "c", "units": 1}
        names = set(get_type_hints(operation.body))
        body: Any = operation.body(**{name: sample.get(name, UNSET) for name in names if not name.startswith("__")})
        make = operation.command or operation.question
        assert make
        made: Any = make(body)
        assert made.needs == operation.needs, operation.name
        assert made.answers is operation.answers, operation.name


@pytest.mark.server
@pytest.mark.rule("A1")
def test_a_key_of_some_products_sees_only_those() -> None:
    with serving(prepare=lambda room: {"seats": new_key(room, "seats", products=[SEATS])}) as served:
        bodies(served)
        served.post("seats/acquire", {"sku": SEATS, "holder": "b"}, "seats")
        for name in ("status", "usage"):
            answer = served.get(name, "seats").json()
            assert {product["sku"] for product in answer["products"]} == {SEATS}
            assert {line["sku"] for line in answer["lines"]} == {SEATS}
        assert {holder["sku"] for holder in served.get("usage", "seats").json()["holders"]} == {SEATS}
        with served.client("seats") as client:
            text = client.get(f"{served.url}/metrics").text
        assert SEATS in text
        assert PAGES not in text


@pytest.mark.server
@pytest.mark.rule("G5", "A1")
def test_two_callers_may_choose_the_same_idempotency_key() -> None:
    """Neither gets the other's answer, nor is refused because of it."""
    with serving(prepare=lambda room: {"one": new_key(room, "one"), "two": new_key(room, "two")}) as served:
        answers = [
            served.post("seats/acquire", {"sku": SEATS, "holder": name}, name, idempotency_key="same").json()
            for name in ("one", "two", "one")
        ]
    assert [answer["holder"] for answer in answers] == ["one", "two", "one"]
    assert answers[0] == answers[2]
