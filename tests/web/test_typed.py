"""A5: the session ends while somebody types. They were at lunch."""

import re
from pathlib import Path

import pytest
from django.test import Client

import carnet
from carnet.calm.people.models import Person
from carnet.web_kit.sign_in import typed
from tests.web.conftest import PASSWORD, Portal

pytestmark = pytest.mark.rule("A5")
FIELDS = {"email": "new@example.com", "name": "Nina <b>New</b>", "role": "viewer"}


def at_lunch(portal: Portal, role: str = "administrator") -> Client:
    browser = portal.as_(role)
    assert browser.get("/my/sessions/").status_code == 200
    portal.later(minutes=61)
    return browser


def sign_in(browser: Client, where: str, email: str = "administrator@example.com") -> str:
    answer = browser.post(where, {"login": email, "password": PASSWORD})
    assert answer.status_code == 302
    return str(answer["Location"])


def test_a_form_comes_back_filled_and_nothing_was_done(portal: Portal) -> None:
    path = f"/accounts/{portal.northwind.id}/people/"
    browser, before = at_lunch(portal), Person.objects.count()
    answer = browser.post(path, FIELDS)
    assert answer.status_code == 302
    shown = browser.get(sign_in(browser, answer["Location"]))
    page = shown.content.decode()
    assert (shown.status_code, f'action="{path}"' in page) == (200, True)
    assert "Nina &lt;b&gt;New&lt;/b&gt;" in page
    assert Person.objects.count() == before
    assert browser.post(path, FIELDS).status_code == 200
    assert Person.objects.count() == before + 1


def test_an_address_that_only_takes_forms_is_never_opened_after_a_sign_in(portal: Portal) -> None:
    viewer = portal.people["viewer"]
    for fields in ({"what": "link"}, {}):
        browser = at_lunch(portal)
        answer = browser.post(f"/people/{viewer.pk}/", fields)
        assert browser.get(sign_in(browser, answer["Location"]), follow=True).status_code == 200


@pytest.mark.security
def test_what_one_person_typed_is_not_shown_to_who_signs_in_next(portal: Portal) -> None:
    browser = at_lunch(portal)
    answer = browser.post(f"/accounts/{portal.northwind.id}/people/", FIELDS)
    page = browser.get(sign_in(browser, answer["Location"], "stranger@example.com"), follow=True).content.decode()
    assert "Nina" not in page


@pytest.mark.security
def test_a_password_is_not_kept(portal: Portal) -> None:
    browser = at_lunch(portal)
    browser.post("/my/password/", {"oldpassword": PASSWORD, "password1": "x" * 20, "password2": "x" * 20})
    assert "typed" not in browser.session


def test_a_part_of_a_page_is_no_sign_in_page_inside_another(portal: Portal) -> None:
    browser = at_lunch(portal)
    answer = browser.get("/my/sessions/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.content) == (401, b"Sign in again.")


def test_what_is_shown_is_what_was_typed_in_words(portal: Portal) -> None:
    path = f"/accounts/{portal.northwind.id}/people/"
    browser = at_lunch(portal)
    answer = browser.post(path, FIELDS | {"seen": "12", "phone_number": "555"})
    page = browser.get(sign_in(browser, answer["Location"])).content.decode()
    assert 'name="seen" value="12"' in page, "it goes along"
    assert "<dt>Seen</dt>" not in page
    assert "<dt>Phone number</dt>" in page


def test_what_a_page_puts_into_its_forms_is_known() -> None:
    """Names of hidden fields in all templates: marks, or what a person chose on the page before."""
    chosen = {"days", "holder", "name", "product", "role", "user"}
    templates = [path.read_text() for path in Path(carnet.__file__).parent.rglob("*.html")]
    hidden = {name for text in templates for name in re.findall(r'type="hidden"\s+name="([a-z_]+)"', text)}
    assert hidden - chosen <= typed.UNSEEN, "say which of the two it is"
    assert "seen" in hidden
