"""Signing in at the site: whom the ledger knows, with the password they chose."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing

import httpx
import pytest

from carnet.control_room.queries.questions import Records
from carnet.control_room.rules.granting.people import AddPerson, ChangePerson
from tests.room.site import PASSWORD, PEOPLE, Pages, give_passwords, without_time_and_tokens

pytestmark = pytest.mark.rule("A1")


def test_whoever_is_not_signed_in_is_sent_to_the_door(site: Pages) -> None:
    answer = site.client().get("/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/account/?next=/")


def test_everybody_signs_in_and_it_is_in_the_ledger(site: Pages) -> None:
    with site.browser() as browser:
        assert browser.sign_in(PEOPLE["viewer"]).status_code == 302
        assert browser.get("/").status_code == 200
    (newest,) = site.ask(Records(1, "access.noted")).records
    assert (newest.actor, newest.body["what"]) == (PEOPLE["viewer"], "signed in")


@pytest.mark.rule("A2")
def test_a_wrong_password_opens_nothing_and_is_noted_without_it(site: Pages) -> None:
    with site.browser() as browser:
        answer = browser.sign_in(PEOPLE["viewer"], "a wrong password indeed")
        assert answer.status_code == 200
        assert "room_session" not in browser.cookies
    (newest,) = site.ask(Records(1, "access.noted")).records
    assert (newest.actor, newest.body) == ("pages", {"what": "sign-in refused", "about": PEOPLE["viewer"]})


@pytest.mark.security
@pytest.mark.rule("A2")
@pytest.mark.parametrize("typed", ["hunter2-hunter2", "nobody-here", "Correct horse battery!", "x" * 5000])
def test_what_is_typed_as_a_name_and_is_none_is_not_kept(site: Pages, typed: str) -> None:
    """Often it is a password in the wrong field; the ledger would keep it for good."""
    with site.browser() as browser:
        assert "room_session" not in browser.cookies
        browser.sign_in(typed, "x")
    for newest in site.ask(Records(1, "access.noted")).records:  # of what no name can be there is none
        assert newest.body.get("about") != typed.lower()
    for file in site.folder.rglob("*"):
        assert not file.is_file() or typed.lower().encode() not in file.read_bytes(), file


@pytest.mark.rule("A6")
@pytest.mark.security
def test_a_sign_in_that_fails_is_answered_alike_whoever_it_was_about(site: Pages) -> None:
    """Also somebody who was let go, with the right password; and somebody who never chose one."""
    for name in ("gone", "invited"):
        site.do(AddPerson(name, "viewer"))
    give_passwords(site, "gone")
    site.do(ChangePerson("gone", None))
    answers = []
    for name, password in (("nobody-here", "x"), ("vic", "x"), ("gone", PASSWORD), ("invited", PASSWORD), ("a b", "x")):
        with site.browser() as browser:
            answer = browser.sign_in(name, password)
            answers.append((answer.status_code, answer.headers.get("location"), without_time_and_tokens(answer.text)))
    assert answers == answers[:1] * len(answers)


def test_five_wrong_passwords_lock_the_name_and_the_right_one_too(site: Pages) -> None:
    site.do(AddPerson("unlucky", "viewer"))
    with site.browser() as browser:
        for _ in range(5):
            browser.sign_in("unlucky", "a wrong password indeed")
        answer = browser.sign_in("unlucky", PASSWORD)
        assert "room_session" not in browser.cookies
        assert "Too many" in answer.text
        assert site.command("person", "unlock", "unlucky").returncode == 0
        assert site.command("person", "unlock", "nobody-here").returncode != 0
        assert browser.sign_in("unlucky", PASSWORD).status_code == 200  # without a password, but not locked
        assert "Too many" not in browser.sign_in("unlucky", PASSWORD).text


def _seen(site: Pages) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(site.folder / "pages.sqlite3", timeout=10)) as db:
        return db.execute("SELECT user_agent, last_seen_at FROM usersessions_usersession ORDER BY id").fetchall()


def test_when_a_browser_was_seen_last_is_written_once_a_minute_and_at_once_for_another(
    new_site: Callable[..., Pages],
) -> None:
    site = new_site()
    browser = site.client("viewer")
    browser.get("/")
    (before,) = _seen(site)
    for _ in range(3):
        browser.get("/")
    assert _seen(site) == [before]
    browser.get("/", headers={"User-Agent": "somebody else's"})
    ((agent, moment),) = _seen(site)
    assert (agent, moment > before[1]) == ("somebody else's", True)


def test_whoever_is_let_go_is_out_at_the_next_click(site: Pages) -> None:
    site.do(AddPerson("temp", "viewer"))
    link = site.command("person", "link", "temp", "--address", site.address).stdout.strip()
    with site.browser() as browser:
        form = browser.get(link, follow_redirects=True)
        browser.send_form(form.url.path, {"password1": PASSWORD, "password2": PASSWORD})
        assert browser.sign_in("temp").status_code == 302
        assert browser.get("/").status_code == 200
        site.do(ChangePerson("temp", None))
        assert browser.get("/").headers["location"] == "/account/?next=/"
        assert browser.sign_in("temp").status_code == 200


def test_a_link_is_good_once(site: Pages) -> None:
    site.do(AddPerson("once", "viewer"))
    link = site.command("person", "link", "once", "--address", site.address).stdout.strip()
    with site.browser() as browser:
        form = browser.get(link, follow_redirects=True)
        assert browser.send_form(form.url.path, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 302
    with site.browser() as other:
        assert "used up" in other.get(link, follow_redirects=True).text


def test_a_name_that_the_ledger_does_not_know_gets_no_link(site: Pages) -> None:
    told = site.command("person", "link", "eve", "--address", site.address)
    assert (told.returncode, told.stdout) == (3, "")
    assert told.stderr.startswith("refused: not_found: ")


def test_the_pages_end_with_their_server_however_it_ends(new_site: Callable[..., Pages]) -> None:
    pages = new_site()
    assert pages.client("viewer").get("/").status_code == 200
    pages.process.kill()
    pages.process.ended()  # whoever still wrote to its output is gone too
    with pytest.raises(httpx.ConnectError), pages.browser() as browser:
        browser.get("/")


@pytest.mark.security
@pytest.mark.rule("A2")
def test_a_hash_that_somebody_wrote_into_the_database_lets_nobody_in_and_verify_names_it(
    new_site: Callable[..., Pages],
) -> None:
    """Not even one that is right for another name."""
    site = new_site()
    give_passwords(site, "ada", "vic")
    with closing(sqlite3.connect(site.folder / "pages.sqlite3", timeout=10)) as db, db:
        assert db.execute("UPDATE pages_login SET name = 'was-vic' WHERE name = 'vic'").rowcount == 1
        assert db.execute("UPDATE pages_login SET name = 'vic' WHERE name = 'ada'").rowcount == 1
    with site.browser() as browser:
        assert browser.sign_in("vic").status_code == 200
        assert "room_session" not in browser.cookies
        assert browser.sign_in("was-vic").status_code == 200
        assert "room_session" not in browser.cookies
    told = site.command("ledger", "verify")
    assert told.returncode == 1
    assert "are wrong at sign-in: vic, was-vic." in " ".join(told.stderr.split())


@pytest.mark.rule("A5")
def test_status_and_a_page_of_second_factors_name_the_clock_that_codes_go_by(site: Pages) -> None:
    shown = site.client("viewer").get("/account/my/second-factor/").text
    assert re.search(r"by the clock of this server: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", shown)
    assert "One-time passwords go by it." in " ".join(site.command("status").stdout.split())
