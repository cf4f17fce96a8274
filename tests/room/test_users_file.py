"""Many assignments by a CSV file: row by row, nothing unless it was read first, and never a formula."""

import csv
from html import unescape

import httpx
import msgspec
import pytest

from carnet.control_room.queries.holders import Holders, UserDetail
from carnet.control_room.rules.granting.assignment_file import AssignmentFile, read_assignments
from carnet.control_room.rules.granting.users import AssignUser
from carnet.csv_cells import defused
from tests.room.site import Browser, Pages
from tests.room.test_exchange_pages import Make

HEAD = "user,product,action\n"


def check(browser: Browser, text: str | bytes, name: str = "many.csv") -> httpx.Response:
    raw = text.encode() if isinstance(text, str) else text
    return browser.send_form("/users/file/", files={"file": (name, raw, "text/csv")})


def carried(answer: httpx.Response) -> dict[str, str]:
    """The fields of the form by which the checked rows are carried out."""
    page = unescape(answer.text)
    rows = page.partition('name="rows" value="')[2].partition('"><input type="hidden" name="name"')[0]
    return {"rows": rows} | ({"only_good": "1"} if 'name="only_good"' in page else {})


def carry_out(browser: Browser, answer: httpx.Response) -> httpx.Response:
    return browser.send_form("/users/file/carry-out/", carried(answer))


@pytest.mark.rule("G2", "G4")
def test_a_good_file_is_checked_and_then_carried_out_whole(new_site: Make) -> None:
    pages = new_site()
    pages.do(AssignUser("bot-creator", "anna"))
    sara, size = pages.client("seat_manager"), pages.size
    checked = check(sara, HEAD + "anna,bot-creator,unassign\nbo,bot-creator,assign\n'cleo,bot-creator,\n")
    assert checked.status_code == 200
    assert "Carry out all 3 rows" in checked.text
    assert pages.size == size, "a check changes nothing"
    assert carry_out(sara, checked).status_code == 302
    shown = unescape(sara.get("/users/").text)
    assert "2 assigned, 1 taken back." in shown
    assert "so before" not in shown
    held = {each.holder for each in pages.ask(Holders("bot-creator")).holders}
    assert held == {"bo", "'cleo"}


@pytest.mark.rule("exhausted")
def test_rows_that_cannot_be_carried_out_are_named_and_nothing_is_done_without_a_choice(new_site: Make) -> None:
    pages = new_site({"bot-creator": 2})
    sara, size = pages.client("seat_manager"), pages.size
    text = (
        HEAD
        + "anna,bot-creator,\n,bot-creator,\nbo,no-such,\ncleo,bot-creator,\ndora,bot-creator,dance\n"
        + "emil,bot-creator,\n"
    )
    checked = check(sara, text)
    page = unescape(checked.text)
    assert checked.status_code == 422
    for words in ("It names no user.", "“dance” is not an action", "does not grant “no-such”", "all 2 are in use"):
        assert words in page
    assert "Carry out the 2 good rows" in page
    assert pages.size == size
    all_or_nothing = carried(checked) | {}
    all_or_nothing.pop("only_good")
    assert sara.send_form("/users/file/carry-out/", all_or_nothing).status_code == 422
    assert pages.ask(Holders("bot-creator")).in_use == 0
    assert carry_out(sara, checked).status_code == 302
    assert {each.holder for each in pages.ask(Holders("bot-creator")).holders} == {"anna", "cleo"}


def test_whoever_comes_first_since_the_check_is_seen(new_site: Make) -> None:
    pages = new_site({"bot-creator": 1})
    sara = pages.client("seat_manager")
    checked = check(sara, HEAD + "anna,bot-creator,\n")
    pages.do(AssignUser("bot-creator", "bo"))
    late = carry_out(sara, checked)
    assert late.status_code == 422
    assert "1 of 1 rows cannot be carried out" in unescape(late.text)
    assert pages.ask(UserDetail("anna")).products == []


@pytest.mark.rule("malformed", "too_large")
@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "does not name the columns"),
        (b"name,what\nanna,bot-creator\n", "does not name the columns"),
        (b"user,product\n", "names no user"),
        (b"\xff\xfe\x00", "text in UTF-16"),
        (b"PK\x03\x04 a zip", "a zip archive, and not a CSV file"),
        (b'user,product\n"anna,bot-creator\n', "quotation marks do not fit together"),
        (b"user,product\n" + b"x,y\n" * 5001, "at most 5,000"),
        (b"user,product\n" + b"x" * 10_000_000, "at most 1,048,576"),
    ],
)
def test_what_is_no_such_file_gets_a_verdict_and_changes_nothing(site: Pages, raw: bytes, words: str) -> None:
    sara, size = site.client("seat_manager"), site.size
    answer = check(sara, raw)
    assert (answer.status_code, site.size) == (422, size)
    assert words in unescape(answer.text)


