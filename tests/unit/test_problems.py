"""E13: both sides' interfaces answer a code with one status, title and type."""

import msgspec
import pytest

from carnet.control_room.rest import problems as site
from carnet.errors import BusyError, CarnetError, StorageError, UsageError
from carnet.exchange.verdicts import Code, Refusal
from carnet.rest_kit.problems import STATUS, Problem, problem_of, refusal_of


@pytest.mark.rule("E13")
def test_every_code_has_one_status() -> None:
    assert set(STATUS) == set(Code)
    assert set(STATUS.values()) == {400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503}


@pytest.mark.rule("E13")
@pytest.mark.parametrize("code", Code)
def test_a_code_is_answered_alike_by_both_sides(code: Code) -> None:
    from carnet.calm.rest.problems import refused

    refusal = Refusal(code, "What happened.", "What to do.", ("a hint",))
    here, there = site.refused(refusal), refused(refusal)
    problem = msgspec.json.decode(here.body, type=Problem)
    assert problem == msgspec.json.decode(there.content, type=Problem) == problem_of(refusal)
    assert here.status == there.status_code == problem.status == STATUS[code]
    assert here.kind.decode() == there["Content-Type"] == "application/problem+json"


@pytest.mark.rule("E13", "malformed", "busy", "storage_failed")
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("There is no such thing."), Code.MALFORMED),
        (BusyError("Somebody else is writing."), Code.BUSY),
        (StorageError("The disk is full."), Code.STORAGE_FAILED),
        (CarnetError("It broke."), Code.STORAGE_FAILED),
    ],
)
def test_what_broke_has_a_code_of_the_list(error: CarnetError, code: Code) -> None:
    refusal = refusal_of(error)
    assert (refusal.code, refusal.message) == (code, str(error))
    assert refusal.next


@pytest.mark.rule("E13", "fault")
def test_a_fault_of_the_server_says_what_to_do() -> None:
    problem = msgspec.json.decode(site.fault().body, type=Problem)
    assert (problem.status, problem.code) == (500, Code.FAULT)
    assert "does not know whether anything was changed" in problem.detail
    assert problem.next
