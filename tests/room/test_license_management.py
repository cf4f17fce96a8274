"""License Management: what it shows in each state and to whom, and its banner."""

import re
from collections.abc import Callable

import httpx
import pytest

from tests.room.site import Browser, Pages

InState = Callable[[str], Pages]
ENDS = "The license ends in 24 days,"
SAYS = {"ends": ENDS, "dismiss": 'action="/dismiss/"'}


def text(page: str) -> str:
    """What is read of it: without tags, blanks as one."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


@pytest.mark.rule("S")
def test_it_says_what_is_installed_and_until_when(vault: Pages) -> None:
    vic = vault.client("viewer")
    before = vault.size
    shown = text(vic.get("/").text)
    for said in (
        "Expiring",
        "Cycle open",
        "license file #1",
        "Today, 24 days left",
        "then 14 days of grace",
        f"{before:,} records",
        "Counted to",
        "Northwind",
    ):
        assert said in shown, said
    assert vault.size == before


def test_each_product_stands_in_its_group_with_what_its_use_leads_to(vault: Pages) -> None:
    shown = text(vault.client("viewer").get("/").text)
    groups = [shown.index(title) for title in ("Bot Creator people", "Unattended Bot Runner", "Automation AI Credits")]
    assert groups == sorted(groups)
    assert re.search(r"Full (once|twice|on \d days), \d refused", shown)
    assert re.search(r"Automation AI Credits credits 250,000 2\d\d,\d{3} \d+,\d{3} Out about 20\d\d-", shown)
    assert "Enterprise Platform on or off No quantity On" in shown


@pytest.mark.parametrize(
    ("kind", "there", "gone"), [("users", "Bot Creator", "Automator AI"), ("features", "Automator AI", "Bot Creator")]
)
def test_one_kind_of_product_can_be_looked_at(vault: Pages, kind: str, there: str, gone: str) -> None:
    shown = text(vault.client("viewer").get(f"/?show={kind}").text)
    assert there in shown
    assert gone not in shown


def test_a_kind_that_is_none_shows_all(vault: Pages) -> None:
    assert "Bot Creator" in vault.client("viewer").get("/?show=<script>alert(1)</script>").text


@pytest.mark.rule("S")
def test_the_banner_stands_on_every_page_and_is_put_away_for_one_session(vault: Pages) -> None:
    with vault.browser() as vic:
        vic.sign_in("vic")
        for path in ("/", "/what-if/", "/users/", "/products/bot-creator/"):
            assert all(said in vic.get(path).text for said in SAYS.values()), path
        answer = dismiss(vic, f"{vault.address}/what-if/")
        assert answer.headers["location"].endswith("/what-if/")
        assert ENDS not in vic.get("/").text
    assert ENDS in vault.client("seat_manager").get("/").text


def test_dismissing_leads_to_no_other_server(vault: Pages) -> None:
    with vault.browser() as vic:
        vic.sign_in("vic")
        answer = dismiss(vic, "https://elsewhere.example/")
    assert answer.headers["location"] == "/"


def dismiss(browser: Browser, page: str) -> httpx.Response:
    """As the form does that stands on `page`."""
    token = browser.cookies.get("room_csrf") or ""
    headers = {"X-CSRFToken": token, "Origin": str(browser.base_url).rstrip("/"), "Referer": page}
    return browser.post("/dismiss/", headers=headers)


@pytest.mark.rule("S")
@pytest.mark.parametrize("state", ["expiring", "grace", "locked"])
def test_what_presses_is_not_put_away(in_state: InState, state: str) -> None:
    client = in_state(state).client("viewer")
    page = client.get("/")
    assert "banner tone-bad" in page.text
    assert SAYS["dismiss"] not in page.text
    assert client.send_form("/dismiss/").status_code == 302
    assert "banner tone-bad" in client.get("/").text


@pytest.mark.rule("S")
@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("new", "Not enabled yet"),
        ("enabled", "Generate a License File Request"),
        ("expiring", "Today, 5 days left"),
        ("grace", "days of grace left"),
        ("locked", "Locked"),
        ("released", "The license was given back"),
    ],
)
def test_each_state_says_what_is_missing_and_the_next_act(in_state: InState, state: str, said: str) -> None:
    site = in_state(state)
    lena = site.client("license_manager")
    before = site.size
    page = lena.get("/")
    assert page.status_code == 200
    assert said in text(page.text)
    assert 'href="/exchange/"' in page.text
    assert site.size == before


def test_the_next_act_is_shown_to_whoever_may_do_it(in_state: InState) -> None:
    site = in_state("new")
    assert "Install the token" in site.client("license_manager").get("/").text
    shown = site.client("viewer").get("/").text
    assert "Install the token" not in shown
    assert "See how far it is" in shown


@pytest.mark.rule("A1")
def test_a_stranger_sees_nothing_of_it(vault: Pages) -> None:
    with vault.browser() as stranger:
        answer = stranger.get("/")
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("/account/")
        assert "Bot Creator" not in answer.text
        assert stranger.post("/dismiss/").status_code == 403
