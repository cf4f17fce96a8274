"""E16: what a site is handed beside the token, and how its administrator knows that it is the vendor's; examples for
download name the vendor's own products."""

import csv
import html
import io
import re
from typing import Any

import pytest

from carnet.calm.purchases.models import Product, Purchase
from carnet.calm.use_cases import orders
from carnet.exchange.key_set import Trust, read_trust, roots_words
from tests.web.conftest import Portal


def text_of(answer: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.content.decode())).split())


@pytest.mark.rule("E16")
def test_the_trust_file_lies_beside_the_token_with_what_to_compare(portal: Portal) -> None:
    browser, account = portal.as_("administrator"), portal.northwind.id
    raw = browser.get(f"/accounts/{account}/trust/")
    assert raw["Content-Disposition"].endswith('filename="trust.json"')
    trust = read_trust(raw.content)
    assert isinstance(trust, Trust)
    shown = text_of(browser.get(f"/accounts/{account}/token/"))
    assert "Download trust.json" in shown
    keys = text_of(portal.as_("operator").get("/keys/"))
    for line in roots_words(trust.roots):
        assert re.fullmatch(r"\d  ([\w-]{4} ){10}[\w-]{3}", line)
        assert " ".join(line.split()) in shown
        assert " ".join(line.split()) in keys


@pytest.mark.rule("A1")
def test_another_customer_gets_no_trust_file_of_this_account(portal: Portal) -> None:
    assert portal.as_("stranger").get(f"/accounts/{portal.northwind.id}/trust/").status_code == 404


def test_the_orders_example_names_the_vendors_own_products(portal: Portal) -> None:
    Purchase.objects.all().delete()
    Product.objects.all().delete()
    path = "/purchases/template/"
    assert len(portal.as_("operator").get(path).content.decode().split()) == 1, "the columns alone"
    assert "The catalogue is empty" in text_of(portal.as_("operator").get("/catalogue/"))
    Product.objects.create(sku="inspection-pages", name="Inspection Pages", metric="consumable", unit="page")
    Product.objects.create(sku="turbine-monitor", name="Turbine Monitor", metric="named_user", unit="user")
    text = portal.as_("operator").get(path).content.decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["product"]: row["period"] for row in rows} == {"inspection-pages": "month", "turbine-monitor": ""}
    read = orders.read_order(text.encode())
    assert isinstance(read, orders.OrderRead)
    assert (len(read.rows), read.errors) == (2, ())


def test_an_empty_catalogue_can_be_loaded_at_the_page_and_changes_nothing(portal: Portal) -> None:
    before = sorted(Product.objects.values_list("sku", flat=True))
    answer = portal.as_("operator").post("/catalogue/", {"file": io.BytesIO(b"")})
    assert "0 new, 0 changed" in text_of(answer)
    assert sorted(Product.objects.values_list("sku", flat=True)) == before
