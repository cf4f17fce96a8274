"""Order files at the pages (H8): looked at first, stored once, corrected by the refused rows, taken back."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from carnet.calm.purchases.models import Purchase
from tests.web.conftest import Portal

pytestmark = pytest.mark.rule("H8")

HEAD = "account,product,quantity,from,until,order,line\n"
GOOD = "Northwind,bot-creator,10,2026-10-01,2027-10-01,PO-7,1\n"
BAD = "Contosso,bot-creator,x,2026-10-01,2027-10-01,PO-7,2\n"


def check(portal: Portal, text: str) -> str:
    file = SimpleUploadedFile("order.csv", text.encode())
    answer = portal.as_("operator").post(reverse("purchases-upload-of-all"), {"file": file})
    assert answer.status_code == 200
    return unescape(re.sub(r"\s+", " ", answer.content.decode()))


def send(portal: Portal, page: str, **form: Any) -> Any:
    return portal.as_("operator").post(reverse(page), form)


def test_a_file_is_looked_at_stored_and_taken_back(portal: Portal) -> None:
    before = Purchase.objects.count()
    page = check(portal, HEAD + GOOD)
    assert "Store 1 purchase" in page
    assert Purchase.objects.count() == before
    assert send(portal, "purchases-store-of-all", text=HEAD + GOOD).status_code == 302
    assert Purchase.objects.count() == before + 1
    page = check(portal, HEAD + GOOD)
    assert "All of it is there already" in page
    assert "stands already" in page
    imported = Purchase.objects.get(order="PO-7").imported
    assert reverse("import-take-back", args=[imported]) in page
    assert portal.as_("operator").post(reverse("import-take-back", args=[imported])).status_code == 302
    assert Purchase.objects.count() == before


def test_refused_rows_are_told_given_back_and_left_out_by_choice(portal: Portal) -> None:
    before = Purchase.objects.count()
    page = check(portal, HEAD + GOOD + BAD)
    assert "Refused rows as CSV" in page
    assert "Store the 1 good row" in page
    answer = send(portal, "purchases-refused-of-all", text=HEAD + GOOD + BAD)
    assert answer["Content-Type"].startswith("text/csv")
    assert answer.content.decode().splitlines()[1].startswith("Contosso,bot-creator,x,")
    refused = send(portal, "purchases-store-of-all", text=HEAD + GOOD + BAD)
    assert refused.status_code == 422
    assert "Nothing was stored" in refused.content.decode()
    assert Purchase.objects.count() == before
    done = send(portal, "purchases-store-of-all", text=HEAD + GOOD + BAD, good_rows_only="on")
    assert done.status_code == 302
    assert Purchase.objects.count() == before + 1


@pytest.mark.security
@pytest.mark.parametrize("text", ["", "\x00", "x" * 300_000, "not,an,order\n1,2,3\n"])
@pytest.mark.parametrize("page", ["purchases-store-of-all", "purchases-refused-of-all"])
def test_text_that_is_no_checked_file_stores_nothing(portal: Portal, page: str, text: str) -> None:
    before = Purchase.objects.count()
    answer = send(portal, page, text=text)
    assert answer.status_code == 422
    assert Purchase.objects.count() == before


@pytest.mark.rule("A1")
@pytest.mark.security
def test_nobody_but_operators_stores_or_takes_back(portal: Portal) -> None:
    assert send(portal, "purchases-store-of-all", text=HEAD + GOOD).status_code == 302
    imported = Purchase.objects.get(order="PO-7").imported
    for role in ("approver", "auditor", "administrator", "viewer", "stranger"):
        browser = portal.as_(role)
        assert browser.post(reverse("import-take-back", args=[imported])).status_code == 403
        assert browser.post(reverse("purchases-store-of-all"), {"text": HEAD + GOOD}).status_code == 403
    assert Purchase.objects.filter(order="PO-7").count() == 1
