"""CSV for people's spreadsheets, for both sides: no cell that goes out is one that a spreadsheet would compute.

A cell that begins like a formula leaves behind an apostrophe, and comes back without it. So does one that had
apostrophes before: `plain` gives back what `defused` was given, whatever it was.
Source: OWASP, CSV Injection (which characters begin a formula).
"""

import csv
import re
from collections.abc import Iterable, Iterator
from io import StringIO

from carnet.printable import printable

WHY = "what is wrong"  # the last column of refused rows that are given back; where it comes again it says nothing
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def defused(cell: str) -> str:
    """`cell` as text that no spreadsheet computes."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def plain(cell: str) -> str:
    """The cell that `defused` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def csv_line(cells: Iterable[object]) -> str:
    """One row, with its line end; None is an empty cell. What is not seen in a cell stands there as its number (N3);
    names that a file or ledger holds have nothing of the kind, and come back as they were."""
    text = StringIO()
    csv.writer(text).writerow(["" if cell is None else defused(printable(str(cell))) for cell in cells])
    return text.getvalue()


def csv_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Each row of a file with its line, as spreadsheets write it: commas or semicolons, a first line `sep=;`, and empty
    columns at the end, which are left out, as blank rows are. A line break within a cell stays in it: what is read is
    never joined to something that nobody wrote.

    Raises:
        csv.Error: It is not CSV.
    """
    first, _, rest = text.partition("\n")
    named = first.strip().lower().removeprefix("sep=") if first.lower().startswith("sep=") else ""
    skipped = 1 if named else 0
    body = rest if named else text
    head = body.partition("\n")[0]
    delimiter = named or (";" if head.count(";") > head.count(",") else ",")
    reader = csv.reader(StringIO(body, newline=""), delimiter=delimiter[:1], strict=True)
    for row in reader:
        cells = [cell.strip(" \t") for cell in row]  # other blanks are no accident: who reads a name judges them
        while cells and not cells[-1]:
            cells.pop()
        if cells:
            yield reader.line_num + skipped, cells
