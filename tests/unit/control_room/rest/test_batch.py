"""Many commands in one request: one transaction, an answer and a key for each."""

from typing import Any

import pytest

from tests.support.http_room import HttpRoom, new_key, serving
from tests.unit.control_room.rest.test_operations import granted, refused


def acquire(holder: str, **more: Any) -> dict[str, Any]:
    return {"do": "seats/acquire", "sku": "unattended-bot-runner", "holder": holder, **more}


def batch(served: HttpRoom, *commands: dict[str, Any], key: str = "all") -> list[Any]:
    answers: list[Any] = granted(served.post("batch", {"commands": commands}, key))["answers"]
    assert all(len(answer) == 1 for answer in answers)
    return answers


@pytest.mark.rule("G3")
def test_each_command_has_its_own_answer_and_sees_the_ones_before_it(served: HttpRoom) -> None:
    before = served.call(lambda: served.room.store.count())
    consume = {"do": "units/consume", "sku": "document-pages", "units": 3}
    answers = batch(served, acquire("a"), acquire("b"), acquire("c"), consume)
    assert [answer.get("granted", {}).get("in_use") for answer in answers[:2]] == [1, 2]
    assert answers[2]["refused"]["code"] == "exhausted"
    assert answers[3]["granted"]["remaining"] == 97
    assert served.call(lambda: served.room.store.count()) > before


@pytest.mark.rule("G5")
def test_each_command_has_its_own_key(served: HttpRoom) -> None:
    first = batch(served, acquire("a", key="one"), acquire("b", key="two"))
    assert batch(served, acquire("a", key="one"), acquire("b", key="two")) == first
    again = batch(served, acquire("x", key="one"))
    assert again[0]["refused"]["code"] == "idempotency_conflict"
    refused(served.post("batch", {"commands": [acquire("a")]}, idempotency_key="three"), 400, "malformed")


@pytest.mark.server
@pytest.mark.rule("A1", "not_permitted")
def test_a_command_that_the_key_may_not_give_is_refused_alone() -> None:
    with serving(prepare=lambda room: {"taker": new_key(room, "taker", ["take"])}) as served:
        assign = {"do": "users/assign", "sku": "bot-creator", "user": "anna"}
        answers = batch(served, assign, acquire("a"), key="taker")
        assert answers[0]["refused"]["code"] == "not_permitted"
        assert answers[1]["granted"]["in_use"] == 1


@pytest.mark.rule("malformed")
@pytest.mark.parametrize(
    "commands",
    [
        [],
        [acquire("a")] * 101,
        [acquire("a"), {"do": "seats/steal"}],
        [acquire("a"), {"sku": "unattended-bot-runner", "holder": "b"}],
        [acquire("a"), {"do": "features/check", "sku": "automator-ai"}],
        [acquire("a", key="")],
        [acquire("a", key="k" * 65)],
    ],
    ids=["none", "too many", "unknown", "unnamed", "a question", "empty key", "long key"],
)
def test_a_batch_that_cannot_be_read_moves_nothing(served: HttpRoom, commands: list[Any]) -> None:
    refused(served.post("batch", {"commands": commands}), 400, "malformed")
    assert granted(served.get("usage"))["holders"] == []


def test_a_hundred_commands_are_one_transaction(served: HttpRoom) -> None:
    commits: list[int] = []
    store = served.room.store

    def count() -> None:
        commit = store.commit
        store.commit = lambda batch: (commits.append(len(batch.rows)), commit(batch))[1]  # type: ignore[method-assign]

    served.call(count)
    batch(served, *([{"do": "units/consume", "sku": "document-pages", "units": 1}] * 100))
    assert commits == [100]
