"""Vendor staff of many customers always see whose page it is, and find a customer by whatever they have of it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.urls import reverse

from carnet.calm.control_rooms.models import AcceptedLfr, LicenseFile
from carnet.calm.customers.models import Account
from carnet.calm.queries.room import file_name
from tests.web.conftest import Portal
from tests.web.test_access import arguments, pages, read_table, tried

PAPER = ("certificate",)  # printed, with the account's name in it, and without any way to go
OF_ONE = ("account", "guid", "room", "purchase", "number", "approval")  # what names one customer in an address


def _of_one_customer(portal: Portal, role: str) -> dict[str, str]:
    """Each page of one customer that opens for the role, by its name."""
    things, rows = portal.furnish(), read_table()
    shown = {}
    for name, pattern in pages():
        if name in PAPER or not set(arguments(pattern, things, name)) & set(OF_ONE) or rows[name, "GET"] == "-":
            continue
        answer = tried(portal.as_(role), "get", reverse(name, kwargs=arguments(pattern, things, name)))
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            shown[name] = unescape(answer.content.decode())
    return shown


@pytest.mark.slow
@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_every_page_of_a_customer_names_it_and_leads_to_its_others(portal: Portal, role: str) -> None:
    shown = _of_one_customer(portal, role)
    assert len(shown) > (20 if role == "operator" else 10), sorted(shown)
    for name, page in shown.items():
        whose = re.search(r'<div class="whose">(.*?)</div>', page, re.DOTALL)
        assert whose, name
        assert "Northwind" in whose[1].partition("<nav")[0], name
        assert whose[1].count('aria-current="page"') == 1, (name, whose[1])
        assert ("Merge" in whose[1]) == (role == "operator")


def test_a_customer_sees_their_own_pages_as_before(portal: Portal) -> None:
    page = portal.as_("administrator").get(reverse("customer", args=[portal.northwind.id])).content.decode()
    assert 'class="whose"' not in page
    assert 'role="search"' not in page


def test_whatever_one_has_of_a_customer_leads_to_its_page(portal: Portal) -> None:
    things = portal.furnish()
    file = LicenseFile.objects.select_related("room").get(id=things["file"])
    lfr = AcceptedLfr.objects.get(id=things["lfr"])
    room = reverse("room", args=[portal.guid])
    carried = file_name(file.room.name, file.sequence, "olf")
    asked: dict[str, Any] = {
        "NORTHWIND": reverse("customer", args=[portal.northwind.id]),
        portal.guid: room,
        portal.guid[:10]: room,
        file.room.name[1:]: room,
        carried: room,
        carried.upper(): room,
        file.digest[:12]: room,
        lfr.digest: room,
        portal.people["viewer"].email: reverse("customer-people", args=[portal.northwind.id]),
        portal.people["approver"].email: reverse("staff-person", args=[portal.people["approver"].pk]),
    }
    browser = portal.as_("auditor")
    for text, page in asked.items():
        found = browser.get(reverse("search"), {"q": f" {text} "}).content.decode()
        assert f'href="{page}"' in found, text
        assert f'value="{text}"' in unescape(found), "what was typed stays"


@pytest.mark.security
@pytest.mark.parametrize(
    "text", ["", "   ", "%", "no such thing", "x" * 5000, "-0001.olf", "a-999999999999.olf", "<b>'\""]
)
def test_a_search_that_finds_nothing_says_so_and_lists_nothing(portal: Portal, text: str) -> None:
    answer = portal.as_("operator").get(reverse("search"), {"q": text})
    assert answer.status_code == 200
    shown = unescape(answer.content.decode())
    assert "<table" not in shown
    assert ("Nothing fits" in shown) is bool(text.strip())
    assert "<b>" not in answer.content.decode()


def test_names_alike_are_bounded_and_the_page_says_how_to_go_on(portal: Portal) -> None:
    Account.objects.bulk_create(
        Account(id=f"a{n}", name=f"Harbour {n:03}", created_at=portal.now, folded=f"harbour {n:03}") for n in range(30)
    )
    shown = portal.as_("operator").get(reverse("search"), {"q": "harbour"}).content.decode()
    assert shown.count("Harbour 0") == 20
    assert "The first 20 are shown" in shown
