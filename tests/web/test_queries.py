"""The number of queries of a page does not grow with what there is."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from carnet.calm.use_cases import accounts
from tests.web.conftest import Portal

VENDOR = ("inbox", "accounts", "rooms", "purchases", "expiring", "confirmations", "issuing-log", "audit-log", "staff")
CUSTOMER = (
    "customer",
    "customer-rooms",
    "customer-purchases",
    "customer-files",
    "customer-timeline",
    "customer-people",
)


def counts(portal: Portal) -> dict[str, int]:
    browser, found = portal.as_("operator"), {}
    headers = {"Authorization": f"Bearer {portal.token_of('operator')}"}
    browser.get(reverse("home"))
    urls = {name: reverse(name) for name in VENDOR}
    urls |= {name: reverse(name, args=[portal.northwind.id]) for name in CUSTOMER}
    urls |= {f"api:{name}": reverse(f"api:{name}") for name in ("list_accounts", "list_rooms", "audit_log")}
    urls |= {name: reverse(name, args=[portal.guid]) for name in ("room", "room-timeline", "room-usage")}
    for name, url in urls.items():
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(url, headers=headers).status_code == 200
        found[name] = len(queries)
    return found


def grow(portal: Portal, number: int) -> None:
    label = f"site {number}"
    portal.license(portal.site(label), label, products={"bot-creator": 1})
    portal.license(portal.north, products={"bot-creator": 1})
    portal.upload(b"junk")
    other = portal.add_account(f"Customer {number}", approved=False)
    asked = {"industry": "energy", "reason": "closed", "version": "40"}
    accounts.request_approval(portal.calm, account=other, **asked, **portal.act)


@pytest.mark.rule("A1")
def test_a_page_asks_as_often_whatever_there_is(portal: Portal) -> None:
    portal.buy("bot-creator", 100)
    grow(portal, 0)
    grow(portal, 1)
    few = counts(portal)
    for number in range(2, 8):
        grow(portal, number)
    assert counts(portal) == few
    assert max(few.values()) < 60
