"""Backups put back, clones side by side, lost releases and lost Control Rooms: the ways back, at the command line."""

from pathlib import Path

import pytest

from tests.journeys.commands import PAGES, Room, Story

WHY = ("--reason", "server died, backup restored, seen on site")


def _since(refusal: dict[str, str]) -> str:
    return refusal["run"].split("--since ")[1].split()[0]


def _accept_history(story: Story, site: Room, *options: str) -> str:
    room = story.state(site)["control_room"]
    return str(story.two_people("control-room", "accept-history", room, *WHY, *options)["lfr"])


@pytest.mark.rule("L2", "Q3", "E6", "A3", "history_not_shown", "history_mismatch")
def test_a_restored_backup_is_found_out_and_nothing_is_forgotten(story: Story, tmp_path: Path) -> None:
    site, calm = story.site, story.calm
    site("units", "consume", PAGES, "1200")
    story.accept(story.ask())
    site("backup", "--out", str(tmp_path / "backup"))
    site("units", "consume", PAGES, "800")
    story.accept(story.ask())
    restored = site("restore", str(tmp_path / "backup"))
    assert restored["size"] < restored["size_before"]
    assert story.consumed() == 1200
    site("units", "consume", PAGES, "50")
    refusal = calm.refused("request", "accept", story.ask(), "--guid", "Oslo")
    assert refusal["code"] == "history_not_shown"
    shown = story.ask(None, "--since", _since(refusal))
    refusal = calm.refused("request", "accept", shown, "--guid", "Oslo")
    assert refusal["code"] == "history_mismatch"
    assert any("800 are added" in line for line in refusal["evidence"]), refusal
    site("license", "install", story.issue(_accept_history(story, site)))
    assert story.consumed() == 2050
    assert site("ledger", "verify")["holds"]
    assert calm("log", "verify")["holds"]
    story.license()
    assert story.consumed() == 2050, "added once"


@pytest.mark.rule("E15", "L2", "history_not_shown", "history_mismatch")
def test_a_backup_from_before_a_rekey_is_a_question_of_history(story: Story, tmp_path: Path) -> None:
    """A file signed by a retired key: not an unknown signer, and not taken for granted either."""
    site, calm = story.site, story.calm
    site("backup", "--out", str(tmp_path / "backup"))
    story.license("--new-keys")
    calm("receipt", "accept", story.file("receipt"))
    story.accept(story.ask())
    site("restore", str(tmp_path / "backup"))
    refusal = calm.refused("request", "accept", story.ask(), "--guid", "Oslo")
    assert refusal["code"] == "history_not_shown"
    shown = story.ask(None, "--since", _since(refusal))
    assert calm.code("request", "accept", shown, "--guid", "Oslo") == "history_mismatch"
    site("license", "install", story.issue(_accept_history(story, site)))
    assert story.state()["state"] == "active"
    story.license()


@pytest.mark.rule("L2", "E11", "history_mismatch", "history_not_shown")
@pytest.mark.parametrize("clone_first", [True, False])
def test_of_two_clones_the_second_to_report_is_refused(story: Story, tmp_path: Path, clone_first: bool) -> None:
    clone = story.site.copy(tmp_path / "clone")
    one, other = (clone, story.site) if clone_first else (story.site, clone)
    one("units", "consume", PAGES, "100")
    other("units", "consume", PAGES, "4000")
    story.accept(story.ask(one))
    refusal = story.calm.refused("request", "accept", story.ask(other), "--guid", "Oslo")
    if refusal["code"] == "history_not_shown":
        shown = story.ask(other, "--since", _since(refusal))
        refusal = story.calm.refused("request", "accept", shown, "--guid", "Oslo")
    assert refusal["code"] == "history_mismatch"
    assert refusal["evidence"]
    room = story.calm("control-room", "show", story.state()["control_room"])
    assert any(kept["code"] == "history_mismatch" for kept in room["refused"])


@pytest.mark.rule("E2", "E11", "H4", "H5", "guid_bound")
def test_a_lost_release_the_new_token_stands_for_it(story: Story) -> None:
    site, calm = story.site, story.calm
    site("units", "consume", PAGES, "700")
    story.ask(None, "--kind", "release")  # and the stick is lost
    assert story.state()["state"] == "released"
    assert site.code("units", "consume", PAGES, "1") == "released"
    site("token", "install", story.token())
    assert story.state()["state"] == "enabled"
    request = story.accept(story.ask())
    pages = next(row for row in calm("purchase", "list") if row["sku"] == PAGES)
    assert (pages["held"], pages["spent"]) == (0, 700)
    site("license", "install", story.issue(request))
    assert story.consumed() == 0, "the new enrolment's lines are new ones"
    assert story.state()["state"] == "active"
    assert calm("guid", "show", "Oslo")["control_room"] == story.state()["control_room"]


