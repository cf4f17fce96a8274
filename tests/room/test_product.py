"""The page of one product: what it shows, taking back, and its files."""

import csv
import io
import re
from collections.abc import Callable

import pytest

from carnet.control_room.queries.holders import Holders
from carnet.control_room.queries.questions import Records
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.users import AssignUser
from tests.room.site import Pages
from tests.room.test_license_management import text
from tests.room.vault import BOTS, CREATORS, CREDITS

PAGE = f"/products/{BOTS}/"


def test_it_says_who_holds_it_whether_it_is_enough_and_who_was_refused(vault: Pages) -> None:
    vic = vault.client("viewer")
    before = vault.size
    shown = text(vic.get(PAGE).text)
    for said in (
        "seats in use at the same time",
        "highest today",
        "8 until 20",
        "Starts later",
        "all 8 are in use",
        "bot-005",
    ):
        assert said in shown, said
    assert re.search(r"All 8 were in use on \d of the last 30 days", shown)
    assert vault.size == before


@pytest.mark.parametrize("days", ["30", "90", "400", "7", "-1", "9" * 30, "x"])
def test_its_days_are_bounded_whatever_is_asked_for(vault: Pages, days: str) -> None:
    page = vault.client("viewer").get(PAGE, params={"days": days})
    assert page.status_code == 200
    assert page.text.count('class="col') <= 420


def test_units_say_what_is_left_and_when_they_run_out(vault: Pages) -> None:
    shown = text(vault.client("viewer").get(f"/products/{CREDITS}/").text)
    assert "At the pace of the last 30 days they run out about" in shown
    assert "Holders now" not in shown


def test_a_period_and_an_overage_stand_in_the_lines(vault: Pages) -> None:
    shown = text(vault.client("viewer").get("/products/extraction/").text)
    assert "at most 4,400" in shown
    assert "this month" in shown
    assert "10 % more, then refuse" in shown


@pytest.mark.parametrize("sku", ["no-such-product", "..%2f..", "%00", "x" * 500, "<script>"])
def test_an_unknown_product_is_not_there(vault: Pages, sku: str) -> None:
    vic = vault.client("viewer")
    before = vault.size
    answer = vic.get(f"/products/{sku}/")
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text
    assert vault.size == before


@pytest.mark.parametrize(
    "asked", [{"after": "x"}, {"after": "-1"}, {"after": "1e9"}, {"after": "٣"}, {"search": "a" * 201}]
)
def test_a_page_that_is_called_otherwise_is_refused_with_the_way_out(vault: Pages, asked: dict[str, str]) -> None:
    vic = vault.client("viewer")
    before = vault.size
    answer = vic.get(PAGE, params=asked)
    assert answer.status_code == 422
    assert "malformed" in answer.text
    assert vault.size == before


def test_holders_are_searched_and_come_in_pages(new_site: Callable[..., Pages]) -> None:
    site = new_site({CREATORS: 60, BOTS: 1})
    for number in range(45):
        site.do(AssignUser(CREATORS, f"teller-{number:02}"))
    client, seen = site.client("viewer"), []
    path = f"/products/{CREATORS}/"
    while path:
        page = client.get(path).text
        seen += re.findall(r'class="anywhere">(teller-\d\d)<', page)
        more = re.search(r'href="(\?after=\d+)#holders"', page)
        path = f"/products/{CREATORS}/{more[1]}" if more else ""
    assert seen == [f"teller-{number:02}" for number in reversed(range(45))]
    found = client.get(f"/products/{CREATORS}/?search=TELLER-4").text
    assert re.findall(r'class="anywhere">(teller-\d\d)<', found) == [f"teller-4{n}" for n in (4, 3, 2, 1, 0)]


@pytest.mark.rule("A1", "G2")
def test_a_seat_is_taken_back_by_whoever_may(new_site: Callable[..., Pages]) -> None:
    site = new_site()
    lease = site.do(AcquireSeat(BOTS, "bot-99", 86_400), "bots").lease_id
    site.do(AssignUser(CREATORS, "=cmd|' /C calc'!A0"))
    before = site.size
    viewer = site.client("viewer")
    assert "Take back" not in viewer.get(PAGE).text
    assert viewer.send_form(f"{PAGE}take-back/", {"lease": lease}).status_code == 403
    sara = site.client("seat_manager")
    assert site.size == before + 2  # two who signed in
    assert f'value="{lease}"' in sara.get(PAGE).text
    assert sara.send_form(f"{PAGE}take-back/", {"lease": lease}).status_code == 302
    assert site.ask(Holders(BOTS)).in_use == 0
    newest = site.ask(Records(1)).records[0]
    assert (newest.kind, newest.actor) == ("seat.released", "sara")
    again = sara.send_form(f"{PAGE}take-back/", {"lease": lease})
    assert again.status_code == 422
    assert "Nothing is changed." in again.text
    rows = list(csv.reader(io.StringIO(viewer.get(f"/products/{CREATORS}/holders.csv").text)))
    assert rows[0] == ["holder", "lease", "since", "ends", "covered"]
    assert rows[1][0] == "'=cmd|' /C calc'!A0"  # a spreadsheet reads it as text
    assert sara.send_form(f"/products/{CREATORS}/take-back/", {"user": "=cmd|' /C calc'!A0"}).status_code == 302
    assert site.ask(Holders(CREATORS)).in_use == 0


def test_a_name_is_never_markup(new_site: Callable[..., Pages]) -> None:
    site = new_site()
    site.do(AssignUser(CREATORS, '<img src=x onerror="alert(1)">'))
    page = site.client("seat_manager").get(f"/products/{CREATORS}/").text
    assert "<img" not in page
    assert "&lt;img src=x" in page


def test_its_use_goes_out_as_a_file(vault: Pages) -> None:
    answer = vault.client("viewer").get(f"{PAGE}use.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-disposition"] == f'attachment; filename="{BOTS}-use.csv"'
    assert len(rows) == 41
    assert max(int(row["most_in_use"]) for row in rows) == 8
    assert sum(int(row["refused"]) for row in rows) > 0
