"""Q1: the pages and REST take `perpetual`, refuse what is later, and say each end in the same words."""

import html
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from carnet.calm.purchases.models import Purchase
from carnet.times import PERPETUAL
from tests.calm.conftest import DAY, END
from tests.web.conftest import Portal

USERS = "bot-creator"
TYPED = {"sku": USERS, "quantity": "7", "valid_from": "2026-01-01", "kind": "purchased", "period": ""}


def text_of(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


@pytest.mark.rule("Q1")
def test_a_purchase_is_added_as_perpetual_and_no_later(portal: Portal) -> None:
    browser, page = portal.as_("operator"), f"/accounts/{portal.northwind.id}/purchases/add/"
    assert "Ends at the start of this day (UTC). Or “perpetual”." in text_of(browser.get(page))
    before = Purchase.objects.count()
    refused = browser.post(page, TYPED | {"valid_until": "9999-12-31"})
    assert (refused.status_code, Purchase.objects.count()) == (422, before)
    assert "The latest end that fits is 2999-12-31: write “perpetual”." in text_of(refused)
    answer = browser.post(page, TYPED | {"valid_until": "Perpetual"}, follow=True)
    assert "The purchase is added, perpetual." in text_of(answer)
    bought = Purchase.objects.get(quantity=7)
    assert bought.valid_until == PERPETUAL
    assert "perpetual" in text_of(browser.get("/purchases/"))
    lowered = {"until": "2027-11-30", "quantity": "", "reason": "a mistake"}
    answer = browser.post(f"/purchases/{bought.id}/lower/", lowered, follow=True)
    assert "until the end of 2027-11-29 (UTC)" in text_of(answer)
    assert "end of 2027-11-29 (UTC)" in text_of(browser.get("/purchases/"))


@pytest.mark.rule("Q1")
def test_rest_takes_the_word_and_has_it_beside_the_date(portal: Portal) -> None:
    browser = portal.as_("nobody")
    headers = {"Authorization": f"Bearer {portal.token_of('operator')}"}
    body = {"sku": USERS, "quantity": 3, "valid_from": "2026-01-01T00:00:00Z"}
    path = f"/api/v1/accounts/{portal.northwind.id}/purchases"
    before = Purchase.objects.count()
    for late in ("9999-12-31T00:00:00Z", "9999-12-31T23:59:59-12:00", "2999-12-31T00:00:01Z"):
        refused = browser.post(path, body | {"valid_until": late}, content_type="application/json", headers=headers)
        assert (refused.status_code, Purchase.objects.count()) == (400, before)
        assert "2999-12-31" in refused.content.decode()
    answer = browser.post(path, body | {"valid_until": "perpetual"}, content_type="application/json", headers=headers)
    assert answer.status_code == 201
    assert datetime.fromisoformat(answer.json()["valid_until"]) == datetime(2999, 12, 31, tzinfo=UTC)
    assert answer.json()["perpetual"] is True
    listed = browser.get(path, headers=headers).json()["purchases"]
    assert {one["perpetual"] for one in listed} == {True, False}


@pytest.mark.rule("Q1", "E9")
def test_the_entitlement_form_takes_the_word_and_says_what_is_covered(portal: Portal) -> None:
    bought = portal.buy(USERS, 9, valid_until=PERPETUAL)
    Purchase.objects.exclude(id=bought).delete()
    lfr = portal.accept(portal.north.request(portal.now))
    browser, room = portal.as_("administrator"), f"/guids/{portal.guid}/"
    opened = browser.get(room)
    assert 'value="perpetual"' in opened.content.decode()
    late = browser.post(f"{room}preview/", {f"p-{USERS}": "9", "until": "9999-12-31"})
    assert "The latest end that fits is 2999-12-31" in text_of(late)
    page = browser.post(f"{room}preview/", {f"p-{USERS}": "9", "until": "perpetual"})
    assert "Valid until all products — perpetual" in text_of(page)
    headers = {"Authorization": f"Bearer {portal.token_of('administrator')}"}
    body = {"lfr": lfr.lfr, "products": {USERS: 9}, "until": "perpetual"}
    path = f"/api/v1/guids/{portal.guid}/license-files"
    issued = portal.as_("nobody").post(path, body, content_type="application/json", headers=headers)
    assert issued.status_code == 201, issued.content
    assert [line["perpetual"] for line in issued.json()["lines"]] == [True]
    assert issued.json()["changes"] == ["Bot Creator: 0 → 9 (+9); perpetual"]
    assert "perpetual" in text_of(browser.get(room))


@pytest.mark.rule("Q1")
def test_no_page_says_an_end_as_its_bare_first_day_too_late(portal: Portal) -> None:
    things = portal.furnish()
    account, guid, purchase, file = (things[word] for word in ("account", "guid", "purchase", "file"))
    operator, seen = portal.as_("operator"), 0
    for path in (
        f"/accounts/{account}/",
        f"/accounts/{account}/purchases/",
        f"/accounts/{account}/guids/",
        f"/accounts/{account}/notices/",
        f"/guids/{guid}/",
        f"/files/{file}/certificate/",
        f"/purchases/{purchase}/lower/",
        "/purchases/",
        "/control-rooms/",
        "/expiring/",
        "/approvals/",
    ):
        answer = operator.get(path, follow=True)
        text = text_of(answer)
        assert f"{END:%Y-%m-%d}" not in text.replace(f"Latest possible: {END:%Y-%m-%d}", ""), path
        seen += f"{END - DAY:%Y-%m-%d} (UTC)" in text
    assert seen >= 4