@pytest.mark.rule("E11")
def test_a_release_may_be_written_again_and_counts_once(story: Story) -> None:
    story.site("units", "consume", PAGES, "700")
    for _ in range(2):
        story.calm("request", "accept", story.ask(None, "--kind", "release"), "--guid", "Oslo")
    pages = next(row for row in story.calm("purchase", "list") if row["sku"] == PAGES)
    assert (pages["held"], pages["spent"]) == (0, 700)


@pytest.mark.rule("E12", "A3", "H1", "written_off")
@pytest.mark.parametrize("returned", [True, False])
def test_written_off_and_the_way_back(story: Story, returned: bool) -> None:
    site, calm = story.site, story.calm
    site("units", "consume", PAGES, "300")
    room = story.state()["control_room"]
    more = ("--return-unconsumed",) if returned else ()
    story.two_people("control-room", "write-off", room, "--reason", "burnt", *more)
    listed = calm("control-room", "list")[0]
    assert listed["state"] == "written_off"
    assert listed["exposed"], "the lost license file may still be used: CALM says so"
    pages = next(row for row in calm("purchase", "list") if row["sku"] == PAGES)
    assert (pages["held"], pages["spent"]) == (0, 0 if returned else 5000)

    # It was not burnt after all. Nothing but a release is taken; the way back is a release, then a new token.
    assert calm.code("request", "accept", story.ask(), "--guid", "Oslo") == "written_off"
    calm("request", "accept", story.ask(None, "--kind", "release"), "--guid", "Oslo")
    pages = next(row for row in calm("purchase", "list") if row["sku"] == PAGES)
    assert (pages["held"], pages["spent"]) == (0, 300), "the release corrects what was consumed"
    site("token", "install", story.token())
    site("license", "install", story.issue(story.accept(story.ask())))
    assert story.state()["state"] == "active"


@pytest.mark.rule("E12", "written_off")
def test_a_new_token_alone_does_not_bring_a_written_off_room_back(story: Story) -> None:
    """E11's substitute is no release here."""
    room = story.state()["control_room"]
    story.two_people("control-room", "write-off", room, "--reason", "burnt")
    story.ask(None, "--kind", "release")
    story.site("token", "install", story.token())
    assert story.calm.code("request", "accept", story.ask(), "--guid", "Oslo") == "written_off"


def test_a_backup_of_another_control_room_is_not_put_back(story: Story, tmp_path: Path) -> None:
    other, same = Room(data=tmp_path / "other"), story.site.data / "passphrase"
    other("init", "--trust", str(story.gap / "trust.json"), "--passphrase-file", str(same))
    (tmp_path / "other" / "passphrase").write_bytes(same.read_bytes())
    (tmp_path / "other" / "passphrase").chmod(0o600)
    other("backup", "--out", str(tmp_path / "backup"))
    before = story.state()
    done = story.site.run("restore", str(tmp_path / "backup"))
    assert (done.code, done.err.split(".")[0]) == (2, "failed: The backup is of another Control Room")
    assert story.state()["checkpoint"] == before["checkpoint"]


@pytest.mark.parametrize("broken", ["truncated", "empty", "text", "flipped"])
def test_a_broken_backup_is_not_put_back(story: Story, tmp_path: Path, broken: str) -> None:
    path = tmp_path / "backup"
    story.site("backup", "--out", str(path))
    raw, middle = path.read_bytes(), path.stat().st_size // 2
    flipped = raw[:-6] + bytes([raw[-6] ^ 0x10]) + raw[-5:]  # in its checksum
    path.write_bytes({"truncated": raw[:middle], "empty": b"", "text": b"no backup", "flipped": flipped}[broken])
    before = story.state()
    done = story.site.run("restore", str(path))
    assert done.code in (1, 2), done
    assert done.err.startswith("failed: ")
    assert "Traceback" not in done.err
    assert story.state()["checkpoint"] == before["checkpoint"]
    assert story.site("ledger", "verify")["holds"]


def test_a_backup_is_put_back_beside_a_reader_or_said_why_not(story: Story, tmp_path: Path) -> None:
    from carnet.control_room.engine.sqlite import SqliteStore

    story.site("backup", "--out", str(tmp_path / "backup"))
    reader = SqliteStore.open(story.site.data, writing=False)
    rows = reader.rows()
    next(rows)
    try:
        done = story.site.process("restore", str(tmp_path / "backup"))
    finally:
        rows.close()  # type: ignore[attr-defined]
        reader.close()
    assert "Traceback" not in done.err


def test_no_file_is_written_over_the_database(story: Story) -> None:
    story.site.run("backup", "--out", str(story.site.data / "control-room.sqlite3"))
    assert story.site.run("status").code == 0
