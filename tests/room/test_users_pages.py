"""Users and seats, over a real server: who holds what, assigning, and taking back."""

from html import unescape
from typing import Any

import pytest

from carnet.control_room.pages.users.search import (
    MOST_ASKED,
    ROWS,
    SearchPage,
    find_matching,
)
from carnet.control_room.queries.holders import (
    PAGE,
    Holders,
    People,
    PeopleAnswer,
    UserDetail,
)
from carnet.control_room.queries.questions import Records
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.granting.assignment_file import MOST_ROWS, AssignmentRow
from carnet.control_room.rules.granting.assignments import AssignMany
from carnet.control_room.rules.granting.seats import AcquireSeat, RenewSeat
from carnet.control_room.rules.granting.users import AssignUser
from carnet.exchange.verdicts import Refusal
from tests.room.rooms import Past
from tests.room.site import Browser, Pages
from tests.room.test_exchange_pages import DAY, Make
from tests.support.vendor_simulator import line

MANY = 100_000


def text(browser: Browser, path: str, **params: str) -> str:
    answer = browser.get(path, params=params or None)
    assert answer.status_code == 200, answer.text
    return unescape(answer.text)


def test_people_are_listed_and_found(site: Pages) -> None:
    viewer = site.client("viewer")
    shown = text(viewer, "/users/")
    assert "?name=anna" in shown
    assert "3 people in all" in shown
    assert "7 of 10 left" in shown
    found = text(viewer, "/users/", search="CLE")
    assert ("?name=cleo" in found, "?name=anna" in found) == (True, False)
    assert "No user with this name" in text(viewer, "/users/", search="nobody <b>")
    assert viewer.get("/users/", params={"search": "x" * 300}).status_code == 422


@pytest.mark.rule("G2")
def test_assign_and_unassign_at_once(new_site: Make) -> None:
    pages = new_site({"bot-creator": 2})
    sara = pages.client("seat_manager")
    strange = "Ömer & Söhne/+?"
    done = sara.send_form("/users/assign/", {"user": f" {strange} ", "product": "bot-creator"})
    shown = text(sara, done.headers["location"])
    assert f"{strange} is assigned to Bot Creator." in shown
    assert "1 of 2 are in use." in shown
    assert "Covered" in shown
    assert [each.sku for each in pages.ask(UserDetail(strange)).products] == ["bot-creator"]
    size = pages.size
    sara.send_form("/users/assign/", {"user": strange, "product": "bot-creator"})
    assert pages.size == size, "twice is the same as once"
    assert sara.send_form("/users/unassign/", {"user": strange, "product": "bot-creator"}).status_code == 302
    assert pages.ask(UserDetail(strange)).products == []
    assert [each.actor for each in pages.ask(Records(1, "seat.unassigned")).records] == ["sara"]


@pytest.mark.rule("G1", "exhausted", "not_granted")
def test_a_refusal_keeps_what_was_typed_and_changes_nothing(new_site: Make) -> None:
    pages = new_site({"bot-creator": 1, "unattended-bot-runner": 1})
    pages.do(AssignUser("bot-creator", "anna"))
    sara, size = pages.client("seat_manager"), pages.size
    refused = sara.send_form("/users/assign/", {"user": "bo", "product": "bot-creator"})
    assert refused.status_code == 422
    assert "exhausted" in refused.text
    assert 'value="bo"' in refused.text
    here = sara.send_form("/users/assign/", {"user": "bo", "product": "bot-creator", "here": "1"})
    assert (here.status_code, ">bo</h1>" in here.text) == (422, True)
    for wrong in ({"user": "bo", "product": "unattended-bot-runner"}, {"user": "", "product": "bot-creator"}, {}):
        assert sara.send_form("/users/assign/", wrong).status_code == 422
    assert pages.ask(Holders("bot-creator")).in_use == 1
    assert pages.size <= size + 2, "two refusals were recorded, and nothing else"


@pytest.mark.rule("Q4")
def test_whoever_is_not_covered_is_marked(serve_past: Make) -> None:
    """One of two lines ended since: the earlier of two is covered."""

    def shrunk(room: Past) -> None:
        room.enable()
        lines = [line("bot-creator", 1, room.at, room.at + days * DAY) for days in (2, 300)]
        room.do(InstallLicense(room.vendor.olf(room.request(), lines, room.at)))
        for user in ("anna", "bo"):
            room.do(AssignUser("bot-creator", user))

    pages = serve_past(shrunk, ago=3 * DAY)
    viewer = pages.client("viewer")
    assert "Bot Creator: not covered" in text(viewer, "/users/", search="bo")
    assert "not covered" not in text(viewer, "/users/", search="anna")
    assert "Others came earlier" in text(viewer, "/users/person/", name="bo")


