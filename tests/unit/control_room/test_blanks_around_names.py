"""G2: a blank at the end of a name never makes a twin, and never takes the license of somebody else."""

import pytest

from carnet.cli_support import check_name
from carnet.control_room.rest import bodies
from carnet.control_room.rules.granting.assignment_file import AssignmentFile, read_assignments
from carnet.control_room.rules.granting.users import AssignUser
from carnet.exchange.verdicts import Code
from tests.unit.control_room.conftest import granted, refused


@pytest.mark.rule("G2")
def test_the_ledger_takes_no_name_with_a_blank_around_it(licensed):
    granted(licensed.do(AssignUser("bot-creator", "mara")))
    before = licensed.dump()
    for twin in ("mara ", " mara", "mara\u00a0", " "):
        refused(licensed.do(AssignUser("bot-creator", twin)), Code.MALFORMED)
    assert licensed.dump() == before


@pytest.mark.rule("G2")
def test_each_door_leaves_the_blanks_out():
    read = read_assignments(b"user,product,action\nmara ,bot-creator,unassign\n")
    assert isinstance(read, AssignmentFile)
    assert [row.user for row in read.rows] == ["mara"]
    assert bodies.name(" mara ") == check_name(" mara ", "user's name") == "mara"
    assert check_name("Jose\u0301", "user's name") == bodies.name("Jose\u0301") == "Jos\u00e9"
