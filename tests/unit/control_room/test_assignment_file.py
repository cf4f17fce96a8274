"""The CSV of many assignments, read to its last row: limits, separators, and what each refusal and each row's error
says."""

import pytest

from carnet.control_room.rules.granting.assignment_file import (
    MOST_BYTES,
    MOST_ROWS,
    AssignmentFile,
    AssignmentRow,
    RowError,
    read_assignments,
)
from carnet.exchange.verdicts import Code, Refusal

HEAD = "user,product\n"
FORM = "The first line names the columns: user,product,action. Then one line for each assignment."


def read(text: str) -> AssignmentFile:
    found = read_assignments(text.encode())
    assert isinstance(found, AssignmentFile), found
    return found


def refused(raw: bytes) -> Refusal:
    found = read_assignments(raw)
    assert isinstance(found, Refusal), found
    return found


@pytest.mark.rule("too_large")
def test_as_many_bytes_and_rows_as_are_allowed_are_read_and_not_one_more() -> None:
    largest = (HEAD + "ada,bot-creator\n").encode().ljust(MOST_BYTES, b"\n")
    assert isinstance(read_assignments(largest), AssignmentFile)
    over = refused(largest + b"\n")
    assert over.code is Code.TOO_LARGE
    assert over.message == f"The file has {MOST_BYTES + 1:,} bytes; at most {MOST_BYTES:,} are read."
    most = HEAD + "".join(f"user-{number},bot-creator\n" for number in range(MOST_ROWS))
    assert len(read(most).rows) == MOST_ROWS
    more = refused(f"{most}one-more,bot-creator\n".encode())
    assert more.code is Code.TOO_LARGE
    assert more.message == f"The file has {MOST_ROWS + 1:,} rows; at most {MOST_ROWS:,} are read."
    assert more.next == over.next == "Split it into several files. Nothing was changed."


@pytest.mark.rule("malformed")
@pytest.mark.parametrize(
    ("raw", "says", "next_step"),
    [
        (b'user,product\n"ada,bot-creator\n', "Its quotation marks do not fit together", FORM),
        (b"", "Its first line does not name the columns.", FORM),
        (b"name,product\nada,bot-creator\n", "Its first line does not name the columns.", FORM),
        (b"user,product,user\nada,bot-creator,eve\n", "Its first line does not name the columns.", FORM),
        (HEAD.encode(), "It names no user.", FORM),
    ],
)
def test_a_file_that_is_not_such_a_file_is_told_why(raw: bytes, says: str, next_step: str) -> None:
    refusal = refused(raw)
    assert refusal.code is Code.MALFORMED
    assert refusal.message.startswith(f"This file cannot be read. {says}")
    assert refusal.next == next_step


@pytest.mark.parametrize(
    "text",
    [
        "user,product\nada;eve,bot-creator\n",  # a semicolon that is part of a name
        "user;product\nada;bot-creator\n",
        "user,product,action\r\nada,bot-creator\r\n",  # as a spreadsheet leaves out what is empty at the end
        "\ufeffUser,PRODUCT\n\n  ada , bot-creator \n",
        "sep=;\r\nuser;product\r\nada;bot-creator\r\n",  # as a spreadsheet marks its delimiter
        "user,product,action,,\nada,bot-creator,assign,,\n",  # columns that were emptied, and stay
    ],
)
def test_what_spreadsheets_write_is_read(text: str) -> None:
    (row,) = read(text).rows
    assert (row.user.partition(";")[0], row.product, row.action) == ("ada", "bot-creator", "assign")


def test_a_row_names_its_line_and_what_is_wrong_with_it() -> None:
    long = "x" * 50
    text = (
        "user,product,action\n"
        "ada,bot-creator,assign,more\n"
        ",bot-creator,\n"
        "ada,,\n"
        f"ada,bot-creator,{long}\n"
        f"{'a' * 201},bot-creator,\n"
        "ada,bot-creator,UNASSIGN\n"
        "ada,bot-creator,assign\n"
    )
    found = read(text)
    assert found.rows == [AssignmentRow(7, "ada", "bot-creator", "unassign")]
    assert found.errors[:4] == [
        RowError(2, "It has 4 columns; the first line names 3."),
        RowError(3, "It names no user."),
        RowError(4, "It names no product."),
        RowError(5, f"“{long[:40]}” is not an action. Write assign, unassign, or assign even so."),
    ]
    assert found.errors[4].line == 6
    assert "user's name" in found.errors[4].message
    assert found.errors[5] == RowError(8, "ada and bot-creator stand in line 7 already.")


def test_two_names_in_one_cell_are_no_new_name() -> None:
    """They would be joined, and somebody assigned whom nobody wrote down."""
    found = read('user,product\n"x1\nx2",bot-creator\nada,bot-creator\n')
    assert [row.user for row in found.rows] == ["ada"]
    (error,) = found.errors
    assert (error.line, error.product) == (3, "bot-creator")
    assert error.user == "x1\\u000ax2", "the row is shown as it stands in the file"
