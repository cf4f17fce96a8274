"""A5: the lock after wrong passwords as a weapon: somebody who knows an address shuts a colleague out."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from carnet.calm.queries.log_queries import show_log
from tests.web.conftest import PASSWORD, Portal

pytestmark = [pytest.mark.security, pytest.mark.rule("A5")]
NAME = "viewer@example.com"


@pytest.fixture(autouse=True)
def _no_tries(portal: Portal) -> None:
    del portal
    cache.clear()


def sign_in(browser: Client, password: str = PASSWORD, address: str = "10.0.0.1", name: str = NAME) -> bool:
    answer: Any = browser.post("/sign-in/", {"login": name, "password": password}, REMOTE_ADDR=address)
    return bool(answer.status_code == 302)


def attack(portal: Portal, address: str = "10.6.6.6") -> Client:
    """Five wrong passwords, in all kinds of spelling."""
    eve = portal.as_("nobody")
    for name in (NAME, NAME.upper(), f" {NAME}", NAME, NAME.title()):
        assert not sign_in(eve, "not this one, surely", address, name)
    return eve


def test_who_tries_wrong_passwords_is_locked_out_and_the_person_is_not(portal: Portal) -> None:
    eve = attack(portal)
    assert not sign_in(eve, address="10.6.6.6")
    assert sign_in(portal.as_("nobody"))


def test_a_known_browser_gets_in_at_the_address_of_the_attack(portal: Portal) -> None:
    own = portal.as_("nobody")
    assert sign_in(own, address="10.6.6.6")
    own.get("/my/sessions/")
    own.post("/sign-in/out/")
    attack(portal)
    assert not sign_in(portal.as_("nobody"), address="10.6.6.6")
    assert sign_in(own, address="10.6.6.6")


def test_a_known_browser_has_five_tries_too_and_none_for_somebody_else(portal: Portal) -> None:
    eve = portal.as_("nobody")
    assert sign_in(eve, address="10.6.6.6")
    eve.get("/my/sessions/")
    eve.post("/sign-in/out/")
    for _ in range(5):
        assert not sign_in(eve, "not this one, surely", "10.6.6.6")
    assert not sign_in(eve, address="10.6.6.7")
    for _ in range(5):
        assert not sign_in(eve, "not this one, surely", "10.6.6.8", "administrator@example.com")
    assert not sign_in(eve, address="10.6.6.8", name="administrator@example.com")


def test_a_cookie_that_somebody_made_up_is_no_known_browser(portal: Portal) -> None:
    attack(portal)
    eve = portal.as_("nobody")
    for value in ("", "x", "WyJhIiwgW11d:1:2", '["a", []]'):
        eve.cookies["__Host-calm_session_known"] = eve.cookies["calm_session_known"] = value
        assert not sign_in(eve, address="10.6.6.6")


@pytest.mark.rule("V1")
def test_an_administrator_unlocks_and_it_is_recorded(portal: Portal) -> None:
    eve = attack(portal)
    person = portal.people["viewer"]
    answer = portal.as_("administrator").post(f"/people/{person.pk}/", {"what": "unlock"}, follow=True)
    assert "can try to sign in again at once" in answer.content.decode()
    assert show_log(last=1)[0].kind == "person.unlocked"
    assert sign_in(eve, address="10.6.6.6")
    assert portal.as_("viewer").post(f"/people/{person.pk}/", {"what": "unlock"}).status_code == 403
