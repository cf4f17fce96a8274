"""A3: somebody lost a second factor. Whoever has the phone may know the password too, and be signed in."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from carnet.calm.people import api_tokens, staff_acts
from carnet.calm.people.models import Person
from carnet.calm.queries.log_queries import show_log
from tests.calm.conftest import ok
from tests.support.kept_logs import secret
from tests.web.conftest import PASSWORD, Portal
from tests.web.test_staff_acts import APPROVER, OPERATOR, ask, confirm

pytestmark = pytest.mark.security


def lose(portal: Portal, role: str) -> tuple[Person, Client]:
    """Their browser, which whoever found the phone has."""
    person = portal.people[role]
    Authenticator.objects.create(user_id=person.pk, type="recovery_codes", data={"seed": "x"})
    return person, portal.as_(role)


def is_shut_out(person: Person, browser: Client) -> bool:
    row = Person.objects.get(pk=person.pk)
    found = browser.get("/my/sessions/").status_code == 200
    return not (row.has_usable_password() or found or Authenticator.objects.filter(user_id=person.pk).exists())


@pytest.mark.rule("A3", "V1")
def test_the_finder_of_a_phone_is_signed_out_and_the_old_password_opens_nothing(portal: Portal) -> None:
    person, finder = lose(portal, "viewer")
    token = api_tokens.make_token(portal.calm, person=person, label="t", now=portal.now, by=person.email).token
    page = portal.as_("administrator").post(f"/people/{person.pk}/", {"what": "factors"}, follow=True).content.decode()
    assert "chooses a password here, once: " in page
    secret(page.split("/sign-in/choose/")[1].split("/")[0], "a link to choose a password")
    assert is_shut_out(person, finder)
    assert api_tokens.whose(token, portal.now) is None
    with_old = portal.as_("nobody").post("/sign-in/", {"login": person.email, "password": PASSWORD})
    assert with_old.status_code == 200
    newest = show_log(last=1)[0]
    assert (newest.kind, newest.subject) == ("person.second_factors_removed", person.email)


@pytest.mark.rule("A3", "A4")
def test_a_factor_of_the_staff_is_removed_by_two_and_both_halves_open(portal: Portal) -> None:
    person, finder = lose(portal, "auditor")
    asked = ok(ask(portal, staff_acts.FACTORS, person.email))
    assert not is_shut_out(person, finder)
    second = ok(confirm(portal, asked, APPROVER)).half
    assert is_shut_out(person, finder)
    halves = {"name": person.email, "first": asked.half, "second": second}
    answer = portal.as_("nobody").post("/sign-in/code/", halves)
    assert "/sign-in/choose/" in answer["Location"]


@pytest.mark.rule("A3")
def test_the_person_is_told_by_mail_by_whom(portal: Portal, settings: Any) -> None:
    settings.EMAIL_HOST = "mail.example"
    person, _finder = lose(portal, "viewer")
    page = portal.as_("operator").post(f"/people/{person.pk}/", {"what": "factors"}, follow=True).content.decode()
    assert "/sign-in/choose/" not in page
    (told,) = mail.outbox
    secret(told.body.split("/sign-in/choose/")[1].split("/")[0], "a link to choose a password")
    assert (told.to, told.subject) == ([person.email], "CALM: your second factors were removed")
    assert f"{OPERATOR} removed your second factors" in " ".join(str(told.body).split())


@pytest.mark.rule("A1")
def test_nobody_of_another_account_removes_a_factor(portal: Portal) -> None:
    person, browser = lose(portal, "viewer")
    size = len(show_log(last=1000))
    assert portal.as_("stranger").post(f"/people/{person.pk}/", {"what": "factors"}).status_code == 404
    assert not is_shut_out(person, browser)
    assert len(show_log(last=1000)) == size


@pytest.mark.rule("A3")
def test_whoever_removes_their_own_factors_is_signed_out_and_shown_the_answer(portal: Portal) -> None:
    person, browser = lose(portal, "administrator")
    assert browser.post(f"/people/{person.pk}/", {"what": "factors"}).status_code < 400
    assert is_shut_out(person, browser)


@pytest.mark.rule("A3", "A4")
@pytest.mark.parametrize("by_mail", [True, False])
def test_the_staff_is_told_by_mail_by_which_two(portal: Portal, settings: Any, *, by_mail: bool) -> None:
    """With the link in it; or without one, where the code was begun before there was a mail server."""
    settings.EMAIL_HOST = "mail.example"
    person, _finder = lose(portal, "auditor")
    lost = staff_acts.StaffAct(staff_acts.FACTORS, person.email, "left it in a train")
    asked = ok(staff_acts.propose(portal.calm, lost, by_mail=by_mail, now=portal.now, by=OPERATOR))
    assert mail.outbox == [], "nothing was done yet"
    where = f"/confirmations/{asked.proposed.proposal}/"
    page = portal.as_("approver").post(where, {"decision": "confirm"}, follow=True)
    assert page.status_code == 200
    told = [each for each in mail.outbox if each.to == [person.email]]
    assert ("/sign-in/choose/" in told[0].body) == by_mail
    assert [each.subject for each in told] == ["CALM: your second factors were removed"]
    assert f"{OPERATOR} and {APPROVER} removed your second factors" in " ".join(str(told[0].body).split())
