"""Each operation, granted and refused, over HTTP. The answers are those of every other door."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from carnet.control_room.queries.questions import Status
from carnet.control_room.rest import batch
from carnet.errors import BusyError
from carnet.sdk import Client
from tests.support.cast import MONDAY
from tests.support.http_room import HttpRoom, licensed_room, new_key, serving
from tests.support.room import Room
from tests.support.vendor_simulator import line

SEAT = {"sku": "unattended-bot-runner", "holder": "bot-17"}


def granted(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["carnet-checkpoint"].count(".") == 2
    return response.json()


def refused(response: httpx.Response, status: int, code: str) -> Any:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert (problem["type"], problem["status"]) == (f"urn:carnet:{code}", status)
    assert problem["detail"]
    assert problem["next"]
    assert ("retry-after" in response.headers) == (status == 503)
    return problem


@pytest.mark.rule("G2", "exhausted", "unknown_lease")
def test_a_seat_is_acquired_renewed_and_released(served: HttpRoom) -> None:
    lease = granted(served.post("seats/acquire", SEAT | {"ttl_seconds": 60}))
    assert lease | {"lease_id": "", "expires_at": ""} == SEAT | {
        "lease_id": "",
        "expires_at": "",
        "in_use": 1,
        "granted": 2,
    }
    assert lease["expires_at"] == "2026-09-14T08:01:00Z"
    assert granted(served.post("seats/acquire", SEAT))["in_use"] == 2
    refused(served.post("seats/acquire", SEAT), 409, "exhausted")
    named = {"lease_id": lease["lease_id"]}
    assert granted(served.post("seats/renew", named))["lease_id"] == lease["lease_id"]
    assert granted(served.post("seats/release", named))["expires_at"] is None
    refused(served.post("seats/release", named), 404, "unknown_lease")
    refused(served.post("seats/renew", named), 404, "unknown_lease")


@pytest.mark.rule("G2")
def test_units_are_consumed_all_or_nothing(served: HttpRoom) -> None:
    pages = {"sku": "document-pages", "units": 70}
    assert granted(served.post("units/consume", pages)) == pages | {"remaining": 30, "owed": 0}
    refused(served.post("units/consume", pages), 409, "exhausted")


@pytest.mark.rule("G2", "unknown_reservation")
def test_units_are_reserved_settled_and_cancelled(served: HttpRoom) -> None:
    asked = {"sku": "document-pages", "units": 60}
    first = granted(served.post("units/reserve", asked | {"ttl_seconds": 60}))
    assert (first["units"], first["remaining"], first["expires_at"]) == (60, 40, "2026-09-14T08:01:00Z")
    refused(served.post("units/reserve", asked), 409, "exhausted")
    named = {"reservation_id": first["reservation_id"]}
    assert granted(served.post("units/settle", named | {"units": 10}))["remaining"] == 90
    refused(served.post("units/settle", named | {"units": 10}), 404, "unknown_reservation")
    second = granted(served.post("units/reserve", asked))
    cancelled = granted(served.post("units/cancel", {"reservation_id": second["reservation_id"]}))
    assert (cancelled["remaining"], cancelled["expires_at"]) == (90, None)


@pytest.mark.rule("G2")
def test_users_are_assigned_checked_and_unassigned(served: HttpRoom) -> None:
    anna = {"sku": "bot-creator", "user": "anna"}
    refused(served.post("users/check", anna), 403, "not_granted")
    assert granted(served.post("users/assign", anna)) == anna | {"assigned": True, "in_use": 1, "granted": 3}
    assert granted(served.post("users/check", anna))["assigned"]
    assert not granted(served.post("users/unassign", anna))["assigned"]
    refused(served.post("users/assign", anna | {"sku": "automator-ai"}), 403, "not_granted")


@pytest.mark.rule("G2")
def test_a_feature_is_checked(served: HttpRoom) -> None:
    assert granted(served.post("features/check", {"sku": "automator-ai"}))["granted"] is True
    refused(served.post("features/check", {"sku": "no-such"}), 403, "not_granted")


def test_status_and_usage_are_what_the_command_line_says(served: HttpRoom) -> None:
    granted(served.post("seats/acquire", SEAT))
    status, usage = granted(served.get("status")), granted(served.get("usage"))
    assert (status["state"], status["storage"]) == ("active", "")
    assert [holder["holder"] for holder in usage["holders"]] == ["bot-17"]


def page(served: HttpRoom, query: str, key: str = "all") -> Any:
    return granted(served.get(f"usage?{query}", key))


@pytest.mark.server
@pytest.mark.rule("Q4", "A1")
def test_holders_come_in_pages_and_whoever_goes_meanwhile_shifts_nobody() -> None:
    """Each page has the totals of all. A key of one product sees no other one's holders, nor where they are."""
    with serving(prepare=lambda room: {"mine": new_key(room, "mine", products=["unattended-bot-runner"])}) as served:
        leases = [granted(served.post("seats/acquire", SEAT | {"holder": f"bot-{n}"}))["lease_id"] for n in range(2)]
        for user in ("clara", "anna", "bertil"):
            granted(served.post("users/assign", {"sku": "bot-creator", "user": user}))
        found, asked = [], "limit=2"
        while asked:
            answer = page(served, asked)
            assert len(answer["products"]) == 4
            found += [holder["holder"] for holder in answer["holders"]]
            if len(found) == 2:
                granted(served.post("users/unassign", {"sku": "bot-creator", "user": "bertil"}))
            asked = answer["next"] and f"limit=2&after={quote(answer['next'])}"
        assert [*found[:3], *sorted(found[3:])] == ["anna", "bertil", "clara", "bot-0", "bot-1"]
        assert page(served, "limit=1", "mine")["holders"][0]["lease_id"] == min(leases)
        assert page(served, "", "mine")["next"] is None
        with Client(served.url, served.keys["all"]) as client:
            assert {holder.holder for holder in client.usage().holders} == {"anna", "clara", "bot-0", "bot-1"}


