"""What a client alone can prove of a ledger, and what it must not claim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carnet.sdk import calls
from carnet.sdk._answers import Units
from carnet.sdk._checkpoints import Checkpoints, Shown, read
from carnet.sdk._core import Core
from carnet.sdk._refusals import RolledBack
from tests.unit.sdk.acting import Told, core, granted, mark, refused


def ask(subject: Core, reply: object) -> object:
    return Told(subject.begin(calls.consume("document-pages", 12), 0)).run(reply)  # type: ignore[arg-type]


@given(st.data())
@pytest.mark.rule("L5")
def test_an_honest_ledger_is_never_accused_however_answers_overtake_each_other(data: st.DataObject) -> None:
    """The ledger grows; each answer names its size at a moment between its request and its arrival."""
    known, size, flying = Checkpoints(), 0, list[tuple[Shown, int]]()
    for _ in range(data.draw(st.integers(1, 60))):
        match data.draw(st.sampled_from(["grow", "send", "decide", "arrive"])):
            case "grow":
                size += data.draw(st.integers(1, 3))
            case "send":
                flying.append((known.show(), -1))
            case "decide" if flying:
                at = data.draw(st.integers(0, len(flying) - 1))
                shown, decided = flying[at]
                flying[at] = (shown, size if decided < 0 else decided)
            case "arrive" if flying:
                shown, decided = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
                answered = read(mark(size if decided < 0 else decided))
                assert answered
                before = known.text
                assert known.take(answered, shown) == ""
                assert int(known.text.split(".")[0]) >= int(before.split(".")[0] if before else 0)


@given(st.integers(1, 1000), st.integers(0, 2000), st.booleans())
@pytest.mark.rule("L5", "rolled_back")
def test_an_older_or_another_ledger_is_found_by_the_next_answer(size: int, other: int, same_root: bool) -> None:
    subject = core()
    ask(subject, granted(size))
    answer = ask(subject, granted(other, "a" if same_root else "b"))
    found = other < size or (other == size and not same_root)
    assert isinstance(answer, RolledBack if found else Units)
    assert subject.checkpoints.text == (mark(size) if found else mark(other, "a" if same_root else "b"))


def test_it_is_found_also_on_a_refusal_and_stays_found() -> None:
    subject = core()
    ask(subject, granted(9))
    for _ in range(2):
        assert isinstance(ask(subject, refused("exhausted", 409, 3)), RolledBack)


def test_a_late_answer_of_a_known_size_with_another_root_is_proof_though_a_smaller_one_would_not_be() -> None:
    known = Checkpoints()
    early = known.show()
    now = read(mark(9))
    assert now
    assert known.take(now, known.show()) == ""
    late, fork = read(mark(5)), read(mark(9, "b"))
    assert late
    assert fork
    assert known.take(late, early) == ""
    assert "9 records" in known.take(fork, early)


def test_the_newest_known_is_shown_at_each_try() -> None:
    subject = core()
    told = Told(subject.begin(calls.consume("document-pages", 12), 0))
    told.run("lost")
    assert "carnet-checkpoint" not in told.requests[0].headers
    ask(subject, granted(4))
    told.run(granted(5))
    assert told.requests[1].headers["carnet-checkpoint"] == mark(4)


def test_an_accepted_rollback_is_forgotten_also_by_answers_from_before() -> None:
    known = Checkpoints(mark(9))
    before = known.show()
    known.forget()
    assert known.text == ""
    old, new = read(mark(9)), read(mark(3))
    assert old
    assert new
    assert known.take(new, before) == ""
    assert known.take(old, before) == ""
    assert known.text == ""
    assert known.take(new, known.show()) == ""
    assert known.text == mark(3)


def test_what_an_earlier_client_saw_counts_for_the_next_one() -> None:
    assert isinstance(ask(core(checkpoint=mark(9)), granted(3)), RolledBack)
    with pytest.raises(ValueError, match="not a checkpoint"):
        Checkpoints("9.abc")
