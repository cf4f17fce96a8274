"""A5: the lock after wrong passwords as a weapon: somebody who knows an address shuts a colleague out."""

import time
from typing import Any

import pytest
from allauth.core.internal import ratelimit
from django.core.cache import cache
from django.test import Client, RequestFactory

from carnet.calm.queries.log_queries import show_log
from carnet.web_kit.sign_in import locks
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


def hours_pass(address: str, hours: float) -> None:
    """What was tried so far is so much older. (The package that counts reads the clock by itself.)"""
    asking = RequestFactory().post("/", REMOTE_ADDR=address)
    for config, key in ((None, f"{NAME}|0|address|{address}"), (locks.OF_NAME, f"{NAME}|0|name")):
        for rate in ratelimit.get_rates(app=locks.APP, action=locks.FAILED, config=config):
            kept = ratelimit.get_cache_key(asking, app=locks.APP, action=locks.FAILED, rate=rate, key=key)
            cache.set(kept, [each - hours * 3600 for each in cache.get(kept, [])], rate.duration)


def tried_elsewhere(count: int) -> None:
    """So many wrong passwords came from other addresses, a moment ago."""
    (rate,) = ratelimit.get_rates(app=locks.APP, action=locks.FAILED, config=locks.OF_NAME)
    asking, key = RequestFactory().post("/"), f"{NAME}|0|name"
    kept = ratelimit.get_cache_key(asking, app=locks.APP, action=locks.FAILED, rate=rate, key=key)
    cache.set(kept, [time.time()] * count, rate.duration)


def tries_until_locked(browser: Client, address: str) -> int:
    """How many wrong passwords are judged before the name is locked there."""
    for count in range(30):
        answer = browser.post("/sign-in/", {"login": NAME, "password": "not this one"}, REMOTE_ADDR=address)
        if "Too many" in answer.content.decode():
            return count
    raise AssertionError("never locked")


def test_who_goes_on_is_locked_for_longer(portal: Portal) -> None:
    eve, address = portal.as_("nobody"), "10.6.6.6"
    judged = []
    for passes in (0.3, 0.3, 3, 0.3, 3, 0.3, 24):
        judged.append(tries_until_locked(eve, address))
        hours_pass(address, passes)
    assert judged == [5, 5, 0, 5, 5, 0, 0], "5 in a quarter of an hour, 10 in three hours, 20 in a day"
    assert sign_in(eve, address=address), "a day later"


def test_a_name_is_not_guessed_from_many_addresses_and_the_person_gets_in(portal: Portal) -> None:
    own, eve = portal.as_("nobody"), portal.as_("nobody")
    assert sign_in(own)
    own.get("/my/sessions/")
    own.post("/sign-in/out/")
    tried_elsewhere(90)
    for number in range(10):
        assert not sign_in(eve, "not this one, surely", f"10.7.{number}.1")
    assert not sign_in(eve, address="10.8.0.1"), "a hundred a day, from wherever"
    assert sign_in(own), "a known browser"
    person = portal.people["viewer"]
    portal.as_("administrator").post(f"/people/{person.pk}/", {"what": "unlock"})
    assert sign_in(eve, address="10.8.0.1")


def test_the_right_password_takes_back_what_it_counted(portal: Portal) -> None:
    for number in range(30):
        assert sign_in(portal.as_("nobody"), address="10.9.0.1"), number
