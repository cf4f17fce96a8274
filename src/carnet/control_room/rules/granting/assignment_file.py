"""Many assignments in one CSV file: bytes in, rows and what is wrong with them out. What the license makes of the rows
is another question (`assignments`).

First line `user,product,action`, in any order, `action` (assign, unassign, or assign even so) may be left out; a comma
or a semicolon between columns, as spreadsheets write them. UTF-8, at most 1 MiB and 5,000 rows.

A cell that a spreadsheet would take for a formula leaves here behind an apostrophe, and comes back without it.
"""

import csv
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from carnet.control_room.rules.granting.preconditions import check_name
from carnet.csv_cells import WHY, csv_line, csv_rows, plain
from carnet.exchange.file_kinds import wrong_file
from carnet.exchange.verdicts import Code, Refusal
from carnet.printable import SENTENCE, printable

MOST_BYTES, MOST_ROWS = 1024 * 1024, 5000
COLUMNS = ("user", "product", "action")
Action = Literal["assign", "unassign"]
EVEN_SO = "assign even so"  # G2
ACTIONS: dict[str, tuple[Action, bool]] = {  # as a file has them: what is done, and whether even so
    "": ("assign", False),
    "assign": ("assign", False),
    EVEN_SO: ("assign", True),
    "unassign": ("unassign", False),
}
_FORM = "The first line names the columns: user,product,action. Then one line for each assignment."


@dataclass(frozen=True)
class AssignmentRow:
    """`even_so`: it was said that this is another person than the likely twin (G2)."""

    line: int  # of the file, from 1
    user: str
    product: str  # its sku
    action: Action = "assign"
    even_so: bool = False

    @property
    def written(self) -> str:
        """The action as a file has it."""
        return EVEN_SO if self.even_so else self.action


@dataclass(frozen=True)
class RowError:
    line: int
    message: str
    user: str = field(default="", compare=False)  # what stands there, so that people find the row
    product: str = field(default="", compare=False)
    action: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for name in ("message", "user", "product", "action"):
            object.__setattr__(self, name, printable(getattr(self, name), SENTENCE))  # N3: it may quote the file


@dataclass(frozen=True)
class RefusedRow:
    """User, product and action as they stand in the file, and why."""

    line: int
    user: str
    product: str
    action: str
    why: str


@dataclass(frozen=True)
class AssignmentFile:
    rows: list[AssignmentRow]  # those that can be read
    errors: list[RowError]


def read_assignments(raw: bytes) -> AssignmentFile | Refusal:
    """What the file asks for, row by row. A refusal if it is not such a file."""
    if len(raw) > MOST_BYTES:
        return Refusal(Code.TOO_LARGE, f"The file has {len(raw):,} bytes; at most {MOST_BYTES:,} are read.", _split())
    if raw and (wrong := wrong_file(raw, "a CSV file")):
        return Refusal(Code.MALFORMED, *wrong)
    try:
        lines = list(_cells(raw.decode("utf-8-sig")))
    except csv.Error:
        return _no_file("Its quotation marks do not fit together, so that it is not CSV.", _FORM)
    header = [name.casefold() for name in lines[0][1]] if lines else []
    if not {"user", "product"} <= set(header) <= {*COLUMNS, WHY} or len(set(header)) < len(header):
        return _no_file("Its first line does not name the columns.", _FORM)
    if len(lines) == 1:
        return _no_file("It names no user.", _FORM)
    if len(lines) - 1 > MOST_ROWS:
        return Refusal(
            Code.TOO_LARGE, f"The file has {len(lines) - 1:,} rows; at most {MOST_ROWS:,} are read.", _split()
        )
    return _rows(header, lines[1:])


def _split() -> str:
    return "Split it into several files. Nothing was changed."


def _no_file(message: str, next_step: str) -> Refusal:
    return Refusal(Code.MALFORMED, f"This file cannot be read. {message}", next_step)


def _cells(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each line that is not empty, with its number, in one form of Unicode. Raises csv.Error."""
    for line, cells in csv_rows(text):
        yield line, [plain(unicodedata.normalize("NFC", cell)) for cell in cells]


def _rows(header: list[str], lines: list[tuple[int, list[str]]]) -> AssignmentFile:
    rows: list[AssignmentRow] = []
    errors: list[RowError] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in lines:
        read = _row(header, line, cells)
        named = dict(zip(header, cells, strict=False))
        if isinstance(read, AssignmentRow):
            first = seen.setdefault((read.user, read.product), line)
            if first != line:
                read = RowError(line, f"{read.user} and {read.product} stand in line {first} already.")
        if isinstance(read, AssignmentRow):
            rows.append(read)
        else:
            user, product, action = (named.get(column, "") for column in COLUMNS)
            errors.append(replace(read, user=user, product=product, action=action))
    return AssignmentFile(rows, errors)


def _row(header: list[str], line: int, cells: list[str]) -> AssignmentRow | RowError:
    if len(cells) > len(header):
        return RowError(line, f"It has {len(cells)} columns; the first line names {len(header)}.")
    named = dict(zip(header, cells, strict=False))
    user, product, action = (named.get(column, "") for column in COLUMNS)
    for column, value in (("user", user), ("product", product)):
        if not value:
            return RowError(line, f"It names no {column}.")
    if action.casefold() not in ACTIONS:
        return RowError(line, f"“{action[:40]}” is not an action. Write assign, unassign, or assign even so.")
    wrong = check_name(user, "user's name")
    if wrong:
        return RowError(line, wrong.message)
    return AssignmentRow(line, user, product, *ACTIONS[action.casefold()])


def refused_file(rows: Iterable[RefusedRow]) -> bytes:
    """A file of the refused rows, each with the reason in its last column: corrected, it can be read as it is."""
    lines = [(row.user, row.product, row.action, row.why) for row in sorted(rows, key=lambda row: row.line)]
    return "".join(csv_line(cells) for cells in [(*COLUMNS, WHY), *lines]).encode()
