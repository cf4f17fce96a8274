"""CSV for people's spreadsheets: no cell that goes out is one that a spreadsheet would compute."""

import csv
from collections.abc import Iterable
from io import StringIO


def csv_line(cells: Iterable[str]) -> str:
    text = StringIO()
    csv.writer(text).writerow([as_text(cell) for cell in cells])
    return text.getvalue()


def as_text(cell: str) -> str:
    """A cell that would be computed is written as text."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else cell
