"""A3 at the pages: who gets a role that may install licenses or audit, and how they then sign in."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from carnet.control_room.queries.questions import Records
from carnet.control_room.rules.granting.people import AddPerson, ChangePerson, FindPerson, Role
from carnet.control_room.rules.granting.two_people import ListTwoPeople
from tests.room.site import PASSWORD, Browser, Pages, give_passwords, serve_pages, without_time_and_tokens
from tests.room.test_setup import mailbox
from tests.support.kept_logs import secret
from tests.support.own_site import licensed_site

pytestmark = pytest.mark.security
HALF = r"([a-z2-7]{4}(?:-[a-z2-7]{4}){3})"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """Of its own, with two administrators, whom the machine let in."""
    pages = serve_pages(tmp_path_factory.mktemp("two") / "site")
    try:
        pages.do(AddPerson("ben", Role.ADMINISTRATOR, on_machine=True))
        give_passwords(pages, "ben")
        yield pages
    finally:
        pages.end()


@pytest.fixture
def ben(site: Pages) -> Browser:
    return site.client("ben")


def half(text: str) -> str:
    (found,) = re.findall(HALF, text)
    return secret(str(found), "half an entry code")


def waiting(site: Pages) -> list[str]:
    return [asked.proposal for asked in site.ask(ListTwoPeople()).waiting]


@pytest.mark.rule("A3", "needs_second_person")
def test_one_administrator_adds_no_second_and_sees_no_link(site: Pages, ben: Browser) -> None:
    ada, people = site.client("administrator"), site.ask_all()
    page = ada.send_form(
        "/people/", {"name": "eve", "role": "administrator", "reason": "my mate"}, follow_redirects=True
    )
    half(page.text)
    assert "A second administrator must confirm it." in page.text
    assert "/choose/" not in page.text
    (proposal,) = waiting(site)
    own = ada.send_form("/people/settle/", {"proposal": proposal, "decision": "confirm"})
    assert (own.status_code, "cannot confirm their own" in own.text) == (422, True)
    for path, fields in (
        ("/people/link/", {"name": "ben"}),
        ("/people/second-factors/", {"name": "ben"}),
    ):
        refused = ada.send_form(path, fields)
        assert (refused.status_code, "takes two administrators" in refused.text) == (422, True)
        assert "/choose/" not in refused.text
    asked = ada.send_form("/people/change/", {"name": "vic", "role": "auditor"})
    assert asked.headers["location"] == "/people/ask/?name=vic&act=role&role=auditor"
    assert site.ask_all() == people
    assert ada.send_form("/people/settle/", {"proposal": proposal, "decision": "withdraw"}).status_code == 302
    assert waiting(site) == []


@pytest.mark.rule("A3", "needs_second_person")
def test_two_administrators_add_a_third_who_needs_both_halves(site: Pages, ben: Browser) -> None:
    ada = site.client("administrator")
    fields = {"name": "carl", "role": "auditor", "reason": "the yearly audit"}
    first = half(ada.send_form("/people/", fields, follow_redirects=True).text)
    (proposal,) = waiting(site)
    page = ben.send_form("/people/settle/", {"proposal": proposal, "decision": "confirm"}, follow_redirects=True)
    second = half(page.text)
    assert first not in page.text
    assert site.ask(FindPerson("carl")).role == "auditor"
    kept = b"".join(file.read_bytes() for file in site.folder.glob("pages.sqlite3*"))
    assert first.encode() not in kept
    with site.browser() as carl:
        carl.get("/account/code/")
        for halves in ((first, first), (second, first)):
            wrong = carl.send_form("/account/code/", {"name": "carl", "first": halves[0], "second": halves[1]})
            assert wrong.status_code == 422
        right = {"name": "Carl", "first": first, "second": second}
        chosen = carl.send_form("/account/code/", right, follow_redirects=True)
        assert carl.send_form(chosen.url.path, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 302
        assert carl.send_form("/account/code/", right).status_code == 422
        assert carl.sign_in("carl").status_code == 302
        assert carl.get("/ledger/").status_code == 200
    kinds = [(record.kind, record.actor) for record in site.ask(Records(400)).records]
    assert ("person.settled", "ben") in kinds
    assert ("person.asked", "ada") in kinds


@pytest.mark.rule("A3", "needs_second_person")
def test_a_password_that_one_administrator_gave_ends_where_two_give_a_role(site: Pages, ben: Browser) -> None:
    """Else the first would add a viewer, choose the password herself, and be that person once the role is given."""
    ada = site.client("administrator")
    link = ada.send_form("/people/", {"name": "mallory", "role": "viewer"}).text.split('id="link">')[1].split("<")[0]
    with site.browser() as mallory:
        form = mallory.get(link, follow_redirects=True)
        mallory.send_form(form.url.path, {"password1": PASSWORD, "password2": PASSWORD})
        assert mallory.sign_in("mallory").status_code == 302
        fields = {"name": "mallory", "act": "role", "role": "administrator", "reason": "helps out"}
        first = half(ada.send_form("/people/ask/", fields, follow_redirects=True).text)
        (proposal,) = waiting(site)
        page = ben.send_form("/people/settle/", {"proposal": proposal, "decision": "confirm"}, follow_redirects=True)
        assert half(page.text) != first
        assert site.ask(FindPerson("mallory")).role == "administrator"
        assert mallory.get("/people/").headers["location"].startswith("/account/")
        assert mallory.sign_in("mallory").status_code == 200


@pytest.mark.rule("A3", "A6", "needs_second_person")
def test_a_code_for_nobody_is_answered_as_a_wrong_one(site: Pages) -> None:
    with site.browser() as browser:
        browser.get("/account/code/")
        answers = [
            browser.send_form("/account/code/", {"name": name, "first": "abcd", "second": "efgh"})
            for name in ("ada", "nobody-here", "Control-Room", "a b")
        ]
    assert {answer.status_code for answer in answers} == {422}
    assert len({without_time_and_tokens(answer.text) for answer in answers}) == 1


@pytest.mark.rule("A3", "A5", "needs_second_person")
def test_whoever_may_install_or_audit_needs_a_second_factor_unless_the_operator_says_otherwise(
    new_site: Callable[..., Pages], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARNET_ROOM_SECOND_FACTOR", "by-role")
    site = new_site()
    for role in ("administrator", "license_manager", "auditor"):
        answer = site.client(role).get("/")
        assert (role, answer.status_code, answer.headers["location"]) == (role, 302, "/account/my/one-time-password/")
    for role in ("seat_manager", "viewer"):
        assert site.client(role).get("/").status_code == 200


@pytest.mark.rule("A3", "A5", "needs_second_person")
def test_a_time_without_use_ends_a_session_and_one_that_is_none_stops_the_start(site: Pages, tmp_path: Path) -> None:
    alone = replace(site, own=licensed_site(tmp_path / "alone", {"bot-creator": 1}))
    told = alone.command("notify", CARNET_ROOM_IDLE_MINUTES="never")
    assert told.returncode != 0
    assert "1 to 720 minutes" in told.stderr


@pytest.mark.rule("A3", "needs_second_person")
def test_what_was_done_on_the_machine_is_shown(site: Pages, ben: Browser) -> None:
    added = site.command("person", "add", "root-made", "--role", "auditor", "--as", "root")
    assert added.returncode == 0, added.stderr
    page = ben.get("/people/").text
    assert "Done on this machine in the last 30 days" in page
    assert "root-made was added, in the name of root." in page


def _link(page: str) -> str:
    (found,) = set(re.findall(r"/account/choose/[^\s\"<]+", page))
    return secret(found, "a link to choose a password")


def _promote(site: Pages, asker: Browser, second: Browser, name: str, act: str = "role") -> tuple[str, str]:
    """Two administrators give somebody a role that takes two; both halves of the code."""
    fields = {"name": name, "act": act, "role": "auditor", "reason": "the yearly audit"}
    first = half(asker.send_form("/people/ask/", fields, follow_redirects=True).text)
    (proposal,) = waiting(site)
    page = second.send_form("/people/settle/", {"proposal": proposal, "decision": "confirm"}, follow_redirects=True)
    return first, half(page.text)


@pytest.mark.rule("A3", "A4")
def test_what_one_administrator_knew_of_a_lower_role_opens_no_higher_one(site: Pages, ben: Browser) -> None:
    """One of them lets somebody in, alone, and keeps the link and the password; two others give that person a role."""
    ada = site.client("administrator")
    page = ada.send_form("/people/", {"name": "puppet", "role": "viewer"})
    link = _link(page.text)
    with site.browser() as ada_too, site.browser() as kept:
        chosen = ada_too.get(link, follow_redirects=True)
        ada_too.send_form(chosen.url.path, {"password1": PASSWORD, "password2": PASSWORD})
        assert ada_too.sign_in("puppet").status_code == 302
        again = _link(ada.send_form("/people/link/", {"name": "puppet"}).text)
        first, second = _promote(site, ben, ada, "puppet")
        assert site.ask(FindPerson("puppet")).role == "auditor"
        assert ada_too.get("/ledger/").headers["location"].startswith("/account/?"), "the session has ended"
        assert kept.sign_in("puppet").status_code == 200, "the password opens nothing"
        assert 'name="password1"' not in kept.get(again, follow_redirects=True).text, "nor does the link"
        right = {"name": "puppet", "first": first, "second": second}
        form = kept.send_form("/account/code/", right, follow_redirects=True)
        assert 'name="password1"' in form.text


@pytest.mark.rule("A3")
def test_whoever_comes_back_under_an_old_name_has_no_old_password(site: Pages, ben: Browser) -> None:
    ada = site.client("administrator")
    site.do(AddPerson("anna", Role.AUDITOR, on_machine=True))
    give_passwords(site, "anna")
    with site.browser() as anna:
        assert anna.sign_in("anna").status_code == 302
        assert ada.send_form("/people/change/", {"name": "anna", "role": ""}).status_code == 302
        added = site.command("person", "add", "anna", "--role", "auditor", "--as", "root")
        assert added.returncode == 0, added.stderr
        assert anna.get("/ledger/").headers["location"].startswith("/account/?")
        assert anna.sign_in("anna").status_code == 200


@pytest.mark.rule("A3", "A4")
@pytest.mark.parametrize("how", ["add", "change", "remove"])
def test_the_machine_gives_no_role_to_an_old_password_either(site: Pages, how: str) -> None:
    name = f"old-{how}"
    site.do(AddPerson(name, Role.VIEWER))
    give_passwords(site, name)
    if how == "add":
        site.do(ChangePerson(name, None))  # by a release that left the password
    words = {"add": ("--role", "auditor"), "change": ("--role", "auditor"), "remove": ()}[how]
    done = site.command("person", how, name, *words, "--as", "root")
    assert done.returncode == 0, done.stderr
    if how == "remove":
        site.do(AddPerson(name, Role.VIEWER))
    with site.browser() as browser:
        assert browser.sign_in(name).status_code == 200


def signed_in(site: Pages, name: str, role: Role) -> Browser:
    """Somebody of their own, in a browser that somebody else found."""
    site.do(AddPerson(name, role, on_machine=True))
    give_passwords(site, name)
    return site.browser(name)


@pytest.mark.rule("A3")
def test_the_finder_of_a_phone_is_signed_out_by_two_administrators(site: Pages, ben: Browser) -> None:
    ada = site.client("administrator")
    with closing(signed_in(site, "agnes", Role.AUDITOR)) as finder:
        assert finder.get("/ledger/").status_code == 200
        fields = {"name": "agnes", "act": "second factors", "reason": "lost her phone"}
        first = half(ada.send_form("/people/ask/", fields, follow_redirects=True).text)
        assert finder.get("/ledger/").status_code == 200
        (proposal,) = waiting(site)
        page = ben.send_form("/people/settle/", {"proposal": proposal, "decision": "confirm"}, follow_redirects=True)
        assert "tell agnes yourself" in page.text
        assert half(page.text) != first
        assert finder.get("/ledger/").headers["location"].startswith("/account/")
        assert finder.sign_in("agnes").status_code == 200


@pytest.mark.rule("A3")
def test_one_administrator_clears_the_lost_factor_of_a_viewer(site: Pages) -> None:
    with closing(signed_in(site, "vera", Role.VIEWER)) as finder:
        page = site.client("administrator").send_form("/people/second-factors/", {"name": "vera"})
        secret(page.text.split("/choose/")[1].split("/")[0], "a link to choose a password")
        assert "tell vera yourself" in page.text
        assert finder.get("/").headers["location"].startswith("/account/")


@pytest.mark.rule("A3")
def test_the_machine_clears_the_lost_factor_of_an_administrator(site: Pages) -> None:
    with closing(signed_in(site, "carol", Role.ADMINISTRATOR)) as finder:
        told = site.command("person", "remove-factors", "carol", "--address", site.address)
        assert (told.returncode, "/choose/" in told.stdout, "signed out everywhere" in told.stdout) == (0, True, True)
        assert finder.get("/").headers["location"].startswith("/account/")
    site.do(ChangePerson("carol", None))


@pytest.mark.rule("A3")
def test_a_lost_factor_is_told_by_mail_by_whom_it_was_removed(site: Pages, ben: Browser) -> None:
    """By one, by two, and on the machine; to the person where the name is an address, else to who gets the notices."""
    ada = site.client("administrator")
    with mailbox() as (port, mails):
        fields = {"mail_to": "ops@site.example", "mail_host": "127.0.0.1", "mail_port": port, "mail_security": "none"}
        assert ada.send_form("/settings/", fields | {"syslog_protocol": "udp"}).status_code == 302
        try:
            with (
                closing(signed_in(site, "viola", Role.VIEWER)),
                closing(signed_in(site, "odd@site.example", Role.AUDITOR)),
            ):
                page = ada.send_form("/people/second-factors/", {"name": "viola"})
                secret(page.text.split("/choose/")[1].split("/")[0], "a link to choose a password")
                asked = {"name": "odd@site.example", "act": "second factors", "reason": "lost"}
                half(ada.send_form("/people/ask/", asked, follow_redirects=True).text)
                assert len(mails) == 1, "nothing was done yet"
                (proposal,) = waiting(site)
                settled = {"proposal": proposal, "decision": "confirm"}
                half(ben.send_form("/people/settle/", settled, follow_redirects=True).text)
                assert site.command("person", "remove-factors", "viola", "--as", "root").returncode == 0
        finally:
            nobody = fields | {"mail_to": "", "syslog_protocol": "udp"}
            assert ada.send_form("/settings/", nobody).status_code == 302
    found = [re.search(r"^To: (\S+)\s.*^([^\n]+) removed the second", each, re.M | re.S) for each in mails]
    assert [each.groups() if each else None for each in found] == [
        ("ops@site.example", "ada"),
        ("odd@site.example", "ada and ben"),
        ("ops@site.example", "root"),
    ]