def test_rows_that_do_not_come_back_whole_are_refused(site: Pages) -> None:
    sara, size = site.client("seat_manager"), site.size
    for rows in (
        "",
        "[",
        '[[1,"anna"]]',
        '[[1,"anna","bot-creator","dance"]]',
        '[["x","anna","bot-creator","assign"]]',
    ):
        assert sara.send_form("/users/file/carry-out/", {"rows": rows}).status_code == 422, rows
    assert site.size == size


def test_the_largest_file_comes_back_in_the_form(new_site: Make) -> None:
    pages = new_site({"bot-creator": 10})
    sara = pages.client("seat_manager")
    checked = check(sara, HEAD + "".join(f"{n:0190},bot-creator,\n" for n in range(5000)))
    assert "Carry out the 10 good rows" in checked.text
    fields = {name: (None, value) for name, value in carried(checked).items()}
    assert len(fields["rows"][1]) > 1_000_000
    assert sara.send_form("/users/file/carry-out/", files=fields).status_code == 302
    assert pages.ask(Holders("bot-creator")).in_use == 10


@pytest.mark.parametrize("name", ["=1+1", "+49", "-x", "@sum", "'=1", "''+1", "o'neil", "'quoted"])
def test_no_cell_that_leaves_is_a_formula_and_it_comes_back_as_it_was(name: str) -> None:
    read = read_assignments(f'user,product\n"{defused(name)}",x\n'.encode())
    assert isinstance(read, AssignmentFile)
    assert [row.user for row in read.rows] == [name]


def test_the_present_assignments_can_be_brought_back(new_site: Make) -> None:
    pages = new_site()
    for user in ("=cmd|' /C calc'!A0", "anna", "Zoë"):
        pages.do(AssignUser("bot-creator", user))
    sara = pages.client("seat_manager")
    answer = sara.get("/users/file/present/")
    assert answer.headers["content-disposition"] == 'attachment; filename="oslo-assignments.csv"'
    assert all(cell[:1] not in ("=", "+", "-", "@") for row in csv.reader(answer.text.splitlines()) for cell in row)
    again = check(sara, answer.content)
    assert again.status_code == 200
    assert "All of it is so already." in again.text
    template = sara.get("/users/file/template/")
    assert template.text.splitlines() == ["user,product,action", "jane.doe,bot-creator,assign"]
    assert msgspec.json.decode(carried(check(sara, template.content))["rows"])[0][1] == "jane.doe"


def test_refused_rows_come_back_as_they_stood_with_the_reason_and_can_be_uploaded_again(new_site: Make) -> None:
    pages = new_site()
    sara, size = pages.client("seat_manager"), pages.size
    text = (
        HEAD + 'anna,bot-creator,assign\n"x1\nx2",bot-creator,assign\n=cmd,no-such,give\nmara ,bot-creator,unassign,,\n'
    )
    checked = check(sara, text)
    page = unescape(checked.text)
    rows = page.partition('name="refused" value="')[2].partition('"> <button')[0].partition('">')[0]
    answer = sara.send_form("/users/file/refused/", {"refused": rows})
    assert answer.headers["content-type"].startswith("text/csv")
    head, *lines = list(csv.reader(answer.text.splitlines()))
    assert head == ["user", "product", "action", "what is wrong"]
    assert any(line[:3] == ["'=cmd", "no-such", "give"] for line in lines)
    assert all(line[3] for line in lines)
    assert not any("x1\n" in cell for line in lines for cell in line), (
        "a line break in a name is shown, never carried on"
    )
    corrected = "\n".join([",".join(head), "bo,bot-creator,assign,It names no user."])
    again = check(sara, corrected)
    assert again.status_code == 200, again.text
    assert pages.size == size, "nothing of it changes anything"


@pytest.mark.security
@pytest.mark.parametrize("rows", ["", "[", "[[1]]", '[["a","b","c","d","e"]]', "null"])
def test_rows_that_did_not_come_back_whole_make_no_file(new_site: Make, rows: str) -> None:
    answer = new_site().client("seat_manager").send_form("/users/file/refused/", {"refused": rows})
    assert answer.status_code == 422
    assert "did not come back whole" in answer.text
