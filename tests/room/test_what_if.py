"""What if, at the pages: another day, the file under preview, another file. It only looks."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from carnet.control_room.queries.questions import Status
from tests.room.site import Pages
from tests.room.test_license_management import text
from tests.room.vault import lines_until


@pytest.fixture(autouse=True)
def nothing_moves(vault: Pages) -> Iterator[None]:
    """Whoever asks, and whatever: no record is written, and no file is kept."""
    vault.client("viewer")
    before = vault.ask(Status()).checkpoint
    yield
    assert vault.ask(Status()).checkpoint == before


def day(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"


@pytest.mark.rule("E8")
def test_at_first_it_shows_the_deadline_of_the_open_cycle_missed(vault: Pages) -> None:
    shown = text(vault.client("viewer").get("/what-if/").text)
    assert "locked, and expiring" in shown
    assert "Renewal under way: install the answer to request #2" in shown
    assert "Assign a person Attended Bot Runner, Bot Creator Refused locked" in shown
    assert "Give back a seat" in shown


@pytest.mark.rule("S", "E8")
def test_a_day_is_a_link(vault: Pages) -> None:
    shown = text(vault.client("viewer").get("/what-if/", params={"on": day(30)}).text)
    assert f"On {day(30)}: locked, and in grace" in shown
    assert "Banner that day The Control Room is locked" in shown


@pytest.mark.parametrize("on", ["2020-01-01", "9999-12-31", "tomorrow", "", "2027-02-30", "0001-01-01", "1" * 300])
def test_a_day_that_is_none_is_told_and_kept(vault: Pages, on: str) -> None:
    answer = vault.client("viewer").get("/what-if/", params={"on": on})
    assert answer.status_code == 422
    assert f'value="{on}"' in answer.text or not on
    assert "Traceback" not in answer.text


def test_a_link_of_a_form_that_was_sent(vault: Pages) -> None:
    answer = vault.client("viewer").send_form("/what-if/", {"on": day(3), "then": "nothing"})
    assert answer.headers["location"] == f"/what-if/?on={day(3)}&then=nothing"


def test_another_license_file_is_looked_at_and_not_kept(vault: Pages) -> None:
    fields = {"on": day(60), "then": "file"}
    answer = vault.client("viewer").send_form("/what-if/", fields, files={"file": ("next.olf", renewed(vault))})
    shown = text(answer.text)
    assert f"On {day(60)}: active" in shown
    assert "is installed now." in shown
    assert "Banner that day None" in shown
    assert vault.ask(Status()).installed.sequence == 1


@pytest.mark.rule("E10")
def test_a_file_that_would_not_fit_says_so_beforehand(vault: Pages) -> None:
    fields = {"on": day(60), "then": "file"}
    files = {"file": ("next.olf", vault.olf({"bot-creator": 5}, days=300))}
    answer = vault.client("viewer").send_form("/what-if/", fields, files=files)
    assert answer.status_code == 422
    assert "does_not_fit" in answer.text
    assert "Nothing is changed: this page only looks." in answer.text


def renewed(site: Pages) -> bytes:
    """A license file as the one that is installed, and a year longer."""
    now = datetime.now(UTC).replace(microsecond=0)
    return site.vendor.olf(site.lfr(), lines_until(now, now + timedelta(days=365)), now)


@pytest.mark.parametrize("raw", [b"", b"hello", b"\x00" * 1000, b"{}" * 300_000])
def test_a_file_that_is_none_is_refused(vault: Pages, raw: bytes) -> None:
    fields = {"on": day(3), "then": "file"}
    answer = vault.client("viewer").send_form("/what-if/", fields, files={"file": ("next.olf", raw)})
    assert answer.status_code == 422
    assert "verdict tone-bad" in answer.text or "Choose a license file" in answer.text


def test_no_file_was_chosen(vault: Pages) -> None:
    answer = vault.client("viewer").send_form("/what-if/", {"on": day(3), "then": "file"})
    assert answer.status_code == 422
    assert "Choose a license file (OLF)." in answer.text


def test_the_file_under_preview(vault: Pages) -> None:
    client = vault.client("viewer")
    missing = client.get("/what-if/", params={"on": day(3), "then": "preview"})
    assert missing.status_code == 422
    assert "No license file is under preview now." in missing.text
    with closing(sqlite3.connect(vault.folder / "pages.sqlite3", timeout=10)) as db:
        row = [renewed(vault), "frankfurt-0002.olf", "lena", "2026-01-01 00:00:00"]
        with db:
            db.execute("INSERT INTO pages_preview (raw, file_name, by, at) VALUES (?, ?, ?, ?)", row)
        shown = text(client.get("/what-if/", params={"on": day(3), "then": "preview"}).text)
        with db:
            db.execute("DELETE FROM pages_preview")
    assert f"On {day(3)}: active" in shown
    assert "frankfurt-0002.olf" in shown
