"""G2: who is likely one person under two names is asked about before it costs a second license; every door says it."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from carnet.control_room.rules.granting.assignment_file import AssignmentRow, read_assignments
from carnet.control_room.rules.granting.assignments import AssignMany, CheckAssignments
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.control_room.state.names import Twins, foreign_letters, is_likely_twin
from carnet.exchange.verdicts import Code
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor
from tests.unit.control_room.conftest import granted, refused, standard_lines

pytestmark = pytest.mark.rule("G2", "likely_twin")
USER = "bot-creator"
CYRILLIC = "m\u0430ra"
TWINS = [
    ("PLANT\\mara", "mara"),
    ("PLANT\\mara", "mara@plant.example"),
    ("mara@plant.example", "plant\\MARA"),
    ("mara", "Mara@plant.example"),
    ("mara", CYRILLIC),
    ("PLANT\\mara", CYRILLIC.upper()),
    ("PLANT\\mara", "PL\u0410NT\\mara"),
    ("ibrahim", "\u0131brahim"),
]
TWO_PEOPLE = [
    ("PLANT\\mara", "OFFICE\\mara"),
    ("mara@plant.example", "mara@office.example"),
    ("mara", "marc"),
    ("mara", "PLANT\\"),
    ("mara", "@mara"),
    ("Mara", "mara"),  # what `names` speaks of
    ("Straße", "STRASSE"),
]


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_names_of_one_person_are_likely_twins_in_both_directions(one: str, other: str) -> None:
    assert is_likely_twin(one, other)
    assert is_likely_twin(other, one)
    assert Twins([one, "others"]).of(other) == [one]


@pytest.mark.parametrize(("one", "other"), TWO_PEOPLE)
def test_names_of_two_people_are_none(one: str, other: str) -> None:
    assert not is_likely_twin(one, other)
    assert not is_likely_twin(other, one)
    assert Twins([one]).of(other) == []


_NAMES = st.text(alphabet="mM\u0430aA@\\.\u0131\u0130iß", min_size=1, max_size=6)


@given(st.lists(_NAMES, max_size=8), st.lists(_NAMES, max_size=3), _NAMES)
def test_what_the_index_finds_is_what_asking_each_finds(come: list[str], gone: list[str], name: str) -> None:
    index = Twins(come)
    for each in gone:
        index.remove(each)
    assert index.of(name) == [each for each in dict.fromkeys(come) if each not in gone and is_likely_twin(each, name)]


def test_letters_of_another_script_among_latin_ones_are_named() -> None:
    assert foreign_letters(CYRILLIC) == ["\u0430 (Cyrillic)"]
    assert foreign_letters("\u043c\u0430\u0440\u0430") == [], "a name that is Cyrillic alone hides nothing"
    assert foreign_letters("mara") == []


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_a_likely_twin_costs_no_second_license_until_it_is_said_to_be_another_person(
    licensed: Room, one: str, other: str
) -> None:
    granted(licensed.do(AssignUser(USER, one)))
    refusal = refused(licensed.do(AssignUser(USER, other)), Code.LIKELY_TWIN)
    assert one in refusal.message
    assert list(licensed.state.users.of(USER)) == [one], "nothing moved"
    assert granted(licensed.do(AssignUser(USER, other, even_so=True))).in_use == 2
    assert granted(licensed.do(AssignUser(USER, other))).in_use == 2, "who is assigned is asked nothing more"


def test_a_letter_that_is_not_what_it_seems_is_named(licensed: Room) -> None:
    granted(licensed.do(AssignUser(USER, "mara")))
    refusal = refused(licensed.do(AssignUser(USER, CYRILLIC)), Code.LIKELY_TWIN)
    assert refusal.evidence == (f"{CYRILLIC}: it holds \u0430 (Cyrillic).",)


@pytest.mark.parametrize("restart", [False, True])
def test_only_who_is_assigned_to_that_product_now_is_a_twin(licensed: Room, restart: bool) -> None:
    granted(licensed.do(AssignUser(USER, "PLANT\\mara")))
    refused(licensed.do(AssignUser(USER, "mara")), Code.LIKELY_TWIN)
    if restart:
        licensed.reopen()
        refused(licensed.do(AssignUser(USER, "mara")), Code.LIKELY_TWIN)
    granted(licensed.do(UnassignUser(USER, "PLANT\\mara")))
    granted(licensed.do(AssignUser(USER, "mara")))


def test_where_names_are_exact_another_case_is_another_person_and_another_form_a_twin() -> None:
    vendor = Vendor()
    room = Room(vendor.trust, names="exact")
    room.enable(vendor.token(MONDAY))
    granted(room.install(vendor.olf(room.request(), standard_lines(), MONDAY)))
    granted(room.do(AssignUser(USER, "mara")))
    granted(room.do(AssignUser(USER, "Mara")))
    refused(room.do(AssignUser(USER, "PLANT\\mara")), Code.LIKELY_TWIN)


def test_a_file_is_judged_as_the_rows_one_by_one_would_be(licensed: Room) -> None:
    granted(licensed.do(AssignUser(USER, "PLANT\\mara")))
    size = licensed.engine.checkpoint.size
    rows = granted(
        read_assignments(
            f"user,product,action\nmara,{USER},\nbo,{USER},\nOFFICE\\bo,{USER},\nbo@office,{USER},Assign even so\n"
            f"PLANT\\mara,{USER},unassign\nmara@plant,{USER},assign\n".encode()
        )
    ).rows
    checked = granted(licensed.ask(CheckAssignments(rows)))
    assert [(row.outcome, row.code) for row in checked.rows] == [
        ("refused", "likely_twin"),
        ("assign", ""),
        ("refused", "likely_twin"),
        ("assign", ""),
        ("unassign", ""),
        ("assign", ""),
    ]
    refused(licensed.do(AssignMany(rows)), Code.LIKELY_TWIN)
    assert licensed.engine.checkpoint.size <= size + 1, "only the refusal was recorded"
    granted(licensed.do(AssignMany(rows, only_good=True)))
    assert list(licensed.state.users.of(USER)) == ["bo", "bo@office", "mara@plant"]


def test_who_comes_and_goes_in_one_file_is_no_twin_of_who_comes_after(licensed: Room) -> None:
    rows = [
        AssignmentRow(2, "PLANT\\mara", USER),
        AssignmentRow(3, "plant\\MARA", USER, "unassign"),
        AssignmentRow(4, "mara", USER),
    ]
    assert [each.outcome for each in granted(licensed.ask(CheckAssignments(rows))).rows] == [
        "assign",
        "unassign",
        "assign",
    ]
