"""`make coverage`: lines and branches that the fast tests reach, with a floor for each package that decides something.

`python -m tests.support.coverage_floor` runs them and ends with 1 where a package is under its floor.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FLOOR = 95.0  # per cent of lines and branches together, as coverage.py counts them
PACKAGES = [
    "exchange",
    "merkle",
    "entitlements",
    "control_room/ledger",
    "control_room/rules",
    "control_room/state",
    "control_room/engine",
]


def measured(arguments: list[str]) -> dict[str, Any]:
    """What coverage.py says of each file. `arguments` are pytest's."""
    with tempfile.TemporaryDirectory() as folder:
        data, found = Path(folder, "data"), Path(folder, "found.json")
        told = ["--data-file", str(data)]
        _coverage("run", *told, "-m", "pytest", "--tier", "fast", *arguments)
        _coverage("combine", "-q", *told)
        _coverage("json", "-q", *told, "-o", str(found))
        files: dict[str, Any] = json.loads(found.read_text())["files"]
    return files


def _coverage(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "coverage", *words], cwd=ROOT, check=True)


def by_package(files: dict[str, Any]) -> dict[str, tuple[float, list[str]]]:
    """Package → per cent, and its files that are not reached whole with their lines and branches."""
    found = {}
    for package in PACKAGES:
        counts, missing = Counter[str](), []
        for name, file in files.items():
            if f"carnet/{package}/" in name:
                counts.update({key: value for key, value in file["summary"].items() if isinstance(value, int)})
                if file["missing_lines"] or file["missing_branches"]:
                    missing.append(f"{name}: lines {file['missing_lines']}, branches {file['missing_branches']}")
        reached = counts["covered_lines"] + counts["covered_branches"]
        whole = counts["num_statements"] + counts["num_branches"]
        found[package] = (100 * reached / whole if whole else 0.0, missing)
    return found


def main() -> int:
    found = by_package(measured(sys.argv[1:] or ["-n", "2", "tests"]))
    for package, (percent, missing) in found.items():
        print(f"{percent:6.1f} %  {package}")
        for line in missing:
            print(f"          {line}")
    low = [package for package, (percent, _) in found.items() if percent < FLOOR]
    if low:
        print(f"Under {FLOOR} %: {', '.join(low)}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    raise SystemExit(main())
