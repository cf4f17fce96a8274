"""The ledger at the pages: for whoever may audit; records with their proofs, verify, checkpoint, export."""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from carnet.control_room.ledger.events import KINDS
from carnet.control_room.pages.ledger.descriptions import _SAID
from carnet.control_room.queries.questions import Checkpoint, Records
from carnet.merkle import verify_inclusion
from tests.room.site import Browser, Pages
from tests.room.test_license_management import text

ROW = re.compile(r'<a\s+href="\?[^"]*record=(\d+)#record"\s*>')
PATHS = ("/ledger/", "/ledger/checkpoint/", "/ledger/checkpoint.txt", "/ledger/records/0/proof.json", "/ledger/verify/")


def rows(page: str) -> list[int]:
    return [int(index) for index in ROW.findall(page)]


@pytest.mark.rule("A1")
@pytest.mark.parametrize("role", ["license_manager", "seat_manager", "viewer"])
def test_only_whoever_may_audit_sees_it(vault: Pages, role: str) -> None:
    client = vault.client(role)
    before = vault.size
    assert 'href="/ledger/"' not in client.get("/").text
    for path in PATHS:
        assert client.get(path).status_code == 403, path
    for path in ("/ledger/verify/", "/ledger/verify/stop/", "/ledger/export/"):
        assert client.send_form(path).status_code == 403, path
    assert vault.size == before


def test_every_kind_of_record_has_words() -> None:
    assert set(_SAID) == set(KINDS)


@pytest.mark.rule("L1")
def test_records_stand_in_words_the_newest_first(vault: Pages) -> None:
    audrey = vault.client("auditor")
    page = audrey.get("/ledger/").text
    size = vault.size
    assert rows(page) == list(range(size - 1, size - 26, -1))
    assert "Running seats got a new time to live: the server was restarted" in page
    assert "Unattended Bot Runner for bot-005, until" in page
    assert vault.size == size


def test_page_after_page_leads_to_the_first_record(vault: Pages) -> None:
    audrey, path, seen = vault.client("auditor"), "/ledger/", []
    for _ in range(200):
        page = audrey.get(path).text
        seen += rows(page)
        older = re.search(r'href="(\?before=\d+)#records"', page)
        if not older:
            break
        path = f"/ledger/{older[1]}"
    assert seen == list(range(seen[0], -1, -1))


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({"kind": "refused"}, lambda record: record.kind == "refused"),
        ({"actor": "fra-license-1"}, lambda record: record.actor == "fra-license-1"),
        ({"text": "TELLER-103"}, lambda record: "ops-teller-103" in json.dumps(record.body)),
        ({"until": "2001-01-01"}, lambda record: False),
    ],
)
def test_a_filter_leaves_what_fits_and_stands_in_the_address(
    vault: Pages, asked: dict[str, str], fits: Callable[[Any], bool]
) -> None:
    page = vault.client("auditor").get("/ledger/", params=asked).text
    assert rows(page) == [record.index for record in every(vault) if fits(record)][:25]


def every(site: Pages) -> list[Any]:
    found: list[Any] = []
    before: int | None = None
    while before != 0:
        page = site.ask(Records(500, before=before))
        found += reversed(page.records)
        before = page.before
    return found


@pytest.mark.parametrize(
    "asked",
    [
        {"before": "-1"},
        {"before": "9" * 400},
        {"before": "<script>alert(1)</script>"},
        {"record": "999999999999999"},
        {"record": "١"},
        {"text": "x" * 201},
        {"text": "\x00"},
        {"kind": "no.such.kind"},
        {"since": "yesterday"},
        {"since": "9999-12-31", "until": "9999-12-31"},
        {"since": "0001-01-01"},
        {"actor": "' OR 1=1 --"},
    ],
)
def test_what_is_asked_for_wrongly_breaks_nothing(vault: Pages, asked: dict[str, str]) -> None:
    audrey, before = vault.client("auditor"), vault.size
    answer = audrey.get("/ledger/", params=asked)
    assert answer.status_code in (200, 404, 422)
    assert "<script>alert" not in answer.text
    assert vault.size == before


@pytest.mark.rule("L1", "L2")
@pytest.mark.parametrize("index", [0, 1, 300])
def test_a_record_comes_with_the_proof_that_it_is_in_the_ledger(vault: Pages, index: int) -> None:
    audrey = vault.client("auditor")
    page = audrey.get("/ledger/", params={"record": str(index)})
    fields = audrey.get(f"/ledger/records/{index}/proof.json").json()
    assert fields["leaf_hash"] in page.text
    leaf, root = bytes.fromhex(fields["leaf_hash"]), bytes.fromhex(fields["root"])
    path = [bytes.fromhex(each) for each in fields["path"]]
    assert verify_inclusion(leaf, index, fields["size"], path, root)
    assert not verify_inclusion(leaf, index + 1, fields["size"], path, root)


