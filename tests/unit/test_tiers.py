"""The tiers of tests: what a test costs is known, said in docs/tests.md, and not more than it is marked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import depth, tiers

ROOT = Path(__file__).parents[2]
STARTS = """
import socket, subprocess, sys, pytest

def test_a_process():
    subprocess.run([sys.executable, "-c", ""])

def test_a_listener():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))

@pytest.mark.server
def test_one_that_says_so():
    subprocess.run([sys.executable, "-c", ""])

def test_nothing():
    assert True
"""


def test_the_page_says_what_each_module_costs(pytestconfig: pytest.Config) -> None:
    """Compared for the modules that this run has read whole; with all of them read, no other module stands there."""
    found, told = pytestconfig.stash[tiers.FOUND], tiers.rows(tiers.PAGE.read_text())
    again = "run: python -m tests.support.tiers"
    assert {module: told.get(module, "") for module in found} == found, again
    if [Path(each).resolve() for each in pytestconfig.args] == [ROOT / "tests"]:
        assert set(told) == {module for module, words in found.items() if words}, again
    assert tiers.PAGE.read_text() == tiers.page(told), again


def test_every_cost_is_a_registered_marker(pytestconfig: pytest.Config) -> None:
    registered = {line.partition(":")[0] for line in pytestconfig.getini("markers")}
    assert set(tiers.COSTS) <= registered
    assert {cost for costs in (*tiers.FOLDERS.values(), *tiers.FIXTURES.values()) for cost in costs} <= set(tiers.COSTS)


@pytest.mark.parametrize(
    ("tier", "costs", "taken"),
    [
        ("fast", (), True),
        ("fast", ("slow",), False),
        ("test", ("slow", "server"), True),
        ("test", ("deep",), False),
        ("deep", ("deep", "browser"), True),
    ],
)
def test_a_tier_takes_what_it_promises(tier: str, costs: tuple[str, ...], taken: bool) -> None:
    assert tiers.takes(tier, frozenset(costs)) is taken


def test_a_seed_is_a_number_whatever_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(depth.SEED, "1796000000")
    assert depth.seed_number() == 1_796_000_000
    monkeypatch.setenv(depth.SEED, "monday")
    assert depth.seed_number() == depth.seed_number() < 2**32
    monkeypatch.delenv(depth.SEED)
    assert depth.seed() == depth.USUAL_SEED


@pytest.mark.server
def test_a_test_that_starts_something_and_is_not_marked_fails(tmp_path: Path) -> None:
    (tmp_path / "test_starts.py").write_text(STARTS)
    words = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:schemathesis"]
    marks = ["-o", "markers=server", "--rootdir", str(tmp_path), "-c", os.devnull]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CARNET_"))}
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "-rE", *words, *marks, str(tmp_path / "test_starts.py")]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "4 passed, 2 errors" in done.stdout, done.stdout + done.stderr
    assert "It starts a process" in done.stdout
    assert "It starts a listener" in done.stdout