@pytest.mark.rule("malformed")
@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=1.0", "limit=1e1", "limit=x", "limit=1&limit=1", "limit", "&"],
)
def test_how_many_a_page_has_is_said_in_one_way(served: HttpRoom, query: str) -> None:
    refused(served.get(f"usage?{query}"), 400, "malformed")


@pytest.mark.rule("malformed")
@pytest.mark.parametrize(
    "query",
    ["after=a&after=a", "after=%ff", "more=1", "after=" + 266 * "a"],
)
def test_a_page_is_asked_for_in_one_way(served: HttpRoom, query: str) -> None:
    refused(served.get(f"usage?{query}"), 400, "malformed")


@pytest.mark.rule("not_found", "method_not_allowed")
def test_what_is_not_there_is_refused_as_a_problem_too(served: HttpRoom) -> None:
    refused(served.get("nothing"), 404, "not_found")
    refused(served.get("status?verbose=1"), 404, "not_found")
    wrong = served.get("seats/acquire")
    refused(wrong, 405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"
    refused(served.post("status"), 405, "method_not_allowed")


@pytest.mark.rule("G5", "idempotency_conflict")
def test_a_repeated_key_gets_the_first_answer_and_another_request_none(served: HttpRoom) -> None:
    first = granted(served.post("seats/acquire", SEAT, idempotency_key="one"))
    assert granted(served.post("seats/acquire", SEAT, idempotency_key="one")) == first
    refused(
        served.post("seats/acquire", SEAT | {"holder": "bot-18"}, idempotency_key="one"), 422, "idempotency_conflict"
    )


@pytest.mark.rule("malformed")
@pytest.mark.parametrize("key", ["", "a" * 65, "smörgås", "tab\there"])
def test_an_idempotency_key_is_short_and_printable(served: HttpRoom, key: str) -> None:
    header = {"idempotency-key": key.encode("latin-1")}
    with served.client() as client:
        refused(client.post("seats/acquire", json=SEAT, headers=header), 400, "malformed")


def test_health_needs_no_key(served: HttpRoom) -> None:
    answer = httpx.get(f"{served.url}/health", trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"grants": True, "state": "active", "storage": ""})


def test_that_it_lives_is_answered_also_where_nothing_can_be_granted(served: HttpRoom) -> None:
    """A locked site renews, checks and takes back (E8): it must not be restarted for it."""
    served.call(lambda: served.room.wait(days=366 + 60))
    assert httpx.get(f"{served.url}/health", trust_env=False).status_code == 503
    answer = httpx.get(f"{served.url}/live", trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"live": True})
    assert httpx.post(f"{served.url}/live", trust_env=False).status_code == 405


def test_refused_checks_are_counted(served: HttpRoom) -> None:
    refused(served.post("users/check", {"sku": "bot-creator", "user": "nobody"}), 403, "not_granted")
    refused(served.post("features/check", {"sku": "no-such"}), 403, "not_granted")
    with served.client() as client:
        text = client.get(f"{served.url}/metrics").text
    for name in ("users/check", "features/check"):
        assert f'carnet_requests_total{{code="not_granted",operation="{name}"}} 1.0' in text


