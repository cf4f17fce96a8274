"""`make bench`: runs every measurement, prints the table, and writes bench/results.json."""

import sys
import tempfile
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench import calm, door, floods, ledger, pages, portal, site
from bench.measure import Row

RESULTS = Path(__file__).with_name("results.json")


def main() -> None:
    console = Console(width=130)
    found: list[Row] = []
    for part in (door, floods, ledger, site, pages, calm, portal):
        with tempfile.TemporaryDirectory() as folder:
            for row in part.rows(Path(folder)):
                console.print(f"[dim]{row.name}: {row.value:,} {row.unit}[/dim]")
                found.append(row)
    console.print(_table(found))
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    sys.exit(0)


def _table(rows: list[Row]) -> Table:
    table = Table("What", "Figure", "Unit", "Against", "Ratio", "Target", "Met")
    for row in rows:
        met = "" if row.met is None else "yes" if row.met else "no"
        limit, ratio = ("" if each is None else f"{each:,}" for each in (row.limit, row.ratio))
        table.add_row(row.name, f"{row.value:,}", row.unit, limit, ratio, row.target, met)
    return table


if __name__ == "__main__":
    main()
