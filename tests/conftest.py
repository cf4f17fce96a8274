"""A2, for the whole run: all servers' logs are kept, and the run fails where a secret is found in any of them.

With several workers, the one that started them looks; they find its folder in their environment.
"""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support import kept_logs
from tests.support.secrets_in_logs import Searched, search

_FOLDER = pytest.StashKey[Path]()
_SEARCHED = pytest.StashKey[Searched]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and kept_logs.FOLDER not in os.environ:
        config.stash[_FOLDER] = Path(tempfile.mkdtemp(prefix="carnet-logs-"))
        os.environ[kept_logs.FOLDER] = str(config.stash[_FOLDER])


def pytest_sessionfinish(session: pytest.Session) -> None:
    folder = session.config.stash.get(_FOLDER, None)
    if folder:
        searched = session.config.stash[_SEARCHED] = search(folder)
        if searched.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
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
