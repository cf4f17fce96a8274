"""L7: `control-room move` is killed before each of its changes of the file system, in turn, on both machines. There are
never two sites that go on, never none that can be brought back, and the command given again does it.
"""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from tests.journeys.commands import PAGES, Room, Story
from tests.journeys.test_move import ledger, machine, taken
from tests.support.killed_at import killed_at

pytestmark = [pytest.mark.rule("L7", "moved"), pytest.mark.slow]

MOST = 200  # changes that one command makes at most; so many forks


def goes_on(site: Room) -> bool:
    """Whether it grants there."""
    done = site.run("units", "consume", PAGES, "1", "--json")
    return done.code == 0


def copy(site: Room, folder: Path) -> Room:
    return replace(site, data=Path(copytree(site.data, folder)))


def leftovers(folder: Path) -> list[str]:
    """What a killed command left in a folder, of copies of a site."""
    return [
        path.name for path in folder.iterdir() if path.name.startswith((".laid-", ".carnet-backup-", ".oslo.move."))
    ]


@pytest.mark.security
def test_on_the_machine_that_the_site_leaves(story: Story, tmp_path: Path) -> None:
    seen = set()
    for number in range(1, MOST):
        place = tmp_path / str(number)
        place.mkdir()
        old, file = copy(story.site, place / "old"), str(place / "oslo.move")
        if not killed_at(number, lambda old=old, file=file: old.run("move", "--out", file)):
            break
        state = old("status")["state"]
        seen.add(state)
        assert state in ("active", "moved")
        assert old("ledger", "verify")["holds"]
        if state == "moved":
            assert not goes_on(old)
            assert "do the move here once more" in old.refused("units", "consume", PAGES, "1")["next"]
        written = Path(file).exists() and Path(file).stat().st_size > 0
        again = old.run("move", "--out", file, "--json")  # the same command again
        assert again.code == (2 if written else 0), again
        assert "once it is whole: carry it" in again.err or not written
        assert not goes_on(old)
        new = machine(story, place / "new")
        assert new("move", "--from", file)["records"] == ledger(old)[0] + 1
        assert goes_on(new)
        assert written or not leftovers(place) + leftovers(old.data)
    else:
        pytest.fail("it never ended")
    assert seen == {"active", "moved"}


@pytest.mark.security
@pytest.mark.parametrize("undone", [False, True], ids=["on a new machine", "on the old one"])
def test_on_the_machine_where_it_arrives(story: Story, tmp_path: Path, undone: bool) -> None:
    file = str(tmp_path / "oslo.move")
    story.site("move", "--out", file)
    whole = Path(file).read_bytes()
    for number in range(1, MOST):
        new = copy(story.site, tmp_path / str(number)) if undone else machine(story, tmp_path / str(number))
        if not killed_at(number, lambda new=new: new.run("move", "--from", file)):
            break
        before = new.run("status", "--json")
        arrived = before.code == 0 and before.json["state"] == "active"
        assert arrived or not goes_on(new)
        if undone:
            assert before.code == 0, "at no moment does the folder look as if it held none"
        again = new.run("move", "--from", file, "--json")
        if arrived:
            assert "goes on here already" in again.err
        else:
            assert again.code == 0, again
        assert new("status")["state"] == "active"
        assert goes_on(new)
        assert new("ledger", "verify")["holds"]
        assert len(new("ledger", "show", "--kind", "site.arrived")) == 1
        assert not leftovers(new.data)
        assert Path(file).read_bytes() == whole
    else:
        pytest.fail("it never ended")
    assert number > 3
    if not undone:
        assert taken(story, new) == "accepted"
        assert not goes_on(story.site)
