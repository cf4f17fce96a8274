"""L6 at the command line: new roots of the time that CALM lost, on real folders; and several sites renewed at once."""

from pathlib import Path

import pytest

from tests.journeys.commands import Story, day


@pytest.mark.rule("L6", "E16")
def test_a_calm_that_lost_its_new_roots_goes_on_with_them(story: Story, tmp_path: Path) -> None:
    backup, key_set, new_roots = str(tmp_path / "calm.backup"), str(tmp_path / "key-set.jws"), tmp_path / "safe"
    roots = story.calm.data / "keys" / "roots"
    old = {path.name for path in roots.iterdir()}
    story.calm("backup", "--out", backup)
    story.two_people("key", "rotate", "--roots", "--reason", "the safe was opened")
    story.calm("key", "export-set", "--out", key_set)
    story.license(bot_creator=4)
    made = [path for path in roots.iterdir() if path.name not in old]
    assert len(made) == 2
    new_roots.mkdir()
    for path in made:
        path.rename(new_roots / path.name)
    story.calm("restore", backup)
    asked = ("log", "resume", "--key-set", key_set, "--reason", "the disk was lost")
    proposal = story.calm(*asked, "--as", "nina")["proposal"]
    gone = story.calm.run("confirm", proposal, "--as", "otto")
    assert gone.code == 1, gone
    assert "A root key of key set 2 is not here" in gone.err
    assert "set each up again with a new trust file" in gone.err
    for path in new_roots.iterdir():
        path.rename(roots / path.name)
    did = story.calm("confirm", proposal, "--as", "otto")["did"]
    assert any("its roots are others" in line for line in did)
    lfr = story.ask()
    refusal = story.calm.refused("request", "accept", lfr, "--guid", "Oslo")
    assert refusal["code"] == "not_remembered"
    with_license = story.ask(None, *refusal["run"].split()[3:-2])
    proven = story.calm.refused("request", "accept", with_license, "--guid", "Oslo")
    assert proven["code"] == "not_remembered"
    room = proven["run"].split()[3]
    taken = story.two_people("control-room", "take-back", room, "--reason", "it was restored")
    story.site("license", "install", story.issue(taken["lfr"], bot_creator=4))
    assert story.calm.code("key", "take-back", key_set, "--reason", "once more") == "nothing_to_accept"


@pytest.mark.rule("Q1")
def test_several_sites_are_renewed_as_now_by_one_command(story: Story, tmp_path: Path) -> None:
    for sku, quantity in story.standard.items():
        span = ("--from", day(365), "--until", day(730))
        story.calm("purchase", "add", "--account", "Northwind", "--product", sku, "--quantity", str(quantity), *span)
    files = tmp_path / "files"
    files.mkdir()
    command = ("license-file", "renew-all-as-now", "--account", "Northwind")
    assert story.calm(*command) == []
    story.accept(story.ask(None, "--kind", "renewal"))
    (seen,) = story.calm(*command)
    assert (seen["file"], seen["license_file"]["license_file"]) == (None, None)
    (one,) = story.calm(*command, "--out", str(files))
    assert [str(path) for path in files.iterdir()] == [one["file"]]
    story.site("license", "install", one["file"])
    assert story.calm(*command) == [], "it is answered"
    said = story.calm.run(*command)
    assert said.out.strip() == "No request of this account waits for an answer."
