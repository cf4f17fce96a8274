"""A5: one-time passwords on machines without NTP. Somebody's phone is right, and the server's clock drifts."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from carnet.times import second
from carnet.web_kit.sign_in.one_time import STEP
from tests.browser.walking import one_time_password
from tests.support.kept_logs import secret
from tests.web.conftest import PASSWORD, Portal

SET_UP, SECOND = "/my/one-time-password/", "/sign-in/second-factor/"
pytestmark = pytest.mark.rule("A5")


def step_of(portal: Portal) -> int:
    return int(portal.now.timestamp()) // STEP


def shown_secret(page: str) -> str:
    (found,) = re.findall(r'value="([A-Z2-7]{32})"', page)
    return secret(str(found), "a secret of one-time passwords")


def setting_up(portal: Portal, role: str) -> Client:
    browser = portal.as_(role)
    assert browser.post("/sign-in/again/", {"password": PASSWORD}).status_code == 302
    return browser


def set_up(portal: Portal, steps: int = 0) -> str:
    """An app of the viewer's, with a code of the step that is so many away."""
    browser = setting_up(portal, "viewer")
    found = shown_secret(browser.get(SET_UP).content.decode())
    answer = browser.post(SET_UP, {"code": one_time_password(found, step_of(portal) + steps)})
    assert answer.status_code == 302
    return found


def half_in(portal: Portal) -> Client:
    browser = portal.as_("nobody")
    answer = browser.post("/sign-in/", {"login": "viewer@example.com", "password": PASSWORD})
    assert answer["Location"].startswith(SECOND)
    return browser


def give(browser: Client, code: str) -> bool:
    return browser.post(SECOND, {"code": code}).status_code == 302


@pytest.mark.parametrize(("steps", "is_in"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_that_is_off_by_one_step_lets_people_in_and_by_two_does_not(
    portal: Portal, steps: int, is_in: bool
) -> None:
    found = set_up(portal)
    portal.later(minutes=5)
    assert give(half_in(portal), one_time_password(found, step_of(portal) + steps)) is is_in


@pytest.mark.security
@pytest.mark.parametrize("later", [0, 30, 59])
def test_a_code_that_was_read_over_a_shoulder_opens_nothing_in_the_whole_time_that_it_is_right(
    portal: Portal, later: int
) -> None:
    found = set_up(portal)
    portal.later(minutes=5)
    code = one_time_password(found, step_of(portal) + 1)
    assert give(half_in(portal), code)
    portal.later(seconds=later)
    assert not give(half_in(portal), code)


@pytest.mark.security
def test_the_code_that_an_app_was_set_up_with_opens_nothing(portal: Portal) -> None:
    found = set_up(portal, 1)
    for step in (-1, 0, 1):
        assert not give(half_in(portal), one_time_password(found, step_of(portal) + step))
    portal.later(seconds=STEP)
    assert give(half_in(portal), one_time_password(found, step_of(portal) + 1))


def test_a_refused_code_and_the_pages_name_the_clock_of_the_server(portal: Portal) -> None:
    found = set_up(portal)
    portal.later(minutes=5)
    browser = half_in(portal)
    for answer in (
        browser.get(SECOND),
        browser.post(SECOND, {"code": one_time_password(found, step_of(portal) + 20)}),
        portal.as_("viewer").get("/my/second-factor/"),
        setting_up(portal, "administrator").get(SET_UP),
    ):
        assert second(portal.now) in answer.content.decode()


def test_looking_at_other_pages_while_an_app_is_set_up_changes_no_secret(portal: Portal) -> None:
    browser = setting_up(portal, "viewer")
    first = shown_secret(browser.get(SET_UP).content.decode())
    assert browser.get("/my/second-factor/").status_code == 200
    assert shown_secret(browser.get(SET_UP).content.decode()) == first
    assert browser.post(SET_UP, {"code": "12"}).status_code == 200
    assert not Authenticator.objects.exists()
    assert browser.post(SET_UP, {"code": one_time_password(first, step_of(portal))}).status_code == 302
    assert Authenticator.objects.filter(type="totp").exists()
