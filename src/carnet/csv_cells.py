"""CSV for people's spreadsheets, for both sides: no cell that goes out is one that a spreadsheet would compute.

A cell that begins like a formula leaves behind an apostrophe, and comes back without it. So does one that had
apostrophes before: `plain` gives back what `defused` was given, whatever it was.
Source: OWASP, CSV Injection (which characters begin a formula).
"""

import csv
import re
from collections.abc import Iterable
from io import StringIO

from carnet.printable import printable

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
