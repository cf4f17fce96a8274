"""G2, G5: many assignments at once. What the check says is what happens; all of it, or nothing."""

from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from carnet.control_room.rules.granting.assignment_file import (
    MOST_BYTES,
    MOST_ROWS,
    AssignmentFile,
    AssignmentRow,
    read_assignments,
)
from carnet.control_room.rules.granting.assignments import AssignMany, CheckAssignments
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Code, Refusal
from tests.support import depth
from tests.support.walk import PAGES, USER, Walk
from tests.unit.control_room.conftest import granted, refused, standard_lines


def read(text: str) -> AssignmentFile:
    return granted(read_assignments(text.encode()))


# --- the file ----------------------------------------------------------------------------------------------------


def test_a_file_as_spreadsheets_write_it_is_read():
    rows = read("\ufeffUser; Product ;ACTION\r\nanna;bot-creator;\r\n\r\n Jose\u0301 ;bot-creator;Unassign\r\n").rows
    assert rows == [
        AssignmentRow(2, "anna", "bot-creator", "assign"),
        AssignmentRow(4, "José", "bot-creator", "unassign"),
    ]
    assert read('product,user\nbot-creator,"Muster, Max"').rows == [AssignmentRow(2, "Muster, Max", "bot-creator")]


def test_each_row_that_cannot_be_read_says_why_and_the_others_stay():
    lines = [
        "user,product,action",
        "anna,bot-creator,assign",
        ",bot-creator,assign",
        "bo,,assign",
        "cleo,bot-creator,remove",
        "anna,bot-creator,unassign",
        f"{'x' * 201},bot-creator,",
        "dan,bot-creator,assign,more",
        "eva,bot-creator",
    ]
    found = read("\n".join(lines))
    assert [row.user for row in found.rows] == ["anna", "eva"]
    assert [error.line for error in found.errors] == [3, 4, 5, 6, 7, 8]
    assert "line 2" in found.errors[3].message


@pytest.mark.rule("malformed", "too_large")
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", Code.MALFORMED),
        (b"\xff\xfe", Code.MALFORMED),
        (b"user,product", Code.MALFORMED),
        (b"anna,bot-creator\nbo,bot-creator", Code.MALFORMED),
        (b"user,product,user\na,b,c", Code.MALFORMED),
        (b"user,product,when\na,b,c", Code.MALFORMED),
        (b'user,product\n"a,b', Code.MALFORMED),
        (b'user,product\n"a"x,b', Code.MALFORMED),
        (b"x" * (MOST_BYTES + 1), Code.TOO_LARGE),
        (b"user,product\n" + b"a,b\n" * (MOST_ROWS + 1), Code.TOO_LARGE),
    ],
)
def test_what_is_no_such_file_is_refused_whole(raw, code):
    refused(read_assignments(raw), code)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw):
    assert isinstance(read_assignments(b"user,product,action\n" + raw), AssignmentFile | Refusal)


# --- what becomes of it ------------------------------------------------------------------------------------------

ROWS = st.lists(
    st.builds(
        AssignmentRow,
        st.integers(2, 100),
        st.sampled_from(["anna", "bo", "cleo", "dan", "eva", "", "two\nlines"]),
        st.sampled_from([USER, USER, USER, PAGES, "made-up", ""]),
        st.sampled_from(["assign", "unassign"]),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.rule("G2")
@settings(max_examples=depth.times(20, 800), deadline=None)
@given(ROWS, st.booleans())
def test_g2_the_check_says_what_one_by_one_would_come_to_and_changes_nothing(rows, only_good):
    many, single = (Walk(standard_lines()).room for _ in range(2))
    for room in (many, single):
        granted(room.do(AssignUser(USER, "anna")))
    before = many.dump()
    told = many.ask(CheckAssignments(rows))
    assert many.dump() == before
    answer = many.do(AssignMany(rows, only_good))
    if told.refused and not only_good:
        refused(answer, Code(next(row.code for row in told.rows if row.outcome == "refused")))
        assert many.dump() == before
        return
    assert answer == told
    for row, verdict in zip(rows, told.rows, strict=True):
        command = AssignUser if row.action == "assign" else UnassignUser
        alone = single.do(command(row.product, row.user))
        if row.action == "assign" or verdict.outcome != "refused":
            assert isinstance(alone, Refusal) == (verdict.outcome == "refused"), row
        if isinstance(alone, Refusal):
            assert (alone.code.value, alone.message) == (verdict.code, verdict.message)
    assert list(many.state.users.of(USER)) == list(single.state.users.of(USER))
    assert many.verify().holds


@pytest.mark.rule("G5", "idempotency_conflict")
def test_g5_a_key_makes_them_once(licensed):
    rows = [AssignmentRow(2, "anna", USER), AssignmentRow(3, "bo", USER)]

    def make(rows):
        return licensed.engine.execute(AssignMany(rows), licensed.reading, "mara", "k-1")

    first = granted(make(rows))
    assert (first.assigned, [row.outcome for row in first.rows]) == (2, ["assign", "assign"])
    granted(licensed.do(UnassignUser(USER, "bo")))
    licensed.reopen()
    assert make(rows) == first
    refused(make(rows[:1]), Code.IDEMPOTENCY_CONFLICT)
    assert list(licensed.state.users.of(USER)) == ["anna"]


@pytest.mark.rule("E8", "E11", "locked")
def test_giving_back_goes_on_where_nothing_new_is_granted(licensed):
    granted(licensed.do(AssignUser(USER, "anna")))
    licensed.request()
    licensed.wait(days=8)
    rows = [AssignmentRow(2, "anna", USER, "unassign"), AssignmentRow(3, "bo", USER)]
    told = licensed.ask(CheckAssignments(rows))
    assert [(row.outcome, row.code) for row in told.rows] == [("unassign", ""), ("refused", "locked")]
    refused(licensed.do(AssignMany(rows)), Code.LOCKED)
    licensed.request(RequestKind.RELEASE)
    assert granted(licensed.do(AssignMany(rows, only_good=True))).unassigned == 1
    assert licensed.state.users.count_people() == 0


def test_so_many_at_once_and_no_more(licensed):
    rows = [AssignmentRow(2, "anna", USER)] * (MOST_ROWS + 1)
    for few in ([], rows):
        refused(licensed.ask(CheckAssignments(few)), Code.MALFORMED)
        refused(licensed.do(AssignMany(few)), Code.MALFORMED)
    licensed.wait(seconds=timedelta(hours=1).total_seconds())
    told = licensed.ask(CheckAssignments(rows[1:]))
    assert (told.assigned, told.already) == (1, MOST_ROWS - 1)
