"""N5: two people have the same page open. Who comes second is told who came first, and what of theirs was not done."""

import re
from typing import Any

import pytest
from django.test import Client

from carnet.calm.customers.models import Account
from carnet.calm.issuing_log import log
from carnet.calm.people import staff
from carnet.calm.people.models import Person
from carnet.calm.purchases.models import Purchase
from carnet.calm.use_cases import account_acts
from tests.web.conftest import Portal

pytestmark = pytest.mark.rule("N5")


def _seen(browser: Client, page: str) -> str:
    found = re.findall(r'name="seen" value="(\d+)"', browser.get(page).content.decode())
    assert len(set(found)) == 1, page
    return str(found[0])


def test_a_second_role_change_is_told_of_the_first(portal: Portal) -> None:
    viewer, operator = portal.people["viewer"], portal.as_("operator")
    seen = _seen(operator, f"/accounts/{portal.northwind.id}/people/")
    staff.set_active(portal.calm, email=viewer.email, active=False, now=portal.now, by="olga@example.com")
    before = log.size()
    answer = operator.post(f"/people/{viewer.pk}/", {"what": "administrator", "seen": seen})
    said = answer.content.decode()
    assert answer.status_code == 422
    assert "olga@example.com deactivated this person at" in said
    assert "What you asked for was not done." in said
    assert (Person.objects.get(pk=viewer.pk).role, log.size()) == ("viewer", before)


def test_ones_own_other_window_is_told_as_you(portal: Portal) -> None:
    viewer, operator = portal.people["viewer"], portal.as_("operator")
    seen = _seen(operator, f"/accounts/{portal.northwind.id}/people/")
    operator.post(f"/people/{viewer.pk}/", {"what": "administrator", "seen": seen})
    answer = operator.post(f"/people/{viewer.pk}/", {"what": "deactivate", "seen": seen})
    assert "You gave this person another role at" in answer.content.decode()
    assert Person.objects.get(pk=viewer.pk).is_active


def test_a_page_that_was_loaded_again_is_not_stale(portal: Portal) -> None:
    viewer, operator = portal.people["viewer"], portal.as_("operator")
    staff.set_active(portal.calm, email=viewer.email, active=False, now=portal.now, by="olga@example.com")
    seen = _seen(operator, f"/accounts/{portal.northwind.id}/people/")
    assert operator.post(f"/people/{viewer.pk}/", {"what": "activate", "seen": seen}).status_code == 302
    assert Person.objects.get(pk=viewer.pk).is_active


def test_what_somebody_did_to_another_person_stops_nothing(portal: Portal) -> None:
    viewer, operator = portal.people["viewer"], portal.as_("operator")
    seen = _seen(operator, f"/accounts/{portal.northwind.id}/people/")
    other = portal.people["administrator"]
    staff.give_link(portal.calm, email=other.email, now=portal.now, by="olga@example.com")
    assert operator.post(f"/people/{viewer.pk}/", {"what": "deactivate", "seen": seen}).status_code == 302


def test_an_account_that_was_renamed_meanwhile_keeps_that_name_until_it_was_seen(portal: Portal) -> None:
    operator, account = portal.as_("operator"), portal.northwind.id
    page = f"/accounts/{account}/rename/"
    seen = _seen(operator, page)
    account_acts.rename_account(portal.calm, account=account, name="Northwind Air", now=portal.now, by="olga")
    answer = operator.post(page, {"name": "Northwind Sea", "seen": seen})
    assert "olga renamed this account at" in answer.content.decode()
    assert Account.objects.get(id=account).name == "Northwind Air"
    newest = re.findall(r'name="seen" value="(\d+)"', answer.content.decode())[-1]
    assert operator.post(page, {"name": "Northwind Sea", "seen": newest}).status_code == 302
    assert Account.objects.get(id=account).name == "Northwind Sea"


def _order(**other: Any) -> dict[str, Any]:
    return {
        "sku": "bot-creator",
        "quantity": 5,
        "kind": "purchased",
        "valid_from": "2026-03-01",
        "valid_until": "2027-03-01",
    } | other


def test_the_same_purchase_entered_by_two_people_is_told_before_it_counts_twice(portal: Portal) -> None:
    page = f"/accounts/{portal.northwind.id}/purchases/add/"
    first, second = portal.as_("operator"), portal.as_("operator")
    seen = _seen(second, page)
    count = Purchase.objects.count()
    assert first.post(page, _order(seen=_seen(first, page))).status_code == 302
    answer = second.post(page, _order(seen=seen))
    assert "added a purchase of the same product to this account at" in answer.content.decode()
    assert 'value="5"' in answer.content.decode()  # what was typed is there still
    assert Purchase.objects.count() == count + 1


def test_another_product_entered_meanwhile_stops_no_purchase(portal: Portal) -> None:
    page = f"/accounts/{portal.northwind.id}/purchases/add/"
    operator = portal.as_("operator")
    seen = _seen(operator, page)
    assert operator.post(page, _order(sku="attended-bot-runner", quantity=1, seen=seen)).status_code == 302
    assert operator.post(page, _order(seen=seen)).status_code == 302


@pytest.mark.parametrize("seen", ["", "-1", "9" * 400, "٣", "x"])
def test_a_page_that_does_not_say_what_it_showed_is_as_before(portal: Portal, seen: str) -> None:
    viewer = portal.people["viewer"]
    answer = portal.as_("operator").post(f"/people/{viewer.pk}/", {"what": "administrator", "seen": seen})
    assert (answer.status_code, Person.objects.get(pk=viewer.pk).role) == (302, "administrator")
