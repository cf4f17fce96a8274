"""What each test costs, and which tier takes it (docs/adr/0024). `python -m tests.support.tiers` writes docs/tests.md.

The cost follows from the folder or from the fixtures of a test, so that nobody must think of it; where neither tells,
the module or the test is marked. `tests/conftest.py` applies it, and fails a test that starts something unmarked.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tests.md"
FOUND = pytest.StashKey[dict[str, str]]()  # `by_module` of what a run collected

TIERS = {
    "fast": "no process, no network port, no browser, no PostgreSQL, nothing slow: after each change",
    "test": "all that is promised, once",
    "deep": "the same with thousands of random tries, each disk call that fails, and all of CALM on PostgreSQL too",
}
COSTS = {
    "server": "it starts a process, or listens on a network port",
    "browser": "it drives Chromium",
    "postgres": "it asks a real PostgreSQL",
    "delivery": "it builds or installs what a closed site gets",
    "histories": "it plays random histories of whole companies",
    "fuzz": "a machine that reads the OpenAPI document tries what it finds there",
    "slow": "it alone takes seconds",
    "deep": "only `make test-deep` runs it",
}
# What `make test-deep` does more of, where no number of tries says it: what, in `make test`, in `make test-deep`.
DEEPER = (
    ("disk calls that fail in turn (unit/control_room/test_faults.py)", "one in 5 to 83", "each"),
    ("tests of both databases (`both_databases`)", "on SQLite, and what locks and faults are about on both", "on both"),
    ("axe's rules on a page in the dark", "those of colours", "all"),
    ("roles with which a machine tries CALM's REST", "the operator", "the operator and a customer's administrator"),
    ("pages of the sign-in kit under axe", "in CALM", "in CALM and the Control Room"),
    ("hypothesis, where a test names no number", "50 tries", "2,000 tries"),
    ("sites and years of `make years` (years/test_years.py)", "4 sites, 3 years", "20 sites, 30 years"),
    ("the seed", "1, always", "new each time; the end of a run shows it"),
)
MAY_START = {"server", "browser", "postgres", "delivery", "fuzz"}  # processes and listeners
FOLDERS = {
    "tests/browser": ("browser",),
    "tests/delivery": ("delivery",),
    "tests/room": ("server",),
    "tests/crash": ("server", "slow"),
    "tests/soak": ("server", "slow"),
}
FIXTURES = {
    "postgres": ("postgres",),
    "postgres_tables": ("postgres",),
    "built": ("delivery",),
    "chromium": ("browser",),
    "story": ("server",),
    "first_story": ("server",),
    "served": ("server",),
    "live_server": ("server",),
    "hasty": ("server",),
}


def mark(item: pytest.Item, *, on_postgresql: bool = False) -> None:
    """Adds to a test what follows from where it lies and what it asks for. `on_postgresql`: the run is on that one."""
    for cost in _derived(item):
        item.add_marker(cost)
    if on_postgresql and item.get_closest_marker("both_databases"):
        item.add_marker("postgres")


def _derived(item: pytest.Item) -> Iterable[str]:
    place = item.path.relative_to(ROOT).as_posix() if item.path.is_relative_to(ROOT) else ""
    for folder, costs in FOLDERS.items():
        if place.startswith(f"{folder}/"):
            yield from costs
    for fixture in getattr(item, "fixturenames", ()):
        yield from FIXTURES.get(fixture, ())
    call = getattr(item, "callspec", None)
    if call and "postgresql" in call.params.values():
        yield "postgres"


def costs_of(item: pytest.Item) -> frozenset[str]:
    return frozenset(marker.name for marker in item.iter_markers() if marker.name in COSTS)


def takes(tier: str, costs: frozenset[str]) -> bool:
    return not costs if tier == "fast" else tier == "deep" or "deep" not in costs


# --- the page -------------------------------------------------------------------------------------------------------


def by_module(items: Iterable[pytest.Item]) -> dict[str, str]:
    """Module → what its tests cost, in words; nothing where all tiers take the whole module."""
    found: dict[str, list[frozenset[str]]] = defaultdict(list)
    for item in items:
        if item.path.is_relative_to(ROOT / "tests"):
            found[item.path.relative_to(ROOT / "tests").as_posix()].append(costs_of(item))
    return {module: _words(each) for module, each in sorted(found.items())}


def _words(each: list[frozenset[str]]) -> str:
    """“server, some slow”."""
    return ", ".join(
        cost if all(cost in costs for costs in each) else f"some {cost}"
        for cost in COSTS
        if any(cost in costs for costs in each)
    )


_TRIED = re.compile(r"(timeout=)?depth\.times\(([\d_]+), ([\d_]+)\)")


def tried() -> dict[str, list[tuple[int, int]]]:
    """Module → how often it tries something random (or for how many seconds), usual and deep, as its source says."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        numbers = [(int(usual), int(deep)) for limit, usual, deep in _TRIED.findall(path.read_text()) if not limit]
        if numbers:
            found[path.relative_to(ROOT / "tests").as_posix()] = numbers
    return found


def _tries() -> Iterable[str]:
    for module, numbers in tried().items():
        for usual, deep in dict.fromkeys(numbers):
            unit = " s" if "soak" in module else ""
            yield f"| {module} | {usual:,}{unit} | {deep:,}{unit} |"


def page(modules: Mapping[str, str]) -> str:
    lines = [
        "# Which tests run when",
        "",
        "Made from the tests (`python -m tests.support.tiers`), and compared with them by a test. Why: "
        "[adr/0024](adr/0024-tests-in-tiers.md).",
        "",
        "| tier | command | what |",
        "|---|---|---|",
        *(f"| {tier} | `make {_TARGETS[tier]}` | {says} |" for tier, says in TIERS.items()),
        "",
        "| a test costs | where |",
        "|---|---|",
        *(f"| {cost} | {says} |" for cost, says in COSTS.items()),
        "",
        "`make test-fast` takes the tests that cost nothing of this. “Some”: not all tests of the module.",
        "",
        "What `make test` does less of than `make test-deep`:",
        "",
        "| tries in | `make test` | `make test-deep` |",
        "|---|---|---|",
        *_tries(),
        *(f"| {what} | {usual} | {deep} |" for what, usual, deep in DEEPER),
        "",
        "| module | costs |",
        "|---|---|",
        *(f"| {module} | {words} |" for module, words in modules.items() if words),
    ]
    return "\n".join(lines) + "\n"


_TARGETS = {"fast": "test-fast", "test": "test", "deep": "test-deep"}


def rows(text: str) -> dict[str, str]:
    """Module → costs, as the page says."""
    cells = (line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ") and ".py |" in line)
    return {row[0].strip(): row[1].strip() for row in cells if len(row) == 2}


if __name__ == "__main__":
    asked = ["-m", "pytest", "--collect-only", "-qq", "--write-tiers", str(ROOT / "tests")]
    raise SystemExit(
        subprocess.run([sys.executable, *asked], cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode
    )
