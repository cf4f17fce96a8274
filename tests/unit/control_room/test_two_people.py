"""A3, A4 at the site: who gets a role that may install licenses or audit, and who is the second administrator. Each
attack here let one administrator act for two."""

from datetime import timedelta

import pytest

from carnet.control_room.rules.granting.people import AddPerson, ChangePerson, FindPerson, Role, takes_two
from carnet.control_room.rules.granting.two_people import (
    AskPersonAct,
    GiveLink,
    ListTwoPeople,
    RemoveFactors,
    SettlePersonAct,
    VouchForPerson,
)
from carnet.exchange.verdicts import Code, Refusal
from tests.support.room import Room

pytestmark = pytest.mark.security
POWERFUL = [Role.ADMINISTRATOR, Role.LICENSE_MANAGER, Role.AUDITOR]


@pytest.fixture
def room(new_room: Room) -> Room:
    for name in ("ada", "ben"):
        new_room.do(AddPerson(name, Role.ADMINISTRATOR, on_machine=True))
    new_room.do(AddPerson("vic", Role.VIEWER))
    return new_room


def code(answer: object) -> Code:
    assert isinstance(answer, Refusal), answer
    return answer.code


def ask(room: Room, act: str, name: str, role: str | None = None, by: str = "ada") -> str:
    answer = room.do(AskPersonAct(act, name, role, "they work here", by), by)
    assert not isinstance(answer, Refusal), answer
    return str(answer.proposal)


def settle(room: Room, proposal: str, by: str, *, confirmed: bool = True) -> object:
    return room.do(SettlePersonAct(proposal, confirmed, by), by)


def together(room: Room, asks: str, confirms: str) -> object:
    """An act of two people: a link for Vera, who audits. Nothing is left waiting."""
    proposal = ask(room, "link", "vera", by=asks)
    answer = settle(room, proposal, confirms)
    if isinstance(answer, Refusal):
        settle(room, proposal, asks, confirmed=False)
    return answer


def let_in(room: Room, name: str, role: str = "administrator") -> None:
    assert not isinstance(settle(room, ask(room, "add", name, role), "ben"), Refusal)


@pytest.mark.rule("A3", "needs_second_person")
def test_a_role_takes_two_where_it_may_install_or_audit() -> None:
    assert [role for role in Role if takes_two(role)] == POWERFUL
    assert not takes_two(None)


@pytest.mark.rule("A3", "needs_second_person")
@pytest.mark.parametrize("role", POWERFUL)
def test_one_administrator_gives_no_such_role_no_link_and_removes_no_factors(room: Room, role: Role) -> None:
    room.do(AddPerson("pat", role, on_machine=True))
    people, size = dict(room.engine.state.people), room.engine.checkpoint.size
    for command in (
        AddPerson("eve", role),
        ChangePerson("vic", role),
        GiveLink("pat"),
        RemoveFactors("pat"),
    ):
        assert code(room.do(command, "ada")) is Code.NEEDS_SECOND_PERSON
    assert room.engine.state.people == people
    assert {record.kind for record in room.engine.reader.records(size)} == {"refused"}


@pytest.mark.rule("A3", "needs_second_person")
@pytest.mark.parametrize("role", [Role.SEAT_MANAGER, Role.VIEWER])
def test_for_the_other_roles_and_to_let_go_one_is_enough(room: Room, role: Role) -> None:
    assert room.do(AddPerson("sam", role)).role == role
    assert room.do(GiveLink("sam")).name == "sam"
    assert room.do(RemoveFactors("sam")).name == "sam"
    for lower in (Role.VIEWER, None):
        room.do(AddPerson(f"pat-{lower}".lower(), Role.AUDITOR, on_machine=True))
        assert room.do(ChangePerson(f"pat-{lower}".lower(), lower)).role == lower


