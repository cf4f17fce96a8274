"""CALM's backup: one sealed file, made beside whoever works, and put back whole or not at all (L6)."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from carnet.calm.backup import FORM, KEYS, open_backup
from carnet.calm.wiring import KEY_SET, TRUST
from carnet.sealed_file import MOST
from tests.journeys.commands import Vendor
from tests.support import depth
from tests.support.postgres import running

pytestmark = [pytest.mark.server, pytest.mark.rule("L6", "A2")]
PUBLIC = [TRUST, KEY_SET]
CALM = Path(sys.executable).with_name("calm")


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    calm = Vendor(data=tmp_path_factory.mktemp("founded") / "calm", by="olga")
    assert calm.process("init").code == 0
    calm("account", "add", "Northwind")
    assert calm.process("backup", "--out", str(calm.data.parent / "calm.backup")).code == 0
    return calm


@pytest.fixture
def desk(founded: Vendor, tmp_path: Path) -> Vendor:
    folder = tmp_path / "calm"
    shutil.copytree(founded.data, folder)
    return replace(founded, data=folder)


@pytest.fixture
def file(founded: Vendor) -> Path:
    return founded.data.parent / "calm.backup"


def accounts(desk: Vendor) -> list[str]:
    with closing(sqlite3.connect(desk.data / "calm.sqlite3")) as db:
        return [name for (name,) in db.execute("SELECT name FROM customers_account ORDER BY name")]


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_not_changed_since_goes_on_at_once(desk: Vendor, file: Path) -> None:
    assert desk("restore", str(file))["goes_on"]
    desk("account", "add", "Contoso")
    assert accounts(desk) == ["Contoso", "Northwind"]


def test_an_older_state_does_nothing_until_two_people_and_the_roots_state_it(desk: Vendor, file: Path) -> None:
    desk("account", "add", "Contoso")
    restored = desk("restore", str(file))
    assert not restored["goes_on"]
    assert Path(restored["kept"]).exists(), "what was here is kept"
    assert accounts(desk) == ["Northwind"]
    assert "not the one that CALM acted on last" in desk.process("account", "add", "Contoso").err
    roots = desk.data / "keys" / "roots"
    roots.rename(desk.data / "safe")
    asked = desk("log", "resume", "--reason", "the disk was lost")["proposal"]
    other = replace(desk, by="omar")
    done = other.process("confirm", asked)
    assert done.code == 1
    assert "root key" in done.err
    (desk.data / "safe").rename(roots)
    other("confirm", asked)
    desk("account", "add", "Contoso")
    assert desk("log", "verify")["holds"]


def test_on_another_machine_there_is_no_head_and_calm_says_so(founded: Vendor, file: Path, tmp_path: Path) -> None:
    new = replace(founded, data=tmp_path / "new")
    new.data.mkdir(mode=0o700)
    shutil.copy(founded.data / "passphrase", new.data)
    assert not new("restore", str(file))["goes_on"]
    assert "the head of its issuing log was not there" in new.process("account", "add", "Contoso").err
    assert not list((new.data / "keys" / "roots").glob("*.key")), "the roots have a safe of their own"
    shutil.copytree(founded.data / "keys" / "roots", new.data / "keys" / "roots", dirs_exist_ok=True)
    asked = new("log", "resume", "--reason", "a new machine")["proposal"]
    replace(new, by="omar")("confirm", asked)
    new("account", "add", "Contoso")


def test_no_session_and_no_link_of_before_is_good(desk: Vendor, file: Path) -> None:
    before = (desk.data / "web.secret").read_bytes()
    desk("restore", str(file))
    assert (desk.data / "web.secret").read_bytes() != before


@pytest.mark.security
def test_neither_roots_nor_passphrase_nor_head_are_in_it(founded: Vendor, file: Path, tmp_path: Path) -> None:
    with open_backup(file, "calm.sqlite3", PUBLIC) as backup:
        backup.check((founded.data / "passphrase").read_bytes().strip())
        backup.lay(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"calm.sqlite3", KEYS, TRUST, KEY_SET}
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (founded.data / "passphrase", *(founded.data / "keys" / "roots").glob("*.key")):
        assert secret.read_bytes().strip() not in held


@pytest.mark.security
def test_an_altered_backup_is_refused_and_nothing_is_written(desk: Vendor, file: Path, tmp_path: Path) -> None:
    whole, before = file.read_bytes(), everything(desk.data)
    draw = random.Random(depth.seed_number())
    spots = [0, len(FORM), len(FORM) + 6, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(3))]
    for number, spot in enumerate(spots):
        bad = tmp_path / f"{number}.backup"
        bad.write_bytes(whole[:spot] + bytes([whole[spot] ^ 1]) + whole[spot + 1 :])
        assert desk.process("restore", str(bad)).code != 0
    cut = tmp_path / "cut.backup"
    cut.write_bytes(whole[:-MOST])
    assert desk.process("restore", str(cut)).code != 0
    after = everything(desk.data)
    assert after.keys() - before.keys() <= {"keys/in-use"}
    assert {name: after[name] for name in before} == before


def test_it_is_not_made_over_another(desk: Vendor, file: Path) -> None:
    whole = file.read_bytes()
    assert desk.process("backup", "--out", str(file)).code == 2
    assert file.read_bytes() == whole


@pytest.mark.postgres
def test_rows_in_postgresql_are_put_back_by_its_own_tools_and_calm_goes_on(tmp_path: Path) -> None:
    """The backup holds keys and trust; the copy of the database is PostgreSQL's."""
    folder, file = tmp_path / "calm", tmp_path / "calm.backup"
    with running() as postgres:
        places = os.environ | {"DATABASE_URL": postgres.create("portal"), "COLUMNS": "200"}

        def calm(*words: str, by: str = "olga") -> subprocess.CompletedProcess[str]:
            line = [str(CALM), *words, "--data", str(folder), "--as", by]
            return subprocess.run(line, env=places, capture_output=True, text=True, check=False)

        assert calm("init").returncode == 0
        assert calm("account", "add", "Northwind").returncode == 0
        made = calm("backup", "--out", str(file))
        assert "back them up with its own tools" in made.stdout, made.stderr
        postgres.ask("CREATE DATABASE put_back TEMPLATE portal")
        assert calm("account", "add", "Contoso").returncode == 0
        places["DATABASE_URL"] = postgres.url("put_back")
        assert "put PostgreSQL's backup back with PostgreSQL's own tools" in calm("restore", str(file)).stdout
        assert calm("account", "add", "Contoso").returncode == 1
        asked = json.loads(calm("log", "resume", "--reason", "the database was lost", "--json").stdout)["proposal"]
        assert calm("confirm", asked, by="omar").returncode == 0
        assert calm("account", "add", "Contoso").returncode == 0
        assert calm("log", "verify").returncode == 0
