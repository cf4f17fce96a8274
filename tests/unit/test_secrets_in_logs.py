"""A2: the search for secrets in logs finds those that are there, however they were written."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support import kept_logs
from tests.support.kept_logs import keep, secret, secret_bytes, secret_lines
from tests.support.secrets_in_logs import Searched, search

ROOT = Path(__file__).parents[2]
SECRET = "correct “horse” battery/staple+"
PLANTED = """
from tests.support.kept_logs import keep, secret
def test_it():
    keep("server", {log!r})
    secret("a secret of this run", "a password")
"""

pytestmark = pytest.mark.rule("A2")


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(kept_logs.FOLDER, str(tmp_path))
    monkeypatch.setattr(kept_logs, "_said", set())
    return tmp_path


def found(folder: Path) -> list[tuple[str, int]]:
    searched: Searched = search(folder)
    return [(each.what, each.line) for each in searched.found]


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        json.dumps(SECRET),
        quote(SECRET, safe=""),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"user:" + SECRET.encode() + b" and more").decode(),
        base64.urlsafe_b64encode(b"ab" + SECRET.encode()).decode(),
        base64.urlsafe_b64encode(b"abcd" + SECRET.encode() + b"e").decode(),
        repr(SECRET.encode()),
    ],
)
def test_a_secret_is_found_however_it_is_written(logs: Path, written: str) -> None:
    secret(SECRET, "a password")
    keep("server", f"nothing here\n{{'said': '{written}'}}\n")
    assert set(found(logs)) == {("a password", 2)}


def test_raw_bytes_and_each_line_of_a_key_are_found(logs: Path) -> None:
    secret_bytes(bytes(range(32)), "a key")
    secret_lines("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAwEHBG0wawIBAQQg\n-----END-----\n", "a PEM")
    keep("server", f"{bytes(range(32)).hex()}\nAwEHBG0wawIBAQQg\n-----BEGIN PRIVATE KEY-----\n")
    assert found(logs) == [("a key", 1), ("a PEM", 2)]


def test_what_is_no_secret_is_not_found(logs: Path) -> None:
    secret(SECRET, "a password")
    keep("server", "correct “horse” battery, staple\n")
    searched = search(logs)
    assert (searched.logs, searched.secrets, searched.found) == (1, 1, ())


def test_one_too_short_to_be_looked_for_is_said(logs: Path) -> None:
    with pytest.raises(AssertionError, match="too short"):
        secret("hunter2", "a password")
    assert not list(logs.iterdir())


@pytest.mark.server
def test_by_itself_it_ends_with_1_where_it_finds_one(logs: Path) -> None:
    secret(SECRET, "a password")
    keep("server", SECRET)
    command = [sys.executable, "-m", "tests.support.secrets_in_logs", str(logs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "line 1: a password" in done.stdout) == (1, True), done


@pytest.mark.server
@pytest.mark.parametrize(
    ("log", "code", "workers"), [("GET /?q=a secret of this run\n", 1, ["-n", "1"]), ("GET /\n", 0, [])]
)
def test_a_run_fails_whose_servers_wrote_a_secret(tmp_path: Path, log: str, code: int, workers: list[str]) -> None:
    (tmp_path / "test_planted.py").write_text(PLANTED.format(log=log))
    words = [
        "-q",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-p",
        "no:schemathesis",
        *workers,
        "--rootdir",
        str(tmp_path),
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CARNET_TEST"))}
    environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", *words, "-c", os.devnull, str(tmp_path / "test_planted.py")]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert f"{code} found" in done.stdout
    assert bool(list(tmp_path.glob("carnet-logs-*"))) == bool(code), "it is kept where it shows what is wrong"