@pytest.mark.rule("A3", "needs_second_person")
def test_two_administrators_do_it_and_both_acts_are_records(room: Room) -> None:
    size = room.engine.checkpoint.size
    proposal = ask(room, "add", "eve", "auditor")
    assert code(room.ask(FindPerson("eve"))) is Code.NOT_FOUND
    assert code(settle(room, proposal, "ada")) is Code.NEEDS_SECOND_PERSON
    assert not isinstance(settle(room, proposal, "ben"), Refusal)
    assert room.ask(FindPerson("eve")).role == "auditor"
    assert code(settle(room, proposal, "ben")) is Code.NOTHING_TO_ACCEPT
    records = [(record.kind, record.actor) for record in room.engine.reader.records(size)]
    wanted = [("person.asked", "ada"), ("refused", "ada"), ("person.settled", "ben"), ("person.added", "ben")]
    assert records[:4] == wanted


@pytest.mark.rule("A3")
@pytest.mark.parametrize("role", ["viewer", None])
def test_what_somebody_asked_who_administers_no_more_is_not_confirmed(room: Room, role: str | None) -> None:
    room.do(AddPerson("cy", Role.ADMINISTRATOR, on_machine=True))
    proposal = ask(room, "add", "eve", "administrator", by="cy")
    room.do(ChangePerson("cy", role), "ben")
    people = dict(room.engine.state.people)
    assert code(settle(room, proposal, "ben")) is Code.NOTHING_TO_ACCEPT
    assert room.engine.state.people == people
    assert not isinstance(settle(room, proposal, "ben", confirmed=False), Refusal)


@pytest.mark.rule("A3", "needs_second_person")
def test_what_is_taken_back_comes_to_nothing(room: Room) -> None:
    proposal = ask(room, "role", "vic", "auditor")
    assert not isinstance(settle(room, proposal, "ada", confirmed=False), Refusal)
    assert code(settle(room, proposal, "ben")) is Code.NOTHING_TO_ACCEPT
    assert room.ask(FindPerson("vic")).role == "viewer"
    assert room.ask(ListTwoPeople()).waiting == []


@pytest.mark.rule("A3", "needs_second_person")
def test_nobody_asks_for_or_confirms_what_is_about_themselves(room: Room) -> None:
    asked = AskPersonAct("second factors", "ada", None, "lost", "ada")
    assert code(room.do(asked, "ada")) is Code.NEEDS_SECOND_PERSON
    room.do(AddPerson("cy", Role.ADMINISTRATOR, on_machine=True))
    proposal = ask(room, "link", "cy")
    assert code(settle(room, proposal, "cy")) is Code.NEEDS_SECOND_PERSON
    assert [asked.proposal for asked in room.ask(ListTwoPeople()).waiting] == [proposal]


@pytest.mark.rule("A3", "A4", "needs_second_person")
def test_whoever_was_let_in_is_no_second_person_for_those_who_let_them_in(room: Room) -> None:
    room.do(AddPerson("vera", Role.AUDITOR, on_machine=True))
    let_in(room, "eve")
    for asks, confirms in (("ada", "eve"), ("ben", "eve")):
        assert code(together(room, asks, confirms)) is Code.NEEDS_SECOND_PERSON
    nobody = room.do(AskPersonAct("link", "vera", None, "forgotten", "eve"), "eve")
    assert code(nobody) is Code.NEEDS_SECOND_PERSON  # neither ada nor ben could confirm it
    assert not isinstance(together(room, "ada", "ben"), Refusal)


@pytest.mark.rule("A3", "A4", "needs_second_person")
def test_thirty_days_later_they_are_once_both_have_acted_with_somebody_else(room: Room) -> None:
    for name, role in (("vera", Role.AUDITOR), ("cy", Role.ADMINISTRATOR)):
        room.do(AddPerson(name, role, on_machine=True))
    let_in(room, "eve")
    room.wait(days=30)
    assert code(together(room, "ada", "eve")) is Code.NEEDS_SECOND_PERSON
    assert not isinstance(together(room, "cy", "eve"), Refusal)
    assert not isinstance(together(room, "ada", "ben"), Refusal)
    assert not isinstance(together(room, "ada", "eve"), Refusal)


