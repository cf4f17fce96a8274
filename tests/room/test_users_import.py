"""`control-room user import`: what the page does with a file of assignments, at the command line."""

import json
from pathlib import Path

import pytest

from carnet.control_room.queries.holders import Holders
from carnet.control_room.rules.granting.assignment_file import read_assignments
from carnet.control_room.rules.granting.users import AssignUser
from tests.room.site import Pages
from tests.room.test_exchange_pages import Make

USER = "bot-creator"
ROWS = f"user,product,action\nbo,{USER},\nmara,{USER},assign\n,{USER},\nPLANT\\anna,{USER},unassign\n"


@pytest.fixture
def pages(new_site: Make) -> Pages:
    pages = new_site()
    for name in ("PLANT\\anna", "PLANT\\mara"):
        pages.do(AssignUser(USER, name))
    return pages


def held(pages: Pages) -> set[str]:
    return {each.holder for each in pages.ask(Holders(USER)).holders}


@pytest.mark.rule("G2", "likely_twin")
def test_a_file_is_looked_at_then_carried_out_and_its_refused_rows_are_a_file_again(
    pages: Pages, tmp_path: Path
) -> None:
    file, refused = tmp_path / "people.csv", tmp_path / "refused.csv"
    file.write_text(ROWS)
    before = pages.size
    looked = pages.command("user", "import", str(file), "--check")
    assert looked.returncode == 0
    assert "Would be: 1 assigned, 1 taken back, 0 so already, 2 rows refused." in looked.stdout
    assert "line 3, mara · bot-creator: mara is likely the same person as PLANT\\mara" in looked.stdout
    whole = pages.command("user", "import", str(file), "--refused", str(refused))
    assert whole.returncode == 3
    assert "2 of 4 rows cannot be carried out. Nothing was changed." in whole.stderr
    assert (held(pages), pages.size) == ({"PLANT\\anna", "PLANT\\mara"}, before), "nothing moved"
    done = pages.command("user", "import", str(file), "--good-rows-only", "--refused", str(refused), "--json")
    answer = json.loads(done.stdout)
    assert (answer["assigned"], answer["unassigned"], len(answer["refused"])) == (1, 1, 2)
    assert held(pages) == {"bo", "PLANT\\mara"}
    corrected = refused.read_text().replace("mara,bot-creator,assign", "mara,bot-creator,assign even so")
    again = read_assignments(corrected.encode())
    assert [(row.user, row.even_so) for row in again.rows] == [("mara", True)]
    file.write_text(corrected)
    assert pages.command("user", "import", str(file), "--good-rows-only").returncode == 0
    assert held(pages) == {"bo", "PLANT\\mara", "mara"}


def test_the_refused_rows_replace_no_other_file(pages: Pages, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(ROWS)
    done = pages.command("user", "import", str(file), "--good-rows-only", "--refused", str(file))
    assert done.returncode == 2
    assert file.read_text() == ROWS
    assert held(pages) == {"PLANT\\anna", "PLANT\\mara"}


@pytest.mark.parametrize(
    ("raw", "says"), [(b"%PDF-1.7", "PDF"), (b"a,b\n1,2\n", "columns"), (b"user,product\n", "no user")]
)
def test_what_is_no_such_file_changes_nothing(pages: Pages, tmp_path: Path, raw: bytes, says: str) -> None:
    file, before = tmp_path / "people.csv", pages.size
    file.write_bytes(raw)
    done = pages.command("user", "import", str(file))
    assert (done.returncode, says in done.stderr) == (3, True), done
    assert pages.size == before
