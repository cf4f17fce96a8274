"""L7: a planned move to another machine, at the command line and on real folders: one history, and no evidence."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from tests.journeys.commands import PAGES, USERS, Room, Story

pytestmark = pytest.mark.rule("L7")


def machine(story: Story, folder: Path) -> Room:
    """Another machine: an empty folder, and the passphrase that was carried there."""
    folder.mkdir(mode=0o700)
    kept = folder / "passphrase"
    kept.write_bytes((story.site.data / "passphrase").read_bytes())
    kept.chmod(0o600)
    return replace(story.site, data=folder)


def ledger(site: Room) -> tuple[int, str]:
    found = site("ledger", "checkpoint")
    return found["size"], found["root"]


def taken(story: Story, site: Room) -> str:
    return str(story.calm("request", "accept", story.ask(site), "--guid", "Oslo")["verdict"])


@pytest.fixture
def file(tmp_path: Path) -> str:
    return str(tmp_path / "oslo.move")


@pytest.mark.rule("L7", "L2", "G6", "Q3", "moved")
def test_a_moved_site_goes_on_as_one_history(story: Story, tmp_path: Path, file: str) -> None:
    old = story.site
    old("units", "consume", PAGES, "1200")
    story.accept(story.ask())
    old("units", "consume", PAGES, "30")
    left = old("move", "--out", file)
    new = machine(story, tmp_path / "new")
    arrived = new("move", "--from", file)
    assert arrived["records"] == left["records"] + 1
    assert new("status")["state"] == "active"
    new("units", "consume", PAGES, "5")
    assert taken(story, new) == "accepted"
    (granted,) = [each for each in new("status")["products"] if each["sku"] == PAGES]
    assert granted["consumed"] == 1235
    (record,) = new("ledger", "show", "--kind", "site.arrived")
    assert str(new.data) in record["body"]["place"]
    assert new("ledger", "verify")["holds"]
    assert story.calm("log", "verify")["holds"]


@pytest.mark.security
@pytest.mark.rule("L7", "moved")
def test_the_machine_that_a_site_left_can_only_be_looked_at(story: Story, tmp_path: Path, file: str) -> None:
    old, backup = story.site, str(tmp_path / "backup")
    old("backup", "--out", backup)
    old("move", "--out", file)
    before = ledger(old)
    for words in (
        ("units", "consume", PAGES, "1"),
        ("user", "assign", USERS, "anna"),
        ("user", "check", USERS, "anna"),
        ("request", "generate", "--out", str(tmp_path / "x.lfr")),
        ("person", "add", "anna", "--role", "viewer"),
    ):
        assert old.code(*words) == "moved", words
    for words in (
        ("restore", backup),
        ("restore", file),
        ("notify",),
        ("serve", "--port", "0"),
        ("key", "rewrap"),
    ):
        done = old.run(*words)
        assert done.code != 0, words
        assert "moved to another machine" in done.err, (words, done.err)
    assert old("status")["state"] == "moved"
    assert old("ledger", "verify")["holds"]
    assert ledger(old) == before


def test_a_move_that_was_interrupted_is_done_again_and_can_be_undone(story: Story, tmp_path: Path, file: str) -> None:
    old = story.site
    assert old.run("move", "--out", str(old.data / "passphrase" / "x")).code != 0, "no file can be there"
    assert old("status")["state"] == "active", "and so the site stays"
    first = old("move", "--out", file)
    again = old("move", "--out", str(tmp_path / "second"))
    assert (first["records"], first["root"]) == (again["records"], again["root"])
    assert old.run("move", "--out", file).code != 0, "a file is never replaced"
    old("move", "--from", file)
    old("units", "consume", PAGES, "7")
    assert old("status")["state"] == "active"
    assert taken(story, old) == "accepted"
    assert old.run("move", "--from", file).code != 0, "it goes on here already"
    old("move", "--out", str(tmp_path / "third"))  # and can move for good


@pytest.mark.security
@pytest.mark.rule("L2", "history_mismatch", "history_not_shown")
def test_of_two_machines_that_take_one_file_the_second_is_found(story: Story, tmp_path: Path, file: str) -> None:
    story.site("move", "--out", file)
    one, other = machine(story, tmp_path / "one"), machine(story, tmp_path / "other")
    for each in (one, other):
        each("move", "--from", file)
        each("units", "consume", PAGES, "9")
    assert taken(story, one) == "accepted"
    assert story.calm.code("request", "accept", story.ask(other), "--guid", "Oslo") in (
        "history_mismatch",
        "history_not_shown",
    )


@pytest.mark.security
def test_no_backup_no_other_site_and_no_altered_file_arrives(story: Story, tmp_path: Path, file: str) -> None:
    old, backup = story.site, tmp_path / "backup"
    stale = copytree(old.data, tmp_path / "stale")
    old("backup", "--out", str(backup))
    new = machine(story, tmp_path / "new")
    assert "The file is a backup" in new.run("move", "--from", str(backup)).err
    old("move", "--out", file)
    raw = bytearray(Path(file).read_bytes())
    raw[len(raw) // 2] ^= 1
    altered = tmp_path / "altered"
    altered.write_bytes(raw)
    assert new.run("move", "--from", str(altered)).code != 0
    assert sorted(path.name for path in new.data.iterdir()) == ["lock", "passphrase"]
    running = replace(old, data=stale)
    assert "There is a Control Room" in running.run("move", "--from", file).err
    assert running("status")["state"] == "active"
    new("move", "--from", file)


def test_one_of_the_two_options_is_given(story: Story, file: str) -> None:
    for words in ((), ("--out", file, "--from", file)):
        assert story.site.run("move", *words).code == 2


def test_an_arrival_that_was_cut_off_leaves_no_site_and_is_done_again(story: Story, tmp_path: Path, file: str) -> None:
    """In processes of their own. The ledger comes last: until then the folder holds none, and the file stays."""
    old = story.site
    done = old.process("move", "--out", file, "--json")
    assert done.code == 0, done
    whole = Path(file).read_bytes()
    new = machine(story, tmp_path / "new")
    (new.data / "trust.json").write_bytes((old.data / "trust.json").read_bytes())
    (new.data / "tmpcut").mkdir()
    (new.data / "tmpcut" / "ledger.sqlite3").write_bytes(b"cut off")
    assert new.run("status").code != 0, "there is no site yet"
    done = new.process("move", "--from", file, "--json")
    assert done.code == 0, done
    assert new("status")["state"] == "active"
    assert Path(file).read_bytes() == whole
    assert taken(story, new) == "accepted"