@pytest.mark.rule("A3", "A4", "needs_second_person")
def test_the_machine_vouches_and_what_it_did_is_shown_for_thirty_days(room: Room) -> None:
    room.do(AddPerson("vera", Role.AUDITOR, on_machine=True))
    let_in(room, "eve")
    assert code(room.do(VouchForPerson("nobody"))) is Code.NOT_FOUND
    room.do(VouchForPerson("eve"), "root")
    assert not isinstance(together(room, "ada", "eve"), Refusal)
    shown = room.ask(ListTwoPeople()).on_machine
    assert (shown[0].act, shown[0].name, shown[0].by) == ("vouched", "eve", "root")
    assert [act.name for act in shown] == ["eve", "vera", "ben", "ada"]
    room.wait(days=30)
    assert room.ask(ListTwoPeople()).on_machine == []


@pytest.mark.rule("N5", "A3", "superseded")
def test_the_same_is_asked_for_once_by_those_who_may_confirm_it(room: Room) -> None:
    proposal = ask(room, "add", "eve", "auditor")
    second = room.do(AskPersonAct("add", "eve", "auditor", "why", "ben"), "ben")
    assert code(second) is Code.SUPERSEDED
    assert [asked.proposal for asked in room.ask(ListTwoPeople()).waiting] == [proposal]
    assert not isinstance(settle(room, proposal, "ben"), Refusal)
    late = settle(room, proposal, "ada")
    assert code(late) is Code.NOTHING_TO_ACCEPT
    assert isinstance(late, Refusal)
    assert late.message.startswith("ben confirmed this already, at ")


@pytest.mark.rule("A3", "needs_second_person")
def test_where_nobody_else_could_confirm_it_is_said_at_once(new_room: Room) -> None:
    new_room.do(AddPerson("ada", Role.ADMINISTRATOR, on_machine=True))
    refused = new_room.do(AskPersonAct("add", "eve", "auditor", "why", "ada"), "ada")
    assert code(refused) is Code.NEEDS_SECOND_PERSON
    assert refused.run.startswith("control-room person")
    assert new_room.ask(ListTwoPeople()).waiting == []


@pytest.mark.rule("A3", "needs_second_person")
def test_what_was_overtaken_is_judged_again(room: Room) -> None:
    proposal = ask(room, "add", "eve", "auditor")
    room.do(AddPerson("eve", Role.VIEWER))
    assert code(settle(room, proposal, "ben")) is Code.MALFORMED
    assert room.ask(FindPerson("eve")).role == "viewer"


@pytest.mark.rule("A3", "needs_second_person")
@pytest.mark.parametrize(
    ("act", "name", "role", "reason"),
    [
        ("add", "ada", "auditor", "why"),
        ("add", "eve", "king", "why"),
        ("add", "EVE", "auditor", "why"),
        ("role", "nobody", "auditor", "why"),
        ("role", "vic", None, "why"),
        ("link", "nobody", None, "why"),
        ("sudo", "vic", None, "why"),
        ("link", "vic", None, " "),
        ("link", "vic", None, "x" * 201),
        ("link", "vic", None, "a\nb"),
    ],
)
def test_what_cannot_be_is_not_asked_for(room: Room, act: str, name: str, role: str | None, reason: str) -> None:
    assert isinstance(room.do(AskPersonAct(act, name, role, reason, "ben"), "ben"), Refusal)
    assert room.ask(ListTwoPeople()).waiting == []


@pytest.mark.rule("A3", "needs_second_person")
def test_what_waits_and_who_vouched_is_in_the_ledger(room: Room) -> None:
    let_in(room, "eve")
    ask(room, "add", "dee", "auditor")
    state = room.engine.state
    known = (dict(state.asked_acts), list(state.vouched), list(state.acts_of_two), list(state.machine_acts))
    room.reopen()
    state = room.engine.state
    assert (state.asked_acts, state.vouched, state.acts_of_two, state.machine_acts) == known
    assert state.vouched[0].at - state.mark < timedelta(days=1)