def test_a_record_that_is_not_there(vault: Pages) -> None:
    audrey = vault.client("auditor")
    assert "There is no record 99,999" in audrey.get("/ledger/?record=99999").text
    assert audrey.get("/ledger/records/99999/proof.json").status_code == 404
    assert audrey.get(f"/ledger/records/{'9' * 60}/proof.json").status_code == 404


@pytest.mark.rule("L2")
def test_the_checkpoint_goes_to_paper_and_to_a_file(vault: Pages) -> None:
    audrey = vault.client("auditor")
    found = vault.ask(Checkpoint())
    assert audrey.get("/ledger/checkpoint.txt").text == found.text
    paper = text(audrey.get("/ledger/checkpoint/").text)
    assert f"{found.root[:4]} {found.root[4:8]}" in paper
    assert found.text.splitlines()[2] in paper.replace("&#x3D;", "=")


@pytest.mark.rule("A1")
def test_an_export_is_every_record_that_fits_and_is_a_record_itself(vault: Pages) -> None:
    audrey = vault.client("auditor")
    size = vault.size
    answer = audrey.send_form("/ledger/export/", {"kind": "seat.assigned"})
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["body"]["user"] for line in lines][:1] == ["ops-teller-120"]
    assert len(lines) == 35
    assert vault.size == size + 1
    noted = vault.ask(Records(1)).records[0]
    assert (noted.kind, noted.actor) == ("access.noted", "audrey")
    assert noted.body == {"what": "records exported", "about": "kind seat.assigned"}
    whole = audrey.send_form("/ledger/export/").text.splitlines()
    assert [json.loads(line)["index"] for line in whole] == list(range(size, -1, -1))


def test_an_export_by_a_filter_that_is_none_writes_nothing(vault: Pages) -> None:
    audrey, size = vault.client("auditor"), vault.size
    assert audrey.send_form("/ledger/export/", {"kind": "no.such.kind"}).status_code == 422
    assert audrey.get("/ledger/export/").status_code == 405
    assert vault.size == size


# --- verify ------------------------------------------------------------------------------------------------------


def until_ended(audrey: Browser) -> str:
    """Looks at it as the page's script does."""
    for _ in range(3000):
        shown = audrey.get("/ledger/verify/", headers={"HX-Request": "true"}).text
        if "every 1s" not in shown:
            return text(shown)
    raise AssertionError("it does not end")


@pytest.mark.rule("L4")
def test_verify_runs_beside_the_work_one_at_a_time_and_its_end_is_kept(new_site: Callable[..., Pages]) -> None:
    site = new_site()
    audrey = site.client("auditor")
    assert "not done yet" in audrey.get("/ledger/").text
    size = site.size
    assert audrey.send_form("/ledger/verify/").status_code == 302
    audrey.send_form("/ledger/verify/")
    assert "one at a time" in audrey.get("/ledger/").text
    shown = until_ended(audrey)
    assert f"by audrey: all {size} records good" in shown
    assert "Holds" in shown
    assert site.size == size
    assert len(kept(site)) == 1


@pytest.mark.rule("L4")
def test_verify_is_stopped_and_nothing_is_kept_of_it(new_site: Callable[..., Pages]) -> None:
    site = new_site()
    audrey = site.client("auditor")
    audrey.send_form("/ledger/verify/")
    audrey.send_form("/ledger/verify/stop/")
    assert "Stopped" in until_ended(audrey)
    assert kept(site) == []


@pytest.mark.rule("L4")
def test_verify_says_which_record_is_not_as_it_was_written(new_site: Callable[..., Pages]) -> None:
    site = new_site()
    audrey = site.client("auditor")
    with closing(sqlite3.connect(site.folder / "control-room.sqlite3", timeout=10)) as db, db:
        (leaf,) = db.execute("SELECT leaf FROM record WHERE idx = 3").fetchone()
        db.execute("UPDATE record SET leaf = ? WHERE idx = 3", [leaf[:-1] + bytes([leaf[-1] ^ 1])])
    answer = audrey.send_form("/ledger/verify/")
    assert answer.status_code == 302, (answer.text, site.process.log[-3:])
    shown = until_ended(audrey)
    assert "The ledger does not hold" in shown
    assert "Record 3:" in shown
    assert [row[0] for row in kept(site)] == [0]


def kept(site: Pages) -> list[Any]:
    with closing(sqlite3.connect(site.folder / "pages.sqlite3", timeout=10)) as db:
        return db.execute("SELECT holds, words FROM pages_verifyrun").fetchall()
