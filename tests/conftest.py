"""For the whole run: which tests it takes, and from which seed; what a test may start; and A2: all servers' logs are
kept, and the run fails where a secret is found in any of them.

With several workers, the one that started them chooses and looks; they find its choice in their environment.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support import depth, kept_logs, tiers, watched
from tests.support.secrets_in_logs import Searched, search

_FOLDER = pytest.StashKey[Path]()
_SEARCHED = pytest.StashKey[Searched]()


def pytest_addoption(parser: pytest.Parser) -> None:
    ours = parser.getgroup("carnet")
    ours.addoption("--tier", choices=[*tiers.TIERS], default="test", help="which tests: docs/tests.md")
    databases = ["sqlite", "postgresql"]
    ours.addoption("--database", choices=databases, default="sqlite", help="where the tests of both databases run")
    ours.addoption("--write-tiers", action="store_true", help="write docs/tests.md anew")


# --- which tests, and how much each tries ---------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        os.environ[depth.TIER] = config.option.tier
        if depth.is_deep():
            os.environ.setdefault(depth.SEED, str(int(time.time())))  # new tries each time
        _keep_logs(config)
    config.option.hypothesis_seed = str(depth.seed_number())
    slow = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]  # machines are shared; fixtures are read only
    for name, tries in (("usual", 50), ("deep", 2000)):
        settings.register_profile(name, max_examples=tries, deadline=None, database=None, suppress_health_check=slow)
    settings.load_profile("deep" if depth.is_deep() else "usual")
    watched.watch()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        tiers.mark(item, on_postgresql=config.option.database == "postgresql")
    config.stash[tiers.FOUND] = tiers.by_module(items)
    if config.option.write_tiers:
        tiers.PAGE.write_text(tiers.page(config.stash[tiers.FOUND]))
    chosen, left = [], []
    for item in items:
        (chosen if _is_chosen(config, item) else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = chosen


def _is_chosen(config: pytest.Config, item: pytest.Item) -> bool:
    if config.option.database == "postgresql" and not item.get_closest_marker("both_databases"):
        return False  # the others have run
    return tiers.takes(config.option.tier, tiers.costs_of(item))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    watched.taken()  # what was before is nobody's


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """A test that starts something says so, or `make test-fast` would soon be slow."""
    yield
    started = watched.taken()
    if started and not tiers.costs_of(item) & tiers.MAY_START:
        pytest.fail(f"It starts {started[0]}, and is not marked `server`: see docs/tests.md.", pytrace=False)


# --- no secret in a log ---------------------------------------------------------------------------------------------


def _keep_logs(config: pytest.Config) -> None:
    if kept_logs.FOLDER not in os.environ:
        config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="carnet-logs-"))
        os.environ[kept_logs.FOLDER] = str(config.stash[_FOLDER])


def pytest_sessionfinish(session: pytest.Session) -> None:
    folder = session.config.stash.get(_FOLDER, None)
    if folder:
        searched = session.config.stash[_SEARCHED] = search(folder)
        if searched.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    option = terminalreporter.config.option
    terminalreporter.line(f"tier {option.tier}, {option.database}, CARNET_SEED={depth.seed()}")
    searched = terminalreporter.config.stash.get(_SEARCHED, None)
    if searched and searched.logs:
        terminalreporter.section("secrets in the servers' logs", red=bool(searched.found), green=not searched.found)
        terminalreporter.line(str(searched))


def pytest_unconfigure(config: pytest.Config) -> None:
    """The folder goes, but where it shows what is wrong."""
    folder, searched = config.stash.get(_FOLDER, None), config.stash.get(_SEARCHED, None)
    if folder:
        os.environ.pop(kept_logs.FOLDER, None)
        if searched is None or not searched.found:
            shutil.rmtree(folder, ignore_errors=True)
