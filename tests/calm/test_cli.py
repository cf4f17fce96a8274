"""The `calm` command on a folder, as people run it: in processes of its own where that is what is under test."""

import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from carnet.errors import CarnetError
from tests.journeys.commands import Vendor
from tests.room.site import free_port
from tests.support.kept_logs import secret
from tests.support.site_simulator import Site

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    """Set up once, to be copied."""
    calm = Vendor(data=tmp_path_factory.mktemp("founded") / "calm", by="olga")
    done = calm.process("init")
    assert done.code == 0, done
    return calm


@pytest.fixture
def desk(founded: Vendor, tmp_path: Path) -> Vendor:
    folder = tmp_path / "calm"
    shutil.copytree(founded.data, folder)
    return replace(founded, data=folder)


@pytest.fixture
def gap(tmp_path: Path) -> Path:
    folder = tmp_path / "gap"
    folder.mkdir()
    return folder


@pytest.mark.rule("E1", "E2", "E3", "E6", "H2", "A3", "V1")
def test_the_whole_road_on_the_command_line(desk: Vendor, gap: Path) -> None:
    account = desk("account", "add", "Northwind")["account"]
    assert desk.code("token", "download", "--account", account, "--out", str(gap / "t")) == "no_approval"
    asked = ("--industry", "energy", "--reason", "closed", "--version", "40")
    approval = desk("approval", "request", "--account", "Northwind", *asked)["approval"]
    desk("approval", "grant", approval, "--reason", "a closed plant")
    dates = ("--from", "2020-01-01", "--until", "2099-01-01")
    bought = desk("purchase", "add", "--account", account, "--product", "bot-creator", "--quantity", "5", *dates)
    desk("guid", "add", "--account", account, "--label", "north")
    token = gap / "north.token"
    desk("token", "download", "--account", account, "--out", str(token))
    assert stat.S_IMODE(token.stat().st_mode) == 0o600

    site = Site(Random(3).randbytes, id="")
    site.id = site.new_uuid()
    site.install_token(token.read_bytes())
    now = _now()
    (gap / "1.lfr").write_bytes(site.request(now))
    accepted = desk("request", "accept", str(gap / "1.lfr"), "--guid", "north")
    assert {"lfr", "kind", "verdict", "deadline", "in_use", "warnings", "can_issue"} <= accepted.keys()
    assert accepted["can_issue"] is None
    request = ("--request", accepted["lfr"])
    preview = desk("license-file", "preview", *request, "--product", "bot-creator=3")
    assert (preview["license_file"], preview["file"]) == (None, None)
    out = str(gap / "1.olf")
    refused = desk.process("license-file", "issue", *request, "--product", "bot-creator=6", "--out", out, "--json")
    assert (refused.code, refused.json["refused"]["code"]) == (3, "over_entitlement")
    assert refused.err.startswith("refused: over_entitlement: ")
    line = ("--line", f"{bought['purchase']}=3")
    done = desk.process("license-file", "issue", *request, *line, "--out", out, "--json")
    assert (done.code, done.err) == (0, "")
    issued = done.json
    assert {"license_file", "sequence", "install_by", "lines", "warnings", "file"} <= issued.keys()
    (gap / "1.receipt").write_bytes(site.install(Path(out).read_bytes(), now))
    assert desk("receipt", "accept", str(gap / "1.receipt"))["verdict"] == "confirmed"
    desk("license-file", "download", issued["license_file"], "--out", str(gap / "again.olf"))
    assert (gap / "again.olf").read_bytes() == Path(out).read_bytes()

    shown = desk("guid", "show", "north")
    assert shown["held"] == [{"purchase": bought["purchase"], "sku": "bot-creator", "quantity": 3}]
    assert shown["control_room"] == site.id
    assert (shown["spent"], shown["available"][0]["quantity"]) == ([], 2)

    proposal = desk("control-room", "write-off", site.id, "--reason", "burnt", "--as", "olga")["proposal"]
    assert desk.code("confirm", proposal, "--as", "olga") == "needs_second_person"
    assert desk("confirm", proposal, "--as", "omar")["confirmed_by"] == "omar"
    desk("control-room", "list")
    desk("control-room", "show", site.id)

    before = (desk.data / "key-set.jws").read_bytes()
    proposal = desk("key", "rotate", "--reason", "yearly", "--as", "olga", "--roots")["proposal"]
    desk("confirm", proposal, "--as", "omar")
    assert (desk.data / "key-set.jws").read_bytes() != before
    assert desk("key", "export-set", "--out", str(gap / "2.jws"))["version"] == 2
    desk("trust", "export", "--out", str(gap / "trust.json"))
    assert desk("log", "verify")["holds"] is True
    who = {row["who"] for row in desk("log", "show")}
    assert {"olga", "omar"} <= who


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC).replace(microsecond=0)


