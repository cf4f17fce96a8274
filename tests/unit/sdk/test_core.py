"""Retries, keys and errors, without a network and without a clock."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.sdk import Client, calls
from carnet.sdk._answers import Seat, Units
from carnet.sdk._core import LONGEST_RETRY_AFTER, LONGEST_WAIT, Reply
from carnet.sdk._faults import ServerFault, Unreachable
from carnet.sdk._refusals import (
    BY_CODE,
    Busy,
    Exhausted,
    Refused,
    RolledBack,
)
from carnet.sdk._unreachable import Unanswered, allow_for
from tests.unit.sdk.acting import KEY, Told, core, granted, refused

PAGES = "document-pages"
PASSING = [
    "reset",
    "unsent: refused",
    refused("busy", 503, retry_after="1"),
    refused("storage_failed", 503, None),
    Reply(500, {}, b'{"type": "about:blank", "code": "fault"}'),
    Reply(502, {}, b"<html>"),
    Reply(503, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, b""),
    refused("fault", 500, None),
]


@pytest.mark.rule("G5")
@given(
    st.lists(st.sampled_from(PASSING), max_size=6), st.integers(0, 5), st.floats(0, 1, exclude_max=True), st.booleans()
)
def test_every_try_of_a_change_shows_the_same_key_and_there_are_no_more_tries_than_allowed(
    failures: list[Any], retries: int, random: float, own: bool
) -> None:
    subject = core(retries=retries, random=lambda: random)
    told = Told(subject.begin(calls.consume(PAGES, 12, key="mine" if own else None), 0))
    answer = told.run(*failures, granted())
    assert len({request.headers["idempotency-key"] for request in told.requests}) == 1
    assert told.requests[0].headers["idempotency-key"] == ("mine" if own else "key-0")
    assert len(told.requests) == min(len(failures), retries) + 1
    assert isinstance(answer, Units) == (len(failures) <= retries)
    assert all(0.05 <= wait <= LONGEST_WAIT + LONGEST_RETRY_AFTER for wait in told.waits)


@pytest.mark.rule("G5")
def test_each_change_has_a_key_of_its_own_and_a_question_has_none() -> None:
    subject, seen = core(), []
    for call in (calls.consume(PAGES, 1), calls.acquire("s", "h"), calls.check_feature("f"), calls.status()):
        told = Told(subject.begin(call, 0))
        told.run("lost")
        seen.append(told.requests[0].headers.get("idempotency-key"))
    assert seen == ["key-0", "key-1", None, None]


@given(st.sampled_from([*sorted(BY_CODE), "of_tomorrow"]), st.sampled_from([400, 403, 404, 409, 422]))
def test_a_refusal_that_time_does_not_change_is_raised_at_once_in_its_own_class(code: str, status: int) -> None:
    told = Told(core().begin(calls.consume(PAGES, 12), 0))
    error = told.run(refused(code, status), granted())
    assert type(error) is BY_CODE.get(code, Refused)
    assert (error.code, str(error), error.next, error.status) == (code, "Why.", "What.", status)
    assert len(told.requests) == 1


def test_waits_grow_and_honour_the_servers_word_up_to_a_bound() -> None:
    told = Told(core(retries=9).begin(calls.consume(PAGES, 12), 0))
    told.run(*["lost"] * 7, refused("busy", 503, retry_after="3"), refused("busy", 503, retry_after="86400"))
    assert told.waits[:7] == sorted(told.waits[:7])
    assert told.waits[0] < 0.1
    assert 3 <= told.waits[7] <= 3 + LONGEST_WAIT
    assert told.waits[8] <= LONGEST_RETRY_AFTER + LONGEST_WAIT


def test_what_stays_busy_is_refused_as_busy() -> None:
    assert isinstance(Told(core(retries=2).begin(calls.consume(PAGES, 1), 0)).run(*[PASSING[2]] * 3), Busy)


@pytest.mark.parametrize(
    ("outcomes", "may_be_done"),
    [
        (["unsent"] * 4, False),
        (["unsent", "reset", "unsent", "unsent"], True),
        ([PASSING[5]] * 4, True),
        ([PASSING[4], *["unsent"] * 3], True),
        ([PASSING[3], *["unsent"] * 3], True),
        ([PASSING[2], *["unsent"] * 3], False),
    ],
)
def test_who_gets_no_answer_learns_the_key_and_whether_it_may_be_done(outcomes: list[Any], may_be_done: bool) -> None:
    error = Told(core().begin(calls.consume(PAGES, 12), 0)).run(*outcomes)
    assert isinstance(error, Unreachable)
    assert (error.key, error.may_be_done) == ("key-0", may_be_done)


@pytest.mark.rule("fault")
@pytest.mark.parametrize("reply", [PASSING[4], PASSING[7]])
def test_a_fault_of_the_server_says_too_whether_it_may_be_done(reply: Reply) -> None:
    error = Told(core().begin(calls.consume(PAGES, 12), 0)).run(*[reply] * 4)
    assert isinstance(error, ServerFault)
    assert (error.status, error.key, error.may_be_done) == (500, "key-0", True)
    asked = Told(core().begin(calls.check_feature("f"), 0)).run(*[reply] * 4)
    assert not asked.may_be_done


def test_a_fault_is_told_in_the_words_of_the_server() -> None:
    error = Told(core().begin(calls.consume(PAGES, 12), 0)).run(*[PASSING[7]] * 4)
    assert (type(error), str(error)) == (ServerFault, "Why.")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {}, b"{}"),
        Reply(200, {"carnet-checkpoint": "nonsense"}, b"{}"),
        granted(body={"sku": PAGES}),
        granted(body={"sku": PAGES, "units": "12", "remaining": 1, "owed": 0}),
        granted(body=[]),
        Reply(200, dict(granted().headers), b"\xff"),
        Reply(302, {"location": "https://elsewhere"}, b""),
        Reply(404, {}, b"<html>"),
        Reply(404, {}, b'{"code": ""}'),
        Reply(400, {}, b"[" * 100_000),
    ],
)
def test_what_is_no_answer_of_a_control_room_grants_nothing(reply: Reply) -> None:
    assert isinstance(Told(core().begin(calls.consume(PAGES, 12), 0)).run(reply), ServerFault)


def test_fields_that_a_newer_server_adds_are_passed_over_and_none_makes_an_answer_local() -> None:
    body = {"sku": PAGES, "units": 12, "remaining": 1, "owed": 0, "colour": "red", "local": True}
    assert Told(core().begin(calls.consume(PAGES, 12), 0)).run(granted(body=body)) == Units(PAGES, 12, 1, 0)


@pytest.mark.rule("A2")
def test_the_key_is_shown_in_no_text() -> None:
    attempt = core().begin(calls.consume(PAGES, 12), 0)
    request = attempt.request(0)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert KEY[13:] not in repr(request) + repr(attempt) + repr(core())
    with pytest.raises(ValueError, match="not an API key") as raised:
        Client("https://a", KEY + " x")
    assert KEY[13:] not in str(raised.value)


def test_a_batch_gives_each_change_a_key_and_returns_refusals_in_their_place() -> None:
    subject = core()
    asked = [calls.consume(PAGES, 12), calls.acquire("s", "h", key="mine"), calls.consume(PAGES, 1)]
    call = calls.batch(asked, subject.new_key)
    assert [each["key"] for each in call.fields["commands"]] == ["key-0", "mine", "key-1"]
    refusal = {"refused": {"code": "exhausted", "message": "All taken.", "next": "Wait."}}
    seat = {"sku": "s", "lease_id": "l", "holder": "h", "expires_at": None, "in_use": 1, "granted": 1}
    units = {"sku": PAGES, "units": 12, "remaining": 1, "owed": 0}
    answers = Told(subject.begin(call, 0)).run(
        granted(body={"answers": [{"granted": units}, {"granted": seat}, refusal]})
    )
    assert answers[:2] == [Units(PAGES, 12, 1, 0), Seat("s", "l", "h", None, 1, 1)]
    assert isinstance(answers[2], Exhausted)
    short = Told(subject.begin(call, 0)).run(granted(body={"answers": [refusal]}))
    assert isinstance(short, ServerFault)


@pytest.mark.parametrize("commands", [[], [calls.status()], [calls.check_feature("f")], [calls.renew("l")] * 101])
def test_what_makes_no_batch_is_said_before_it_is_sent(commands: list[Any]) -> None:
    with pytest.raises(ValueError, match="batch"):
        calls.batch(commands, lambda: "k")


@pytest.mark.parametrize("key", ["", "x" * 65, "ø", "a\nb", " a", "a "])
def test_a_key_that_no_server_reads_is_said_before_it_is_sent(key: str) -> None:
    with pytest.raises(ValueError, match="printable"):
        calls.consume(PAGES, 1, key=key)


# --- nobody answers ---------------------------------------------------------------------------------------------------


def silent(subject: Any, call: Any, now: float) -> Any:
    return Told(subject.begin(call, now), now).run(*["unsent"] * 4)


def test_without_another_decision_nothing_is_granted() -> None:
    subject = core()
    Told(subject.begin(calls.consume(PAGES, 12), 0)).run(granted())
    assert isinstance(silent(subject, calls.consume(PAGES, 12), 0), Unreachable)


@given(st.floats(0, 1000), st.floats(0, 1000))
def test_allow_for_grants_here_only_after_a_recent_grant(seconds: float, passed: float) -> None:
    subject = core(when_unreachable=allow_for(seconds), retries=0)
    assert isinstance(silent(subject, calls.consume(PAGES, 12), 0), Unreachable), "it never granted anything"
    Told(subject.begin(calls.consume(PAGES, 12), 0)).run(granted())
    answer = silent(subject, calls.consume(PAGES, 7), passed)
    assert answer == Units(PAGES, 7, 0, 0, local=True) if passed <= seconds else isinstance(answer, Unreachable)


@pytest.mark.parametrize("last", [refused("locked", 403), refused("exhausted", 409), refused("unauthenticated", 401)])
def test_allow_for_grants_nothing_where_the_last_word_was_a_refusal(last: Reply) -> None:
    subject = core(when_unreachable=allow_for(1e9))
    Told(subject.begin(calls.consume(PAGES, 12), 0)).run(granted())
    Told(subject.begin(calls.consume(PAGES, 12), 0)).run(last)
    assert isinstance(silent(subject, calls.consume(PAGES, 12), 0), Unreachable)


SEAT = {"sku": "s", "lease_id": "l", "holder": "h", "expires_at": None, "in_use": 1, "granted": 1}
STATUS = dict.fromkeys(("control_room", "name", "version", "state", "storage"), "x") | {
    "locked": False,
    "account": None,
    "banner": None,
    "products": [],
}


def test_allow_for_is_not_revived_by_an_answer_that_grants_nothing() -> None:
    subject = core(when_unreachable=allow_for(1e9))
    Told(subject.begin(calls.acquire("s", "h"), 0)).run(granted(body=SEAT))
    Told(subject.begin(calls.acquire("s", "h"), 0)).run(refused("expired", 403))
    Told(subject.begin(calls.status(), 0)).run(granted(body=STATUS))
    Told(subject.begin(calls.release("l"), 0)).run(granted(body=SEAT))
    batch = calls.batch([calls.acquire("s", "h"), calls.release("l")], subject.new_key)
    refusal = {"refused": {"code": "expired", "message": "It ended.", "next": "Renew."}}
    Told(subject.begin(batch, 0)).run(granted(body={"answers": [refusal, {"granted": SEAT}]}))
    assert isinstance(silent(subject, calls.acquire("s", "h"), 0), Unreachable)


def test_what_a_batch_granted_and_refused_counts_for_allow_for_one_by_one() -> None:
    subject = core(when_unreachable=allow_for(1e9))
    Told(subject.begin(calls.consume(PAGES, 12), 0)).run(granted())
    batch = calls.batch([calls.acquire("s", "h"), calls.consume(PAGES, 1)], subject.new_key)
    refusal = {"refused": {"code": "exhausted", "message": "All taken.", "next": "Wait."}}
    Told(subject.begin(batch, 0)).run(granted(body={"answers": [{"granted": SEAT}, refusal]}))
    assert silent(subject, calls.acquire("s", "h"), 0).local
    assert isinstance(silent(subject, calls.consume(PAGES, 12), 0), Unreachable)


def test_the_grant_of_one_product_says_nothing_of_another() -> None:
    subject = core(when_unreachable=allow_for(1e9))
    Told(subject.begin(calls.acquire("s", "h"), 0)).run(granted(body=SEAT))
    Told(subject.begin(calls.acquire("s", "h"), 0)).run(refused("exhausted", 409))
    Told(subject.begin(calls.consume(PAGES, 12), 0)).run(granted())
    assert isinstance(silent(subject, calls.acquire("s", "h"), 0), Unreachable)
    assert isinstance(silent(subject, calls.reserve(PAGES, 12), 0), Unreachable)
    assert silent(subject, calls.consume(PAGES, 12), 0).local


def test_a_refusal_that_may_be_meant_for_all_ends_allow_for_for_all() -> None:
    subject = core(when_unreachable=allow_for(1e9))
    Told(subject.begin(calls.consume(PAGES, 12), 0)).run(granted())
    Told(subject.begin(calls.acquire("s", "h"), 0)).run(refused("locked", 403))
    assert isinstance(silent(subject, calls.consume(PAGES, 12), 0), Unreachable)


def test_a_busy_server_is_no_unreachable_one() -> None:
    subject = core(when_unreachable=allow_for(1e9))
    Told(subject.begin(calls.consume(PAGES, 12), 0)).run(granted())
    assert isinstance(Told(subject.begin(calls.consume(PAGES, 12), 0)).run(*[PASSING[2]] * 4), Busy)


def test_allow_for_grants_nothing_that_only_the_server_can_do() -> None:
    subject = core(when_unreachable=allow_for(1e9))
    Told(subject.begin(calls.consume(PAGES, 12), 0)).run(granted())
    for call in (calls.assign("u", "anna"), calls.renew("l"), calls.release("l"), calls.settle("r", 1), calls.status()):
        assert isinstance(silent(subject, call, 0), Unreachable)


def test_the_products_own_decision_sees_what_was_asked() -> None:
    seen: list[Unanswered] = []
    subject = core(when_unreachable=seen.append)
    silent(subject, calls.acquire("s", "bot-17"), 5)
    assert [(each.name, each.fields["holder"], each.silent_for) for each in seen] == [("seats/acquire", "bot-17", None)]


def test_no_try_begins_after_the_moment_after_which_there_is_no_sense_in_it() -> None:
    told = Told(core(retries=99).begin(calls.renew("l"), 0, until=1.0))
    assert isinstance(told.run(*["lost"] * 99), Unreachable)
    assert told.now < 1.0
    assert told.requests[0].timeout == 1.0


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 5), st.sampled_from(PASSING))
def test_a_wait_never_ends_after_that_moment(random: float, until: float, failure: Any) -> None:
    told = Told(core(retries=99, random=lambda: random).begin(calls.renew("l"), 0, until=until))
    told.run(*[failure] * 99)
    assert told.now < max(until, 1e-9)


def test_a_rollback_that_the_server_proves_is_raised_with_the_servers_words() -> None:
    subject = core()
    Told(subject.begin(calls.consume(PAGES, 12), 0)).run(granted(9))
    error = Told(subject.begin(calls.consume(PAGES, 12), 0)).run(refused("rolled_back", 409, 3))
    assert isinstance(error, RolledBack)
    assert str(error) == "Why."
