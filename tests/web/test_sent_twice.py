"""N4 at the portal: every form of every page, sent twice, as a double click and a reload do."""

from collections import Counter
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse

from carnet.calm.people.models import ApiToken, SentForm
from carnet.calm.use_cases.models import Token
from carnet.web_kit.sent_once import NOT_AGAIN
from tests.calm.conftest import dump
from tests.support.page_forms import PageForm, post_forms
from tests.web.conftest import Portal
from tests.web.test_access import arguments, pages

ROLES = ("operator", "approver", "administrator")
VALUES = {
    "email": "eve@example.com",
    "label": "South",
    "valid_from": "2026-11-01",
    "valid_until": "2027-11-01",
    "until": "2027-11-01",
    "quantity": "5",
    "industry": "energy",
    "version": "40",
    "reason": "it must be",
}
ORDER = b"sku,quantity,valid_from,valid_until,kind\nbot-creator,2,2026-11-01,2027-11-01,purchased\n"
OF_THE_SIGN_IN = {"django_session", "web_cache", "usersessions_usersession", "people_sentform", "mfa_authenticator"}


def kept() -> dict[str, list[Any]]:
    """All rows but those of the session and of the forms themselves."""
    return {table: rows for table, rows in dump().items() if table not in OF_THE_SIGN_IN}


def sendings(form: PageForm) -> list[dict[str, Any]]:
    """What the form sends, by each of its buttons."""
    filled: dict[str, Any] = form.filled(VALUES)
    filled |= {name: SimpleUploadedFile("a.csv", ORDER) for name in form.files}
    return [filled | ({name: value} if name else {}) for name, value in form.buttons or [("", "")]]


def send(client: Client, path: str, fields: dict[str, Any]) -> Any:
    for value in fields.values():
        if isinstance(value, SimpleUploadedFile):
            value.seek(0)
    return client.post(path, fields)


@pytest.mark.slow
@pytest.mark.rule("N4")
@pytest.mark.parametrize("role", ROLES)
def test_every_form_that_is_sent_twice_acts_once(portal: Portal, role: str) -> None:
    """Each is sent on its own; then all is as it was."""
    things, acted, wrong = portal.furnish(), Counter[str](), []
    for name, pattern in pages():
        if name.startswith("account_logout"):
            continue
        url = reverse(name, kwargs=arguments(pattern, things, name) or None)
        shown = portal.as_(role).get(url)
        if shown.status_code != 200 or not shown.get("Content-Type", "").startswith("text/html"):
            continue
        for form in post_forms(shown.content.decode()):
            to = form.action or url
            for fields in sendings(form):
                if to == reverse("account_logout"):
                    continue
                outcome = _twice(portal, role, to, fields)
                acted[outcome] += 1
                wrong += [(name, to)] if outcome == "twice" else []
    assert not wrong
    assert acted["once"] >= 5, acted


def _twice(portal: Portal, role: str, to: str, fields: dict[str, Any]) -> str:
    with transaction.atomic():
        client = portal.as_(role)
        before = kept()
        send(client, to, fields)
        first = kept()
        send(client, to, fields)
        second = kept()
        transaction.set_rollback(True)
    return "never" if before == first == second else "once" if first == second else "twice"


def _form(client: Client, url: str) -> dict[str, Any]:
    (form,) = [form for form in post_forms(client.get(url).content.decode()) if form.action in ("", url)]
    return form.filled(VALUES)


@pytest.mark.rule("N4")
def test_a_double_click_makes_one_api_token(portal: Portal) -> None:
    client, url = portal.as_("operator"), reverse("api-tokens")
    fields = _form(client, url)
    assert client.post(url, fields).status_code == 200
    again = client.post(url, fields)
    assert (again.status_code, NOT_AGAIN in again.content.decode()) == (409, True)
    assert ApiToken.objects.count() == 1


@pytest.mark.rule("N4")
def test_who_comes_back_is_led_to_what_was_done(portal: Portal) -> None:
    client, url = portal.as_("operator"), reverse("account-add")
    fields = _form(client, url)
    first = client.post(url, fields)
    again = client.post(url, fields)
    assert (first.status_code, again.status_code) == (302, 302)
    assert again["Location"] == first["Location"]
    assert "It was not carried out a second time." in client.get(again["Location"]).content.decode()


@pytest.mark.rule("N4")
def test_a_download_that_is_sent_again_makes_no_second_token(portal: Portal) -> None:
    client, url = portal.as_("administrator"), reverse("token", args=[portal.northwind.id])
    fields, had = _form(client, url), Token.objects.count()
    assert client.post(url, fields).headers["Content-Disposition"].startswith("attachment")
    assert client.post(url, fields).status_code == 409
    assert Token.objects.count() == had + 1
    assert client.post(url, _form(client, url)).status_code == 200  # the page was loaded anew: another act
    assert Token.objects.count() == had + 2


@pytest.mark.rule("N4")
def test_other_words_in_the_same_form_are_another_act_and_a_refusal_can_be_sent_again(portal: Portal) -> None:
    client, url = portal.as_("operator"), reverse("account-add")
    fields = _form(client, url)
    for _ in range(2):
        assert client.post(url, fields | {"name": "Northwind"}).status_code in (200, 422)
    assert not SentForm.objects.exists()
    assert client.post(url, fields | {"name": "Fabrikam"}).status_code == 302
    assert client.post(url, fields | {"name": "Adatum"}).status_code == 302


@pytest.mark.rule("N4")
def test_what_is_kept_of_a_form_goes_after_a_day_and_tells_nothing(portal: Portal) -> None:
    client, url = portal.as_("operator"), reverse("account-add")
    fields = _form(client, url)
    client.post(url, fields | {"name": "Fabrikam"})
    (row,) = SentForm.objects.all()
    assert fields["csrfmiddlewaretoken"][0] not in repr(vars(row))
    portal.later(days=1, seconds=1)
    client = portal.as_("operator")
    client.post(url, _form(client, url) | {"name": "Adatum"})
    assert [one.digest for one in SentForm.objects.all()] != [row.digest]
    assert SentForm.objects.count() == 1
