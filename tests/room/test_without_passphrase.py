"""Beside a running server no command needs the passphrase for what the pages do: the server holds their keys, and is
asked over its socket."""

import json
import re
from contextlib import closing

import pytest

from carnet.control_room.local_api.client import UnixClient
from carnet.control_room.local_api.pages_acts import PagesAct
from carnet.control_room.queries.questions import Records
from carnet.control_room.rules.granting.people import AddPerson
from carnet.exchange.verdicts import Refusal
from tests.room.site import Pages, give_passwords
from tests.room.test_exchange_pages import Make
from tests.support.kept_logs import secret

pytestmark = pytest.mark.rule("A2", "A5")


@pytest.fixture
def pages(new_site: Make) -> Pages:
    """A server that runs; the passphrase was taken to another place since."""
    pages = new_site()
    pages.do(AddPerson("ola", "viewer"))
    give_passwords(pages, "ola")
    (pages.folder / "passphrase").unlink()
    return pages


def test_a_link_is_given_and_opens(pages: Pages) -> None:
    given = pages.command("person", "link", "ola", "--address", pages.address)
    assert given.returncode == 0, given
    (newest,) = pages.ask(Records(1, "access.noted")).records
    assert (newest.body["what"], newest.body["about"]) == ("link to a password given", "ola"), newest
    (link,) = re.findall(r"/account/choose/\S+", given.stdout)
    with pages.browser() as browser:
        assert "Choose" in browser.get(browser.get(link).headers["location"]).text


def test_somebody_is_unlocked(pages: Pages) -> None:
    with pages.browser() as browser:
        for _ in range(6):
            answer = browser.sign_in("ola", "a wrong password indeed")
        assert "Too many" in answer.text
        assert pages.command("person", "unlock", "ola").returncode == 0
        assert browser.sign_in("ola").status_code == 302


@pytest.mark.rule("A3")
def test_a_lost_second_factor_is_removed_and_told(pages: Pages) -> None:
    done = pages.command("person", "remove-factors", "ola", "--json")
    assert done.returncode == 0, done
    answer = json.loads(done.stdout)
    assert "/account/choose/" in answer["link"]
    assert "tell ola yourself" in answer["told"]
    with pages.browser() as browser:
        assert browser.sign_in("ola").status_code == 200, "the password is forgotten"


def test_notices_are_sent_and_migrations_are_told(pages: Pages) -> None:
    told = pages.command("notify", "--json")
    assert (told.returncode, json.loads(told.stdout)["ways"]) == (0, [])
    found = pages.command("migrations", "--json")
    assert (found.returncode, json.loads(found.stdout)["steps"]) == (0, [])


@pytest.mark.security
@pytest.mark.rule("A3")
def test_no_link_leaves_the_socket_without_its_record(pages: Pages) -> None:
    """Also for who speaks to the socket without our command; and none for a name that the ledger does not let in."""
    client = UnixClient.connect(pages.folder)
    assert client
    with closing(client):
        before = pages.size
        assert isinstance(client.pages(PagesAct("link", "mallory", "root"), str), Refusal)
        path = client.pages(PagesAct("link", "ola", "root"), str)
    assert isinstance(path, str)
    secret(path.rstrip("/").rpartition("/")[2], "a link to choose a password")
    (newest,) = pages.ask(Records(1, "access.noted")).records
    assert (newest.actor, newest.body["about"], pages.size > before) == ("root", "ola", True)


@pytest.mark.security
def test_what_reads_the_keys_themselves_still_asks_for_it(pages: Pages) -> None:
    for words in (("ledger", "verify"), ("backup", "--out", str(pages.folder.parent / "backup"))):
        done = pages.command(*words)
        assert done.returncode == 1, words
        assert "passphrase" in done.stderr
