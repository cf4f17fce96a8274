"""A1: every page for every role and for nobody, as the checked-in table says."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.room.addresses import addresses
from tests.room.site import Browser, Pages, serve_pages

LETTERS = {"administrator": "A", "license_manager": "L", "seat_manager": "S", "auditor": "U", "viewer": "V"}
TABLE = Path(__file__).with_name("access.txt")
SIGN_IN = "/account/?next="


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Of its own: some acts are carried out here."""
    pages = serve_pages(tmp_path_factory.mktemp("access") / "site")
    try:
        yield pages
    finally:
        pages.end()


def read_table() -> dict[tuple[str, str], str]:
    """(name, method) → whom it opens for; `-` for a method that is not there."""
    found = {}
    for line in TABLE.read_text().splitlines():
        words = line.split()
        if words and not line.startswith("#"):
            for method, who in zip(words[1::2], words[2::2], strict=True):
                found[words[0], method] = who
    return found


@pytest.mark.rule("A1")
def test_every_page_has_a_row_and_a_name_of_its_own() -> None:
    names = [name for name, _ in addresses()]
    assert sorted(names) == sorted({name for name, _ in read_table()})


def _opened(browser: Browser, method: str, path: str) -> httpx.Response:
    return browser.get(path) if method == "GET" else browser.send_form(path)


def _judged(answer: httpx.Response, who: str, letter: str, *, by_package: bool) -> bool:
    to_sign_in = answer.status_code == 302 and answer.headers["location"].startswith(SIGN_IN)
    if who == "*":
        return answer.status_code not in (403, 405, 500) and not to_sign_in
    if not letter:
        return to_sign_in or (who == "-" and answer.status_code == 405)
    if who == "-":
        return answer.status_code in (403, 405)
    if letter not in who:
        return answer.status_code == 403
    missing = (404,) if by_package else ()  # a key or code that nobody has
    return (answer.status_code not in (403, 404, 405, 500) or answer.status_code in missing) and not to_sign_in


@pytest.mark.rule("A1")
@pytest.mark.parametrize("role", [*LETTERS, "nobody"])
def test_each_page_opens_for_whom_the_table_says(place: Pages, role: str) -> None:
    """Forms are sent empty: whoever may send one is told what it lacks."""
    table, wrong = read_table(), []
    letter = LETTERS.get(role, "")
    for name, path in addresses():
        for method in ("GET", "POST"):
            with closing(_somebody(place, role)) as browser:
                answer = _opened(browser, method, path)
            if not _judged(answer, table[name, method], letter, by_package="_" in name):
                wrong.append(f"{name} {method} {role}: {answer.status_code} {answer.headers.get('location', '')}")
    assert not wrong, "\n".join(wrong)


def _somebody(place: Pages, role: str) -> Browser:
    """Signed in anew where a form before signed them out."""
    if role == "nobody":
        browser = place.browser()
        browser.get("/account/")
        return browser
    browser = place.browser(role)
    if browser.get("/").status_code == 302:
        browser.close()
        place.forget(role)
        return place.browser(role)
    return browser


@pytest.mark.rule("A1")
@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_who_only_looks_changes_nothing_whatever_is_sent(place: Pages, role: str) -> None:
    browser = place.browser(role)
    before, state = place.size, place.ask_all()
    for name, path in addresses():
        opens = read_table()[name, "POST"]
        if opens != "-" and LETTERS[role] not in opens and opens != "*":
            fields = {"user": "mallory", "product": "bot-creator", "name": "Oslo", "confirm": "Oslo", "kind": "release"}
            assert browser.send_form(path, fields).status_code == 403, name
    assert (place.size, place.ask_all()) == (before, state)
    browser.close()


def test_an_address_that_is_not_there_says_so(site: Pages) -> None:
    answer = site.client("viewer").get("/nothing/here/")
    assert (answer.status_code, "There is nothing at this address for you." in answer.text) == (404, True)


def test_no_address_sends_back_what_was_asked(site: Pages) -> None:
    """TRACE is no method here: what a proxy added to a request is told to nobody."""
    marked = {"X-Mark": "of-a-proxy"}
    for address in ("/", "/people/", "/account/", "/nothing/here/"):
        answer = site.client("administrator").request("TRACE", address, headers=marked)
        assert answer.status_code in (302, 404, 405), address  # who is signed in already is sent on
        assert "of-a-proxy" not in answer.text
    rest = httpx.request("TRACE", f"http://127.0.0.1:{site.port}/api/v1/status", headers=marked)
    assert rest.status_code in (401, 404, 405)
    assert "of-a-proxy" not in rest.text
