"""N4 at the site: every form of every page, sent twice, as a double click and a reload do."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from carnet.control_room.rules.granting.api_keys import ListApiKeys
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.users import AssignUser
from carnet.web_kit.sent_once import NOT_AGAIN
from tests.room.addresses import addresses
from tests.room.site import Browser, Pages, serve_pages
from tests.support.page_forms import PageForm, post_forms

VALUES = {"name": "eve", "reason": "it must be", "user": "anna", "mail_port": "587", "mail_to": "a@example.com"}
NOT_SENT = {
    "/account/out/": "it ends the session, and so the test",
    "/account/again/": "each try of a password is a record",
    "/ledger/export/": "it asks, and that it was taken is a record each time (A1)",
    "/exchange/release/": "it ends what the other forms need",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Of its own: the forms are carried out."""
    pages = serve_pages(tmp_path_factory.mktemp("twice") / "site")
    try:
        pages.do(AssignUser("bot-creator", "cleo"))
        pages.do(AcquireSeat("unattended-bot-runner", "bot-17", 86_400))
        yield pages
    finally:
        pages.end()


def send(browser: Browser, path: str, fields: dict[str, Any], files: dict[str, Any] | None = None) -> httpx.Response:
    return browser.post(path, data=fields, files=files, headers={"Referer": f"{browser.base_url}/"})


def sendings(form: PageForm) -> Iterator[dict[str, Any]]:
    filled: dict[str, Any] = form.filled(VALUES)
    for name, value in form.buttons or [("", "")]:
        yield filled | ({name: value} if name else {})


@pytest.mark.rule("N4")
def test_every_form_that_is_sent_twice_acts_once(place: Pages) -> None:
    browser, sent, wrong = place.client("administrator"), Counter[str](), []
    paths = [path for _, path in addresses()] + ["/users/person/?name=cleo"]
    for path in paths:
        for place_of_form in range(len(_forms(browser, path))):
            forms = _forms(browser, path)  # the page of now: the form before may have changed it
            for fields in sendings(forms[place_of_form]) if place_of_form < len(forms) else ():
                to = forms[place_of_form].action or path
                if to not in NOT_SENT:
                    outcome = _twice(place, browser, to, forms[place_of_form], fields)
                    sent[outcome] += 1
                    wrong += [(path, to)] if outcome == "twice" else []
    assert not wrong
    assert sent["once"] > 3, sent


def _forms(browser: Browser, path: str) -> list[PageForm]:
    shown = browser.get(path)
    is_page = shown.status_code == 200 and shown.headers.get("content-type", "").startswith("text/html")
    return post_forms(shown.text) if is_page else []


def _twice(place: Pages, browser: Browser, to: str, form: PageForm, fields: dict[str, Any]) -> str:
    files = dict.fromkeys(form.files, ("a.csv", b"user,product,action\n"))
    before = place.size
    first = send(browser, to, fields, files)
    acted = place.size
    if first.status_code >= 400:  # refused: nothing moved that a second one could move again
        return "refused"
    send(browser, to, fields, files)
    return "twice" if place.size != acted else "once" if acted != before else "never"


@pytest.mark.rule("N4")
def test_a_double_click_makes_one_api_key(place: Pages) -> None:
    """Both at the same moment: one is carried out, the other is told so."""
    browser, had = place.client("administrator"), len(place.ask(ListApiKeys()).keys)
    (form,) = [form for form in _forms(browser, "/keys/") if "permissions" in form.fields]
    fields = form.filled({"name": "runner"}) | {"products": [], "permissions": ["take"], "expires_at": ""}
    with ThreadPoolExecutor(2) as hands:
        answers = list(hands.map(lambda _: send(browser, "/keys/", fields), range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(place.ask(ListApiKeys()).keys) == had + 1
    later = send(browser, "/keys/", fields)
    assert (later.status_code, NOT_AGAIN in later.text) == (409, True)


@pytest.mark.rule("N4")
def test_a_request_that_is_sent_again_is_not_generated_again(place: Pages) -> None:
    """Each LFR voids those before it (E4): the file that was just saved would be void."""
    browser = place.client("administrator")
    (form,) = [form for form in _forms(browser, "/exchange/") if form.action == "/exchange/request/"]
    fields = form.filled({"since": "0"}) | {"kind": "change"}
    fields = {name: value for name, value in fields.items() if name in ("csrfmiddlewaretoken", "kind")}
    first = send(browser, "/exchange/request/", fields)
    raw = browser.get("/exchange/request/file/").content
    again = send(browser, "/exchange/request/", fields)
    assert (first.status_code, again.status_code, again.headers["location"]) == (302, 302, first.headers["location"])
    assert browser.get("/exchange/request/file/").content == raw
