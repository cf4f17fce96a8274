"""N5 at the site: two administrators have the same page open. Who comes second is told who came first."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from carnet.control_room.rules.granting.people import AddPerson, ChangePerson, FindPerson, Role
from carnet.control_room.rules.granting.two_people import ListTwoPeople
from tests.room.site import Browser, Pages, give_passwords, serve_pages

pytestmark = pytest.mark.rule("N5")
SETTINGS = {"mail_port": "587", "mail_security": "starttls", "syslog_protocol": "udp"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    pages = serve_pages(tmp_path_factory.mktemp("stale") / "site")
    try:
        pages.do(AddPerson("ben", Role.ADMINISTRATOR, on_machine=True))
        give_passwords(pages, "ben")
        yield pages
    finally:
        pages.end()


def _seen(browser: Browser, page: str) -> dict[str, Any]:
    found = set(re.findall(r'name="seen" value="(\d+)"', browser.get(page).text))
    assert len(found) == 1, page
    return {"seen": found.pop()}


def test_another_role_given_meanwhile_is_told_and_stays(site: Pages) -> None:
    site.do(AddPerson("mia", Role.VIEWER))
    ada, ben = site.client("administrator"), site.client("ben")
    seen = _seen(ada, "/people/")
    assert ben.send_form("/people/change/", {"name": "mia", "role": "seat_manager"}).status_code == 302
    size = site.size
    answer = ada.send_form("/people/change/", {"name": "mia", "role": ""} | seen)
    assert answer.status_code == 422
    assert re.search(r"ben gave mia the role seat manager at [^,]+, after this page was opened\.", answer.text)
    assert "What you asked for was not done." in answer.text
    assert (site.ask(FindPerson("mia")).role, site.size) == ("seat_manager", size + 1)  # the refusal's own record
    assert ada.send_form("/people/change/", {"name": "mia", "role": ""} | _seen(ada, "/people/")).status_code == 302


def test_the_same_asked_for_twice_waits_once(site: Pages) -> None:
    site.do(AddPerson("kim", Role.VIEWER))
    ada, ben = site.client("administrator"), site.client("ben")
    asked = {"name": "kim", "act": "role", "role": "auditor", "reason": "audit"}
    assert ada.send_form("/people/ask/", asked).status_code == 302
    answer = ben.send_form("/people/ask/", asked)
    assert answer.status_code == 422
    assert re.search(r"ada asked for the same at .*, and it waits for a second administrator", answer.text)
    (waiting,) = site.ask(ListTwoPeople()).waiting
    settle = {"proposal": waiting.proposal, "decision": "withdraw"}
    assert ben.send_form("/people/settle/", settle).status_code == 302
    late = ada.send_form("/people/settle/", {"proposal": waiting.proposal, "decision": "confirm"})
    assert (late.status_code, "ben took this back already, at" in late.text) == (422, True)
    assert site.ask(FindPerson("kim")).role == "viewer"


def test_settings_saved_meanwhile_are_told_and_stay(site: Pages) -> None:
    ada, ben = site.client("administrator"), site.client("ben")
    seen = _seen(ada, "/settings/")
    assert ben.send_form("/settings/", SETTINGS | {"syslog": "logs.ben.example:514"}).status_code == 302
    late = ada.send_form("/settings/", SETTINGS | {"syslog": "logs.ada.example:514"} | seen)
    assert (late.status_code, "ben saved these settings at" in late.text) == (422, True)
    assert "logs.ada.example:514" in late.text  # what was typed is there still
    assert "logs.ben.example:514" in ada.get("/settings/").text
    newest = {"seen": re.findall(r'name="seen" value="(\d+)"', late.text)[-1]}
    assert ada.send_form("/settings/", SETTINGS | {"syslog": "logs.ada.example:514"} | newest).status_code == 302
    assert "logs.ada.example:514" in ada.get("/settings/").text


def test_a_role_changed_before_the_page_was_made_stops_nothing(site: Pages) -> None:
    site.do(AddPerson("joe", Role.VIEWER))
    site.do(ChangePerson("joe", Role.SEAT_MANAGER))
    ada = site.client("administrator")
    assert (
        ada.send_form("/people/change/", {"name": "joe", "role": "viewer"} | _seen(ada, "/people/")).status_code == 302
    )
