"""A1: who may do what at the pages is in the ledger, denied unless it says otherwise."""

import msgspec
import pytest

from carnet.control_room.rules.granting.people import (
    PERMISSIONS,
    Access,
    AddPerson,
    ChangePerson,
    FindPerson,
    ListPeople,
    NoteAccess,
    Permission,
    Role,
)
from carnet.exchange.verdicts import Code, Refusal
from tests.support.room import Room

pytestmark = pytest.mark.rule("A1")


@pytest.fixture
def room(new_room: Room) -> Room:
    new_room.do(AddPerson("ada", Role.ADMINISTRATOR, on_machine=True))
    return new_room


def _code(answer: object) -> Code:
    assert isinstance(answer, Refusal), answer
    return answer.code


def test_whom_the_ledger_does_not_know_may_nothing(room: Room) -> None:
    assert _code(room.ask(FindPerson("eve"))) is Code.NOT_FOUND


def test_a_role_gives_its_permissions_and_no_others(room: Room) -> None:
    for role in Role:
        room.do(AddPerson(f"one-{role.value}", role, on_machine=True))
        found = room.ask(FindPerson(f"one-{role.value}"))
        assert {act for act in Permission if found.may(act)} == PERMISSIONS[role]
    assert PERMISSIONS[Role.VIEWER] == {Permission.VIEW}
    assert Permission.AUDIT not in PERMISSIONS[Role.LICENSE_MANAGER]


def test_the_last_administrator_stays(room: Room) -> None:
    size = room.engine.checkpoint.size
    for role in (Role.VIEWER, None):
        assert _code(room.do(ChangePerson("ada", role))) is Code.NOT_PERMITTED
    assert room.ask(FindPerson("ada")).role == Role.ADMINISTRATOR
    assert [record.kind for record in room.engine.reader.records(size)] == ["refused", "refused"]
    room.do(AddPerson("bo", Role.ADMINISTRATOR, on_machine=True))
    room.do(ChangePerson("ada", None))
    assert _code(room.ask(FindPerson("ada"))) is Code.NOT_FOUND


def test_somebody_who_was_let_go_stays_known_and_can_come_back(room: Room) -> None:
    room.do(AddPerson("bo", Role.VIEWER))
    room.do(ChangePerson("bo", None))
    assert [(person.name, person.role) for person in room.ask(ListPeople()).people] == [
        ("ada", "administrator"),
        ("bo", None),
    ]
    assert room.do(AddPerson("bo", Role.AUDITOR, on_machine=True)).role == "auditor"


@pytest.mark.parametrize("name", ["", "Ada", "a b", "-a", "a" * 65, "ä", "a\n", "../a"])
def test_a_name_that_nobody_could_type_is_refused(room: Room, name: str) -> None:
    assert _code(room.do(AddPerson(name, Role.VIEWER))) is Code.MALFORMED


@pytest.mark.parametrize("role", ["", "king", "ADMINISTRATOR"])
def test_an_unknown_role_is_refused(room: Room, role: str) -> None:
    assert _code(room.do(AddPerson("bo", role))) is Code.MALFORMED
    assert _code(room.do(ChangePerson("ada", role))) is Code.MALFORMED


def test_two_of_one_name_there_are_not(room: Room) -> None:
    assert _code(room.do(AddPerson("ada", Role.VIEWER))) is Code.MALFORMED
    assert room.ask(FindPerson("ada")).role == Role.ADMINISTRATOR


def test_an_act_at_the_pages_is_a_record_of_whoever_did_it(room: Room) -> None:
    room.do(NoteAccess(Access.BACKUP_TAKEN, "all of it"))
    record = list(room.engine.reader.records())[-1]
    assert (record.kind, bytes(record.body)) == ("access.noted", b'{"what":"backup taken","about":"all of it"}')
    assert _code(room.do(NoteAccess("whatever"))) is Code.MALFORMED


def test_a_fold_of_the_ledger_knows_the_same_people(room: Room) -> None:
    room.do(AddPerson("bo", Role.VIEWER))
    room.do(ChangePerson("bo", Role.AUDITOR, on_machine=True))
    known = dict(room.engine.state.people)
    room.reopen()
    assert room.engine.state.people == known


@pytest.mark.security
@pytest.mark.parametrize("name", ["control-room", "pages", "cnk_", "cnk_abcdefgh"])
def test_nobody_is_called_as_the_ledger_names_the_system_or_an_api_key(room: Room, name: str) -> None:
    before = room.engine.checkpoint.size
    refusal = room.do(AddPerson(name, Role.VIEWER))
    assert _code(refusal) is Code.MALFORMED
    assert "speak for the system" in refusal.message
    assert [record.kind for record in room.engine.reader.records(before)] == ["refused"]
    assert _code(room.ask(FindPerson(name))) is Code.NOT_FOUND


def test_names_that_only_look_alike_are_free(room: Room) -> None:
    for name in ("control-room-2", "pages2", "cnk", "my-cnk_key"):
        assert room.do(AddPerson(name, Role.VIEWER)).name == name


@pytest.mark.security
@pytest.mark.parametrize(("typed", "kept"), [("ada", "ada"), ("hunter2", None), (None, None)])
def test_of_a_refused_sign_in_only_a_name_that_exists_is_kept(room: Room, typed: str | None, kept: str | None) -> None:
    for access, about, wanted in (
        (Access.SIGN_IN_REFUSED, typed, kept),
        (Access.RECORDS_EXPORTED, "a filter", "a filter"),
    ):
        room.do(NoteAccess(access, about))
        (newest,) = room.engine.reader.records(room.engine.checkpoint.size - 1)
        assert msgspec.json.decode(newest.body)["about"] == wanted
