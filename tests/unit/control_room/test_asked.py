"""Commands and questions: the type in brackets is the type that they are answered with, checked and at run time."""

from dataclasses import FrozenInstanceError, dataclass, fields
from types import UnionType
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

import pytest

from carnet.control_room.local_api.protocol import COMMANDS, QUESTIONS, Answered, Refused, read_answer, read_outcome
from carnet.control_room.queries.questions import Status, Usage
from carnet.control_room.rules.activation.generate_request import WithdrawAnswer, WithdrawCycle
from carnet.control_room.rules.decision import Command, Decision, FileCommand, Question, View
from carnet.errors import CarnetError
from carnet.exchange.strict import encode
from carnet.exchange.verdicts import Code, Refusal
from tests.support.cast import MONDAY

REFUSED = Refusal(Code.LOCKED, "It is locked.", "Unlock it.")


@pytest.mark.parametrize("what", COMMANDS)
def test_a_command_decides_on_the_answer_that_it_names(what: str) -> None:
    command = COMMANDS[what]
    decided = get_type_hints(command.decide)["return"]
    assert decided == Decision[command.answers] | Refusal  # type: ignore[name-defined]
    assert command.may_refuse


@pytest.mark.parametrize("what", QUESTIONS)
def test_a_question_is_answered_as_it_says_and_refused_only_where_it_says(what: str) -> None:
    question = QUESTIONS[what]
    answered = get_type_hints(question.answer)["return"]
    kinds = get_args(answered) if get_origin(answered) is UnionType else (answered,)
    assert [kind for kind in kinds if kind is not Refusal] == [question.answers]
    assert question.may_refuse is (Refusal in kinds)


@pytest.mark.parametrize("asked", [*COMMANDS.values(), *QUESTIONS.values()])
def test_what_is_asked_cannot_be_changed_on_its_way(asked: type[Any]) -> None:
    made = object.__new__(asked)
    for name in [each.name for each in fields(asked)] or ["what"]:
        with pytest.raises(FrozenInstanceError):
            setattr(made, name, None)


def test_a_base_for_others_leaves_the_answer_to_them() -> None:
    assert not hasattr(FileCommand, "answers")

    @dataclass(frozen=True)
    class Numbers(Question[list[int]]):
        what: ClassVar[str] = "numbers"

        def answer(self, view: View) -> list[int]:
            return [len(view.storage)]

    assert (Numbers.answers, Numbers.may_refuse) == (list[int], False)


def test_an_answer_is_read_as_what_was_asked_for() -> None:
    answer = WithdrawAnswer("cycle", opened_at=MONDAY, withdrawn=2)
    assert read_outcome(encode(Answered(_raw(answer))), WithdrawCycle()) == answer
    assert read_outcome(encode(Refused(REFUSED)), WithdrawCycle()) == REFUSED
    assert read_answer(encode(Refused(REFUSED)), Usage()) == REFUSED


def test_a_refusal_of_what_no_rule_refuses_is_a_fault() -> None:
    with pytest.raises(CarnetError, match="something else than it was asked"):
        read_answer(encode(Refused(REFUSED)), Status())


def _raw(answer: object) -> Any:
    from msgspec import Raw

    return Raw(encode(answer))


def test_only_the_two_bases_and_bases_for_others_have_no_answer() -> None:
    every, todo = set(), [Command, Question]
    while todo:
        found = todo.pop().__subclasses__()
        every.update(found)
        todo += found
    without = {each.__name__ for each in every if not hasattr(each, "answers")}
    assert without == {"FileCommand"}
    assert not [each for each in every if isinstance(getattr(each, "answers", None), TypeVar)]