@pytest.mark.rule("A3")
def test_a_proposal_is_taken_back_on_the_command_line(desk: Vendor) -> None:
    proposed = desk("key", "rotate", "--reason", "yearly", "--as", "olga")["proposal"]
    assert desk("confirm", proposed, "--withdraw", "--as", "olga")["withdrawn_by"] == "olga"
    assert desk.code("confirm", proposed, "--as", "omar") == "nothing_to_accept"


def test_data_is_private(founded: Vendor) -> None:
    for path in (founded.data, *founded.data.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.rule("A2")
def test_no_seed_lies_in_the_open_and_the_passphrase_is_needed(desk: Vendor, gap: Path) -> None:
    desk("account", "add", "Northwind")
    (desk.data / "passphrase").write_text("another passphrase\n")
    asked = ("--industry", "energy", "--reason", "closed", "--version", "40")
    approval = desk("approval", "request", "--account", "Northwind", *asked)["approval"]
    desk("approval", "grant", approval, "--reason", "ok")
    done = desk.run("token", "download", "--account", "Northwind", "--out", str(gap / "t"))
    assert done.code == 1
    assert "passphrase does not open the keys" in done.err


@pytest.mark.rule("L5")
def test_a_restored_database_is_noticed_at_the_next_start(desk: Vendor) -> None:
    database = desk.data / "calm.sqlite3"
    old = database.read_bytes()
    desk("account", "add", "Northwind")
    for path in desk.data.glob("calm.sqlite3-*"):
        path.unlink()
    database.write_bytes(old)
    done = desk.process("account", "add", "Contoso")
    assert done.code == 1
    assert "not the one that CALM acted on last" in done.err
    listed = desk.process("account", "list")
    assert listed.code == 0
    assert "not the one that CALM acted on last" in listed.err


@pytest.mark.rule("D4")
@pytest.mark.django_db  # what broke for no reason of the store's may have broken over a row: all are looked at
def test_a_store_that_fails_is_told_for_what_it_is_and_only_damage_speaks_of_backups() -> None:
    import sqlite3

    from django.db import DatabaseError, IntegrityError, OperationalError

    from carnet.calm.wiring import _database_fault
    from carnet.errors import BusyError, StorageError, TamperedError

    def told(code: int | None) -> CarnetError:
        cause = sqlite3.OperationalError("as SQLite says it")
        if code is not None:
            cause.sqlite_errorcode, cause.sqlite_errorname = code, "SQLITE_BUSY" if code == 5 else "SQLITE_OTHER"
        error = OperationalError("as SQLite says it")
        error.__cause__ = cause
        fault = _database_fault(error)
        assert fault
        assert "as SQLite" not in str(fault)
        assert ("copy" in fault.next_step) is isinstance(fault, TamperedError)
        return fault

    assert "the disk is full" in str(told(sqlite3.SQLITE_FULL))
    assert "may not write there" in str(told(sqlite3.SQLITE_READONLY))
    assert "failed to read or write" in str(told(sqlite3.SQLITE_IOERR | 3 << 8))
    assert "cannot be opened" in str(told(sqlite3.SQLITE_CANTOPEN))
    assert isinstance(told(sqlite3.SQLITE_FULL), StorageError)
    assert isinstance(told(sqlite3.SQLITE_BUSY), BusyError)
    for damage in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, None):
        assert isinstance(told(damage), TamperedError)
    assert isinstance(_database_fault(DatabaseError("file is not a database")), TamperedError)
    for bug in (IntegrityError("UNIQUE constraint failed"), ValueError("anything")):
        assert _database_fault(bug) is None


def test_where_there_is_no_calm_it_says_so(tmp_path: Path) -> None:
    done = Vendor(data=tmp_path).process("guid", "list")
    assert done.code == 1
    assert "calm init" in done.err


def test_bad_usage_leaves_with_2(desk: Vendor) -> None:
    assert desk.run("account", "show", "Nobody").code == 2
    assert desk.process("guid", "nonsense").code == 2


def test_help_does_not_wait_for_django() -> None:
    script = "import sys; from carnet.calm.cli import app; print('django' in sys.modules, 'rich.table' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "False"


