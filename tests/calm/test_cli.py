"""The `calm` command as people run it: in processes of their own, on a folder."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support.site_simulator import Site

pytestmark = pytest.mark.server

CALM = Path(sys.executable).with_name("calm")


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder / "calm"
        self.gap = folder / "gap"
        self.gap.mkdir()
        self("init", "--as", "olga")

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        command = [str(CALM), *words, "--data", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"}, check=False)

    def __call__(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *words: str) -> dict[str, Any]:
        done = self.run(*words, "--json")
        assert done.returncode == 3, (done.returncode, done.stderr)
        fields: dict[str, Any] = json.loads(done.stdout)["refused"]
        assert done.stderr.startswith(f"refused: {fields['code']}: ")
        return fields


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.rule("E1", "E2", "E3", "E6", "H2", "A3", "V1")
def test_the_whole_road_on_the_command_line(desk: Desk) -> None:
    account = desk("account", "add", "Northwind")["account"]
    assert (
        desk.refused("token", "download", "--account", account, "--out", str(desk.gap / "t"))["code"] == "no_approval"
    )
    asked = ("--industry", "energy", "--reason", "closed", "--version", "40")
    approval = desk("approval", "request", "--account", "Northwind", *asked)["approval"]
    desk("approval", "grant", approval, "--reason", "a closed plant")
    dates = ("--from", "2020-01-01", "--until", "2099-01-01")
    bought = desk("purchase", "add", "--account", account, "--product", "bot-creator", "--quantity", "5", *dates)
    desk("guid", "add", "--account", account, "--label", "north")
    token = desk.gap / "north.token"
    desk("token", "download", "--account", account, "--out", str(token))
    assert stat.S_IMODE(token.stat().st_mode) == 0o600

    site = Site(Random(3).randbytes, id="")
    site.id = site.new_uuid()
    site.install_token(token.read_bytes())
    now = _now()
    (desk.gap / "1.lfr").write_bytes(site.request(now))
    accepted = desk("request", "accept", str(desk.gap / "1.lfr"), "--guid", "north")
    assert {"request", "kind", "verdict", "deadline", "in_use", "warnings", "can_issue"} <= accepted.keys()
    assert accepted["can_issue"] is None
    request = ("--request", accepted["request"])
    preview = desk("license-file", "preview", *request, "--product", "bot-creator=3")
    assert (preview["license_file"], preview["file"]) == (None, None)
    out = str(desk.gap / "1.olf")
    refused = desk.refused("license-file", "issue", *request, "--product", "bot-creator=6", "--out", out)
    assert refused["code"] == "over_entitlement"
    issued = desk("license-file", "issue", *request, "--line", f"{bought['purchase']}=3", "--out", out)
    assert {"license_file", "sequence", "install_by", "lines", "warnings", "file"} <= issued.keys()
    (desk.gap / "1.receipt").write_bytes(site.install(Path(out).read_bytes(), now))
    assert desk("receipt", "accept", str(desk.gap / "1.receipt"))["verdict"] == "confirmed"
    desk("license-file", "download", issued["license_file"], "--out", str(desk.gap / "again.olf"))
    assert (desk.gap / "again.olf").read_bytes() == Path(out).read_bytes()

    shown = desk("guid", "show", "north")
    assert shown["held"] == [{"purchase": bought["purchase"], "sku": "bot-creator", "quantity": 3}]
    assert shown["control_room"] == site.id
    assert (shown["spent"], shown["available"][0]["quantity"]) == ([], 2)

    proposal = desk("control-room", "write-off", site.id, "--reason", "burnt", "--as", "olga")["proposal"]
    assert desk.refused("confirm", proposal, "--as", "olga")["code"] == "needs_second_person"
    assert desk("confirm", proposal, "--as", "omar")["confirmed_by"] == "omar"
    desk("control-room", "list")
    desk("control-room", "show", site.id)

    before = (desk.folder / "key-set.jws").read_bytes()
    proposal = desk("key", "rotate", "--reason", "yearly", "--as", "olga", "--roots")["proposal"]
    desk("confirm", proposal, "--as", "omar")
    assert (desk.folder / "key-set.jws").read_bytes() != before
    assert desk("key", "export-set", "--out", str(desk.gap / "2.jws"))["version"] == 2
    desk("trust", "export", "--out", str(desk.gap / "trust.json"))
    assert desk("log", "verify")["holds"] is True
    who = {row["who"] for row in desk("log", "show")}
    assert {"olga", "omar"} <= who


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC).replace(microsecond=0)


@pytest.mark.rule("A3")
def test_a_proposal_is_taken_back_on_the_command_line(desk: Desk) -> None:
    proposed = desk("key", "rotate", "--reason", "yearly", "--as", "olga")["proposal"]
    assert desk("confirm", proposed, "--withdraw", "--as", "olga")["withdrawn_by"] == "olga"
    assert desk.run("confirm", proposed, "--as", "omar").returncode == 2


def test_data_is_private(desk: Desk) -> None:
    for path in (desk.folder, *desk.folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.rule("A2")
def test_no_seed_lies_in_the_open_and_the_passphrase_is_needed(desk: Desk) -> None:
    desk("account", "add", "Northwind")
    (desk.folder / "passphrase").write_text("another passphrase\n")
    asked = ("--industry", "energy", "--reason", "closed", "--version", "40")
    approval = desk("approval", "request", "--account", "Northwind", *asked)["approval"]
    desk("approval", "grant", approval, "--reason", "ok")
    done = desk.run("token", "download", "--account", "Northwind", "--out", str(desk.gap / "t"))
    assert done.returncode == 1
    assert "passphrase does not open the keys" in done.stderr


@pytest.mark.rule("L5")
def test_a_restored_database_is_noticed_at_the_next_start(desk: Desk) -> None:
    database = desk.folder / "calm.sqlite3"
    old = database.read_bytes()
    desk("account", "add", "Northwind")
    for path in desk.folder.glob("calm.sqlite3-*"):
        path.unlink()
    database.write_bytes(old)
    done = desk.run("account", "add", "Contoso")
    assert done.returncode == 1
    assert "not the one that CALM acted on last" in done.stderr
    listed = desk.run("account", "list")
    assert listed.returncode == 0
    assert "not the one that CALM acted on last" in listed.stderr


def test_only_a_file_that_cannot_be_read_is_spoken_of_as_one() -> None:
    from django.db import DatabaseError, IntegrityError, OperationalError

    from carnet.calm.wiring import _database_fault

    for unreadable in (DatabaseError("file is not a database"), OperationalError("disk I/O error")):
        assert "cannot be read" in str(_database_fault(unreadable))
    for bug in (IntegrityError("UNIQUE constraint failed"), ValueError("anything")):
        assert _database_fault(bug) is None


def test_where_there_is_no_calm_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(CALM), "guid", "list", "--data", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "calm init" in done.stderr


def test_bad_usage_leaves_with_2(desk: Desk) -> None:
    assert desk.run("account", "show", "Nobody").returncode == 2
    assert desk.run("guid", "nonsense").returncode == 2


def test_help_does_not_wait_for_django() -> None:
    script = "import sys; from carnet.calm.cli import app; print('django' in sys.modules, 'rich.table' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "False"


def test_a_catalogue_that_cannot_be_read_sets_nothing_up(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[[product]]\nsku = 7\n")
    command = [str(CALM), "init", "--catalogue", str(tmp_path / "bad.toml"), "--data", str(tmp_path / "calm")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("failed: the catalogue cannot be read")
    assert not (tmp_path / "calm").exists()