def test_what_breaks_after_the_key_is_known_names_the_checkpoint(
    served: HttpRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise BusyError("Too many wait.", "Wait.")

    monkeypatch.setattr(served.door._writer, "submit", busy)
    answer = served.post("seats/acquire", SEAT)
    refused(answer, 503, "busy")
    assert "carnet-checkpoint" in answer.headers


@pytest.mark.parametrize("name", ["seats/acquire", "batch"])
def test_an_answer_that_cannot_be_written_is_a_fault_and_keeps_nobody_waiting(
    served: HttpRoom, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(batch, "_outcome", broken)
    monkeypatch.setattr(type(served.door), "_answer", broken)
    body = {"commands": [{"do": "seats/acquire", **SEAT}]} if name == "batch" else SEAT
    assert served.post(name, body).status_code == 500


def test_metrics_need_a_key_that_may_read(served: HttpRoom) -> None:
    granted(served.post("seats/acquire", SEAT))
    refused(httpx.get(f"{served.url}/metrics", trust_env=False), 401, "unauthenticated")
    with served.client() as client:
        text = client.get(f"{served.url}/metrics").text
    assert 'carnet_requests_total{code="granted",operation="seats/acquire"} 1.0' in text
    assert 'carnet_product_in_use{sku="unattended-bot-runner"} 1.0' in text
    assert "carnet_grants 1.0" in text


SOON = MONDAY + timedelta(days=20)
SHRINKING = [
    line("bot-creator", 10, MONDAY, SOON),
    line("bot-creator", 2, SOON, MONDAY + timedelta(days=365)),
    line("unattended-bot-runner", 2, MONDAY, MONDAY + timedelta(days=365)),
]


@pytest.mark.server
@pytest.mark.rule("S")
def test_what_comes_of_a_product_is_told_in_the_words_of_the_other_doors() -> None:
    with serving(make_room=lambda: licensed_room(SHRINKING)) as served:
        view = served.call(lambda: served.room.ask(Status())).products[0]
        told = served.get("status").json()
    change = told["products"][0]["changes"][0]
    assert (change["words"], change["before"], change["after"]) == (view.changes[0].words, 10, 2)
    assert change["words"] in told["banner"]
    assert (told["products"][0]["state"], told["products"][0]["coming"]) == ("expiring", view.coming)


@pytest.mark.server
@pytest.mark.security
@pytest.mark.rule("A1", "S")
def test_a_key_of_one_product_is_not_told_what_comes_of_another() -> None:
    def key(room: Room) -> dict[str, str]:
        return {"mine": new_key(room, "mine", products=["unattended-bot-runner"])}

    with serving(prepare=key, make_room=lambda: licensed_room(SHRINKING)) as served, served.client("mine") as client:
        told = client.get(f"{served.url}/api/v1/status").text + client.get(f"{served.url}/metrics").text
    assert "unattended-bot-runner" in told
    assert "bot-creator" not in told.lower()
    assert "Bot Creator" not in told


@pytest.mark.rule("L5", "rolled_back")
def test_a_caller_that_saw_more_than_this_ledger_holds_is_refused(served: HttpRoom) -> None:
    older = served.call(lambda: served.room.copy())
    seen = granted(served.post("seats/acquire", SEAT))  # by a ledger that goes on
    token = served.get("status").headers["carnet-checkpoint"]
    assert served.get("status", carnet_checkpoint=token).status_code == 200
    served.call(lambda: _put_back(served, older))
    refused(served.post("seats/acquire", SEAT, carnet_checkpoint=token), 409, "rolled_back")
    assert granted(served.get("usage"))["holders"] == []
    assert "rollback.found" in served.call(served.room.kinds)
    forged = token[:-1] + ("0" if token[-1] != "0" else "1")
    refused(served.get("status", carnet_checkpoint=forged), 400, "malformed")
    assert seen


def _put_back(served: HttpRoom, older: Any) -> None:
    served.door._writer.engine = older.engine
    served.room.store, served.room.engine = older.store, older.engine


@pytest.mark.rule("G2", "likely_twin")
def test_a_likely_twin_is_refused_until_the_request_says_even_so(served: HttpRoom) -> None:
    granted(served.post("users/assign", {"sku": "bot-creator", "user": "PLANT\\anna"}))
    again = {"sku": "bot-creator", "user": "anna@plant.example"}
    assert "PLANT\\anna" in refused(served.post("users/assign", again), 409, "likely_twin")["detail"]
    refused(served.post("users/assign", again | {"even_so": False}), 409, "likely_twin")
    refused(served.post("users/assign", again | {"even_so": "yes"}), 400, "malformed")
    assert granted(served.post("users/assign", again | {"even_so": True}))["in_use"] == 2
