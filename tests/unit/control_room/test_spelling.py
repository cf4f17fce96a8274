"""G2: names of users that differ by case alone are one user, where the site was set up so; every door says the same."""

import pytest

from carnet.control_room.queries.status import status
from carnet.control_room.rules.granting.assignment_file import AssignmentRow, read_assignments
from carnet.control_room.rules.granting.assignments import AssignMany, CheckAssignments
from carnet.control_room.rules.granting.users import AssignUser, CheckUser, UnassignUser
from carnet.exchange.verdicts import Code, Refusal
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor
from tests.unit.control_room.conftest import granted, refused, standard_lines

pytestmark = pytest.mark.rule("G2")
USER = "bot-creator"


def assigned(room):
    return list(room.state.users.of(USER))


@pytest.mark.parametrize("other", ["MARA", "mara", "Mara"])
def test_another_case_is_the_same_user_and_costs_no_second_seat(licensed, other):
    granted(licensed.do(AssignUser(USER, "Mara")))
    size = licensed.engine.checkpoint.size
    answer = granted(licensed.do(AssignUser(USER, other)))
    assert (answer.user, answer.in_use) == ("Mara", 1)
    assert licensed.engine.checkpoint.size == size, "nothing moved"
    assert granted(licensed.ask(CheckUser(USER, other))).user == "Mara"
    assert granted(licensed.do(UnassignUser(USER, other))).assigned is False
    assert assigned(licensed) == []


def test_letters_of_all_scripts_are_folded_and_others_stay_apart(licensed):
    granted(licensed.do(AssignUser(USER, "Straße")))
    assert granted(licensed.do(AssignUser(USER, "STRASSE"))).user == "Straße"
    granted(licensed.do(AssignUser(USER, "Strasze")))
    assert assigned(licensed) == ["Straße", "Strasze"]


def test_one_spelling_for_all_products(licensed):
    granted(licensed.do(AssignUser(USER, "Mara")))
    granted(licensed.do(UnassignUser(USER, "Mara")))
    granted(licensed.do(AssignUser(USER, "mara")))
    assert assigned(licensed) == ["mara"], "who holds nothing any more leaves no spelling behind"


def test_a_file_with_both_spellings_assigns_once(licensed):
    rows = [AssignmentRow(2, "Mara", USER), AssignmentRow(3, "MARA", USER)]
    verdicts = licensed.ask(CheckAssignments(rows)).rows
    assert [each.outcome for each in verdicts] == ["assign", "already"]
    granted(licensed.do(AssignMany(rows)))
    assert assigned(licensed) == ["Mara"]
    granted(licensed.do(AssignMany([AssignmentRow(2, "mara", USER, "unassign")])))
    assert assigned(licensed) == []


def test_the_state_survives_a_new_start(licensed):
    granted(licensed.do(AssignUser(USER, "Mara")))
    licensed.reopen()
    assert licensed.state.names == "fold"
    assert granted(licensed.do(AssignUser(USER, "mara"))).user == "Mara"
    checkpoint = licensed.engine.checkpoint
    assert status(licensed.state, checkpoint, licensed.now, licensed.reading).names == "fold"


def test_where_names_are_exact_they_are_two_users():
    vendor = Vendor()
    room = Room(vendor.trust, names="exact")
    room.enable(vendor.token(MONDAY))
    granted(room.install(vendor.olf(room.request(), standard_lines(), MONDAY)))
    for name in ("Mara", "mara"):
        granted(room.do(AssignUser(USER, name)))
    assert assigned(room) == ["Mara", "mara"]
    refused(room.ask(CheckUser(USER, "MARA")), Code.NOT_GRANTED)


@pytest.mark.security
@pytest.mark.parametrize("blank", ["\u00a0", "\u2003", "\u200b", "\n"])
def test_a_blank_that_is_not_typed_by_accident_takes_the_license_of_nobody(licensed, blank):
    """A row of a file names who holds nothing, and is refused as it is at the command line and over REST."""
    read = read_assignments(f'user,product,action\n"mara{blank}",{USER},unassign\n'.encode())
    assert not isinstance(read, Refusal)
    assert (read.rows, [error.line for error in read.errors]) == ([], [2 + blank.count("\n")])