def test_a_catalogue_that_cannot_be_read_sets_nothing_up(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[[product]]\nsku = 7\n")
    done = Vendor(data=tmp_path / "calm").process("init", "--catalogue", str(tmp_path / "bad.toml"))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("failed: the catalogue cannot be read")
    assert not (tmp_path / "calm").exists()


@pytest.mark.rule("A3", "A4")
@pytest.mark.security
def test_people_are_added_on_the_machine_recorded_as_such_and_vouched_for(desk: Vendor) -> None:
    for name in ("omar", "otto"):
        added = desk("person", "add", f"{name}@vendor.example", "--role", "operator", "--name", name)
        secret(added["link"].strip("/").rpartition("/")[2], "a link to choose a password")
    records = [row for row in desk("log", "show") if row["kind"] == "person.added"]
    assert [row["detail"]["on_machine"] for row in records] == [True, True]
    proposal = desk("key", "rotate", "--reason", "yearly", "--as", "omar@vendor.example")["proposal"]
    assert desk.code("confirm", proposal, "--as", "OMAR@vendor.example") == "needs_second_person"
    assert desk("confirm", proposal, "--as", "otto@vendor.example")["confirmed_by"] == "otto@vendor.example"
    desk("person", "vouch", "otto@vendor.example", "--reason", "seen in person")
    desk("person", "remove-factors", "otto@vendor.example")
    kinds = [row["kind"] for row in desk("log", "show", "--last", "2")]
    assert kinds == ["person.vouched", "person.second_factors_removed"]


@pytest.mark.rule("A6")
@pytest.mark.security
def test_check_fails_while_no_mail_server_is_set_and_says_so(desk: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARNET_SMTP_HOST", raising=False)
    told = desk.process("check")
    assert told.code != 0
    assert "No mail server is set" in told.err
    monkeypatch.setenv("CARNET_SMTP_HOST", "mail.example")
    assert desk.process("check").code == 0


@pytest.mark.rule("A6")
@pytest.mark.security
def test_a_server_says_how_the_first_person_gets_a_link_and_prints_none(desk: Vendor) -> None:
    bind = f"127.0.0.1:{free_port()}"
    server = desk.start("serve", "--plain-http", "--bind", bind, "--workers", "1")
    said = []
    try:
        assert server.stdout
        for line in server.stdout:
            said.append(line)
            if "CALM answers at" in line:
                break
    finally:
        server.terminate()
        rest = server.communicate(timeout=30)
    printed = "".join((*said, *rest))
    assert "CALM answers at" in printed
    assert f"calm person link operator@localhost --data {desk.data}" in printed
    assert "/choose/" not in printed
    link = desk("person", "link", "operator@localhost")["link"]
    assert link.startswith("/sign-in/choose/")
    secret(link.strip("/").rpartition("/")[2], "a link to choose a password")


def test_an_empty_catalogue_stays_empty(tmp_path: Path) -> None:
    """`init` with an empty file does not take the catalogue that ships."""
    (tmp_path / "empty.toml").write_bytes(b"")
    calm = Vendor(data=tmp_path / "calm", by="olga")
    assert calm("init", "--catalogue", str(tmp_path / "empty.toml"))["products"] == 0
    assert calm.process("catalogue", "show", "--json").json == []
    assert calm("catalogue", "load", str(tmp_path / "empty.toml"))["added"] == []


@pytest.mark.rule("Q1")
def test_perpetual_is_a_word_on_the_command_line_and_later_ends_are_refused(desk: Vendor) -> None:
    account = desk("account", "add", "Northwind")["account"]
    words = (
        "purchase",
        "add",
        "--account",
        account,
        "--product",
        "bot-creator",
        "--quantity",
        "5",
        "--from",
        "2026-01-01",
    )
    for late in ("9999-12-31", "3000-01-01", "2999-12-31T00:00:01Z"):
        refused = desk.process(*words, "--until", late)
        assert refused.code == 2
        assert "The latest end that fits is 2999-12-31" in " ".join(refused.err.split())
    assert desk.process("purchase", "list", "--json").json == []
    said = desk.process(*words, "--until", "perpetual").out
    assert said.strip().endswith("5 Bot Creator, perpetual")
    (bought,) = desk.process("purchase", "list", "--json").json
    assert (bought["valid_until"], bought["perpetual"]) == ("2999-12-31T00:00:00Z", True)
    assert "perpetual" in desk.process("purchase", "list").out
    lowered = desk.process("purchase", "lower", bought["purchase"], "--until", "2027-11-30", "--reason", "a mistake")
    assert "now 5, until the end of 2027-11-29 (UTC)." in lowered.out


@pytest.mark.rule("A3")
def test_notify_knows_every_act_of_two_people_in_a_process_of_its_own(desk: Vendor) -> None:
    """What waits for a second person is told by a process that has loaded nothing else."""
    desk("key", "rotate", "--reason", "yearly")
    desk("person", "add", "otto@vendor.example", "--name", "Otto", "--role", "approver")
    told = desk.process("notify", "--json", CARNET_SMTP_HOST="127.0.0.1", CARNET_SMTP_PORT="9")
    assert "Traceback" not in told.err
    assert any("a second person is needed" in one["subject"] for one in told.json["waiting"])
