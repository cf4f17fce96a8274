"""CALM on PostgreSQL: chosen by DATABASE_URL, set up once, its faults in words, and the address's secret in none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import InternalError, OperationalError, ProgrammingError, connection

from carnet.calm import database, database_url
from carnet.calm.use_cases import accounts
from carnet.calm.use_cases.context import Calm, act
from carnet.errors import (
    BusyError,
    StorageError,
    TamperedError,
    UsageError,
)
from tests.calm.conftest import NOW, World
from tests.support import databases
from tests.support.postgres import PASSWORD, Server

CALM = Path(sys.executable).with_name("calm")
SECRET = "hunter2"


class Desk:
    """The `calm` command on a PostgreSQL database."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.folder, self.url = folder, url

    def __call__(self, *words: str, code: int = 0) -> str:
        """What it says, on both streams. No word of it is the password."""
        places = {name: value for name, value in os.environ.items() if name != database_url.VARIABLE}
        places |= {database_url.VARIABLE: self.url} if self.url else {}
        command = [str(CALM), *words, "--data", str(self.folder)]
        done = subprocess.run(command, env=places | {"COLUMNS": "200"}, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert "Traceback" not in said
        assert not any(word in said for word in (PASSWORD, SECRET, self.url or PASSWORD))
        return said


@pytest.mark.both_databases
def test_the_database_of_a_test_is_the_one_it_asks_for(world: World, database: str) -> None:
    assert connection.vendor == database
    assert accounts.list_accounts()


class TestTheAddress:
    @pytest.mark.parametrize(
        "url",
        [
            f"mysql://u:{SECRET}@host/db",
            f"sqlite:///{SECRET}.sqlite3",
            f"postgresql://u:{SECRET}@host",  # no name
            f"postgresql://u:{SECRET}/x@host/db",
            f"postgresql://u:1/{SECRET}@host/db",
            f"postgresql://u:{SECRET}#x@host/db",
            f"postgresql://u:1?{SECRET}@host/db",
            f"postgresql://u:{SECRET}[@host/db",
            f"postgresql://u:p@host:{SECRET}/db",
            SECRET,
        ],
    )
    def test_what_is_none_is_said_without_repeating_it(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(database_url.VARIABLE, url)
        with pytest.raises(UsageError) as raised:
            database_url.settings(None)
        assert SECRET not in f"{raised.value} {raised.value.next_step}"

    def test_options_are_kept_beside_what_calm_needs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(database_url.VARIABLE, "postgres://u:p%40@host/db?sslmode=verify-full&options=-c%20x%3D1")
        settings = database_url.settings(None)
        assert (settings["PASSWORD"], settings["NAME"]) == ("p@", "db")
        assert settings["OPTIONS"]["sslmode"] == "verify-full"
        assert settings["OPTIONS"]["options"] == "-c lock_timeout=30s -c x=1"

    def test_without_one_it_is_the_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(database_url.VARIABLE, raising=False)
        assert database_url.settings("/data")["NAME"] == "/data/calm.sqlite3"


def test_the_command_line_on_postgresql(tmp_path: Path, postgres: Server) -> None:
    desk = Desk(tmp_path / "calm", postgres.create("command_line"))
    desk("init", "--as", "olga")
    assert not list(desk.folder.glob("*.sqlite3"))
    assert "is set up" in desk("init", code=1)
    desk("account", "add", "Northwind")
    assert "Northwind" in desk("account", "list")
    assert "The issuing log holds" in desk("log", "verify")
    assert "part of a data folder" in desk("trust", "export", "--out", str(desk.folder / "trust.json"), code=2)

    other = Desk(tmp_path / "other", desk.url)
    assert "holds a CALM already" in other("init", code=1)
    assert not (other.folder / "keys").exists()
    assert "calm init" in other("account", "list", code=1)
    assert "DATABASE_URL" in Desk(desk.folder, None)("account", "list", code=1)

    postgres.ask("DELETE FROM issuing_log_logentry WHERE index = 2", "command_line")  # a copy put back, say
    postgres.ask("DELETE FROM issuing_log_logentry WHERE index > 2", "command_line")
    assert "newest copy of the database" in desk("account", "add", "Contoso", code=1)  # L5


def test_a_server_that_does_not_answer_and_a_database_that_is_not_calms(tmp_path: Path, postgres: Server) -> None:
    desk = Desk(tmp_path / "calm", f"postgresql://calm:{SECRET}@127.0.0.1:1/nowhere")
    assert "failed: storage_failed: CALM's database does not answer" in desk("init", "--as", "olga", code=1)
    desk.url = postgres.url(password=SECRET)
    assert "password authentication failed" in desk("init", "--as", "olga", code=1)
    desk.url = f"postgresql://calm:{SECRET}/x@127.0.0.1/db"
    assert "is not the address" in desk("init", "--as", "olga", code=2)
    desk.url = postgres.create("set_up_late")  # nothing of those tries is in the way
    desk("init", "--as", "olga")
    desk.url = postgres.create("empty")
    assert "The database is not CALM's" in desk("account", "list", code=1)


@pytest.mark.server
def test_a_set_up_that_fails_leaves_the_folder_free(tmp_path: Path) -> None:
    """The passphrase is too short, which is found when keys are to be made."""
    (tmp_path / "phrase").write_text("short")
    (tmp_path / "phrase").chmod(0o600)
    desk = Desk(tmp_path / "calm", None)
    desk("init", "--passphrase-file", str(tmp_path / "phrase"), code=1)
    desk("init")


@pytest.mark.server
def test_a_folder_whose_database_is_gone_is_not_set_up_anew(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "calm", None)
    desk("init")
    for path in desk.folder.glob("calm.sqlite3*"):
        path.unlink()
    assert "no database" in desk("account", "list", code=1)
    assert "is set up" in desk("init", code=1)


class TestFaultsOfAnAct:
    """Each in words: what happened, and what is to be done."""

    @pytest.fixture
    def settings(self, postgres_tables: database_url.Settings) -> database_url.Settings:
        options = postgres_tables["OPTIONS"]
        quick = options["options"].replace(f"{database_url.WAIT}s", "50ms")
        return postgres_tables | {"OPTIONS": options | {"options": quick}}

    def test_a_turn_that_does_not_come(self, db: None, settings: database_url.Settings, postgres: Server) -> None:
        import psycopg

        with psycopg.connect(postgres.url("shared")) as other, databases.undone(settings):
            other.execute("SELECT pg_advisory_xact_lock(%s)", [database.ACT_LOCK])
            with pytest.raises(BusyError, match="Somebody else acts"):
                World()

    def test_a_connection_that_breaks_off(self, db: None, settings: database_url.Settings) -> None:
        with databases.used(settings):
            connection.ensure_connection()
            connection.connection.close()
            with pytest.raises(StorageError, match="Nothing was changed"):
                World()

    def test_a_server_that_goes_away_as_it_is_told_to_commit(
        self, db: None, settings: database_url.Settings, postgres: Server
    ) -> None:
        with databases.undone(settings):
            calm = World().calm
        with databases.used(settings):
            with pytest.raises(StorageError, match="may have been done"):
                self.act_and_end(calm, postgres)
            assert accounts.list_accounts() == []

    @staticmethod
    def act_and_end(calm: Calm, postgres: Server) -> None:
        with act(calm, now=NOW, by="olga") as doing:
            doing.record("account.added", "-")
            pid = connection.connection.info.backend_pid
            postgres.ask(f"SELECT pg_terminate_backend({pid}, 5000)")

    def test_a_commit_of_which_nothing_is_heard(self, db: None) -> None:
        lost = OperationalError("server closed the connection unexpectedly")
        with databases.used({"ENGINE": "django.db.backends.postgresql", "NAME": "not asked"}):
            fault = database.act_fault(lost, at_commit=True)
            assert "may have been done" in str(fault)
            assert "Look" in fault.next_step
            assert "Nothing was changed" in str(database.act_fault(lost, at_commit=False))
        assert "Nothing was changed" in str(database.act_fault(lost, at_commit=True))  # a file is known to be as it was

    def test_a_server_that_may_only_be_read(self, db: None, settings: database_url.Settings) -> None:
        """A standby, say."""
        with databases.undone(settings):
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION READ ONLY")
            with pytest.raises(StorageError, match="the disk is read-only"):
                World()
            connection.needs_rollback = False

    def test_rows_that_cannot_be_read(self, db: None) -> None:
        with databases.used({"ENGINE": "django.db.backends.postgresql", "NAME": "not asked"}):
            assert isinstance(database.fault(_caused(InternalError("invalid page"), "XX001")), TamperedError)
            assert isinstance(database.fault(_caused(ProgrammingError("no such table"), "42P01")), TamperedError)
            assert isinstance(database.fault(_caused(OperationalError("too many clients"), "53300")), StorageError)
            assert database.fault(_caused(ProgrammingError("syntax error"), "42601")) is None
            assert database.fault(ValueError("anything")) is None


def _caused(error: Exception, state: str) -> Exception:
    cause = Exception()
    cause.sqlstate = state  # type: ignore[attr-defined]
    error.__cause__ = cause
    return error