@pytest.mark.rule("G2", "unknown_lease")
def test_a_seat_is_taken_back_and_its_bot_refused_at_the_next_renewal(new_site: Make) -> None:
    pages = new_site()
    lease = pages.do(AcquireSeat("unattended-bot-runner", "bot-17", 86_400)).lease_id
    pages.do(AssignUser("bot-creator", "anna"))
    sara = pages.client("seat_manager")
    shown = text(sara, "/users/seats/")
    assert "bot-17" in shown
    assert "anna" not in shown
    assert "1 of 5 seats in use" in shown
    assert "bot-17" not in text(sara, "/users/seats/", search="bot-18")
    asked = text(sara, "/users/seats/take-back/", lease=lease, holder="bot-17")
    assert "is refused at its next renewal" in asked
    assert pages.ask(Holders("unattended-bot-runner")).in_use == 1, "asking changes nothing"
    assert sara.send_form("/users/seats/take-back/", {"lease": lease, "holder": "bot-17"}).status_code == 302
    with pages.engine() as engine:
        renewed = engine.execute(RenewSeat(lease), "bots")
    assert isinstance(renewed, Refusal)
    assert renewed.code == "unknown_lease"
    assert sara.send_form("/users/seats/take-back/", {"lease": lease}).status_code == 422
    assert sara.get("/users/seats/take-back/").status_code == 302


@pytest.mark.rule("A1")
@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_whoever_may_not_sees_no_act_and_changes_nothing(site: Pages, role: str) -> None:
    browser = site.client(role)
    size = site.size
    lease = site.ask(Holders("unattended-bot-runner")).holders[0].lease_id
    for path in ("/users/", "/users/person/?name=anna", "/users/seats/"):
        shown = browser.get(path).text
        for act in ("/users/assign/", "/users/unassign/", "take-back", "/users/file/&quot;", 'href="/users/file/"'):
            assert act not in shown, (path, act)
    posts: dict[str, dict[str, Any]] = {
        "assign/": {"user": "eve", "product": "bot-creator"},
        "unassign/": {"user": "anna", "product": "bot-creator"},
        "seats/take-back/": {"lease": lease},
        "file/": {},
        "file/carry-out/": {"rows": '[[1,"eve","bot-creator","assign"]]'},
    }
    for path, data in posts.items():
        assert browser.send_form(f"/users/{path}", data).status_code == 403, path
    for path in ("file/", "file/template/", "seats/take-back/"):
        assert browser.get(f"/users/{path}").status_code == 403, path
    assert site.size == size


def test_a_hundred_thousand_people_come_page_by_page(new_site: Make) -> None:
    pages = new_site({"bot-creator": 2 * MANY})
    for first in range(0, MANY, MOST_ROWS):
        rows = [AssignmentRow(n, f"user-{n:06}", "bot-creator") for n in range(first, first + MOST_ROWS)]
        pages.do(AssignMany(rows))
    viewer = pages.client("viewer")
    shown = text(viewer, "/users/")
    assert "100,000 people in all" in shown
    assert shown.count("/users/person/?name=") == ROWS
    assert f"after=user-{ROWS - 1:06}" in shown
    assert "?name=user-000050" in text(viewer, "/users/", after=f"user-{ROWS - 1:06}")
    assert "?name=user-099999" in text(viewer, "/users/", search="USER-099999")
    asked: list[People] = []
    with pages.engine() as engine:

        def ask(after: str, limit: int) -> Any:
            asked.append(People("nobody is called so", after, limit))
            return engine.ask(asked[-1])

        found = find_matching(ask, lambda answer: answer.people, "")
    assert isinstance(found, SearchPage)
    assert (found.rows, len(asked) <= MOST_ASKED) == ([], True)
    lines = viewer.get("/users/file/present/").text.splitlines()
    assert (lines[0], len(lines)) == ("user,product,action", MANY + 1)
    assert isinstance(pages.ask(People("", "", PAGE)), PeopleAnswer)


def test_a_search_that_stops_says_so_and_goes_on() -> None:
    """An engine with more names than one page may look through."""
    asked: list[str] = []

    class Answer:
        people: tuple[str, ...] = ()
        next = "further"
        looked_at = 4000

    def ask(after: str, _: int) -> Answer:
        asked.append(after)
        return Answer()

    found = find_matching(ask, lambda answer: list(answer.people), "")
    assert isinstance(found, SearchPage)
    assert (len(asked), found.stopped, found.next) == (MOST_ASKED, True, "further")


@pytest.mark.rule("G2", "likely_twin")
@pytest.mark.parametrize("here", [{}, {"here": "1"}])
def test_a_likely_twin_is_asked_about_before_it_costs_a_license(new_site: Make, here: dict[str, str]) -> None:
    pages = new_site()
    pages.do(AssignUser("bot-creator", "PLANT\\anna"))
    sara = pages.client("seat_manager")
    assert "This is another person" not in sara.get("/users/").text, "no box without a reason"
    typed = {"user": "anna@plant.example", "product": "bot-creator", "even_so": "", **here}
    asked = sara.send_form("/users/assign/", typed)
    assert asked.status_code == 422
    assert "PLANT\\anna" in asked.text
    assert '<input type="checkbox" name="even_so"' in asked.text
    assert 'value="anna@plant.example"' in asked.text
    assert pages.ask(Holders("bot-creator")).in_use == 1
    other = sara.send_form("/users/assign/", typed | {"even_so": "on", "product": "no-such"})
    assert '<input type="checkbox" name="even_so"' in other.text, "what was said is seen as long as it is sent"
    assert sara.send_form("/users/assign/", typed | {"even_so": "on"}).status_code == 302
    assert pages.ask(Holders("bot-creator")).in_use == 2


@pytest.mark.rule("G2")
def test_a_page_of_a_person_is_found_by_any_spelling(new_site: Make) -> None:
    pages = new_site()
    pages.do(AssignUser("bot-creator", "Anna"))
    assert ">Anna</h1>" in pages.client("seat_manager").get("/users/person/?name=ANNA").text
