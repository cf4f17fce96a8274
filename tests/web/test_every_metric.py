"""Every kind of product at every door and page of CALM: loaded, bought, granted, used, and lowered below its use."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from carnet.calm.control_rooms.models import ControlRoom, LicenseFile
from carnet.calm.purchases.models import Purchase
from carnet.calm.use_cases.losses import consequences
from carnet.entitlements import Metric
from tests.calm.conftest import DAY, END, START
from tests.support.each_metric import catalogue, name_of, read, sku_of
from tests.support.site_simulator import Site
from tests.web.conftest import Portal

SPAN = {"valid_from": f"{START:%Y-%m-%d}", "valid_until": f"{END:%Y-%m-%d}"}


@pytest.fixture
def sold(portal: Portal, tmp_path: Any) -> Portal:
    """The catalogue with a product of each metric is loaded at its page."""
    file = tmp_path / "catalogue.toml"
    file.write_bytes(catalogue())
    with file.open("rb") as raw:
        answer = portal.as_("operator").post(reverse("catalogue"), {"file": raw})
    shown = read(answer.content.decode())
    for metric in Metric:
        assert f"{name_of(metric)} {sku_of(metric)} {metric.kind.title} unit" in shown
    return portal


def page(browser: Client, name: str, **where: Any) -> str:
    answer = browser.get(reverse(name, kwargs=where))
    assert answer.status_code == 200, answer.content
    return read(answer.content.decode())


@pytest.mark.rule("Q2")
@pytest.mark.parametrize("metric", Metric)
def test_it_is_bought_in_each_way(sold: Portal, metric: Metric) -> None:
    browser, account, kind = sold.as_("operator"), sold.northwind.id, metric.kind
    sku, period = sku_of(metric), "month" if kind.is_periodic else ""
    form = {"sku": sku, "quantity": "40", **SPAN, "kind": "purchased", "period": "month"}
    answer = browser.post(reverse("purchase-add", kwargs={"account": account}), form)
    assert answer.status_code == (302 if kind.is_periodic else 422), "Q2: only some are counted by period"
    browser.post(reverse("purchase-add", kwargs={"account": account}), form | {"period": period})
    headers = {"Authorization": f"Bearer {sold.token_of('operator')}"}
    body = {"sku": sku, "quantity": 30, "valid_from": START.isoformat(), "valid_until": END.isoformat()}
    url = f"/api/v1/accounts/{account}/purchases"
    added = sold.as_("nobody").post(url, body, content_type="application/json", headers=headers)
    assert (added.status_code, added.json()["metric"]) == (201, metric.value)
    listed = sold.as_("nobody").get(url, headers=headers).json()
    assert {row["metric"] for row in listed["purchases"] if row["sku"] == sku} == {metric.value}
    order = f"product,quantity,from,until,period\n{sku},20,{SPAN['valid_from']},{SPAN['valid_until']},{period}\n"
    _uploaded(sold, order)
    assert sorted(Purchase.objects.filter(product=sku).values_list("quantity", flat=True))[:2] == [20, 30]
    for name, where in (("customer-purchases", {"account": account}), ("purchases", {}), ("expiring", {})):
        assert name_of(metric) in page(browser, name, **where) or name == "expiring"
    assert kind.units("unit") in page(browser, "purchases")
    assert kind.title in page(browser, "customer", account=account)


def _uploaded(portal: Portal, order: str) -> None:
    browser, of = portal.as_("operator"), {"account": portal.northwind.id}
    checked = browser.post(
        reverse("purchases-upload", kwargs=of), {"file": SimpleUploadedFile("order.csv", order.encode())}
    )
    assert "Store 1 purchase" in read(checked.content.decode())
    assert browser.post(reverse("purchases-store", kwargs=of), {"text": order}).status_code == 302


@pytest.fixture
def site(sold: Portal) -> Site:
    """Licensed for 40 of each at its pages, and some are used."""
    for metric in Metric:
        sold.buy(sku_of(metric), 50)
    sold.accept(sold.north.request(sold.now))
    shown = page(sold.as_("administrator"), "room", guid=sold.guid)
    for metric in Metric:
        assert metric.kind.title in shown
        assert f"{name_of(metric)} {metric.kind.units('unit')} 50" in shown
    form = {f"p-{sku_of(metric)}": "40" if metric.kind.has_quantity else "1" for metric in Metric}
    answer = sold.as_("administrator").post(reverse("issue", kwargs={"guid": sold.guid}), form | {"until": ""})
    assert answer.status_code == 302, read(answer.content.decode())
    raw = sold.as_("administrator").get(_olf(sold)).content
    sold.north.install(raw, sold.now)
    for metric in Metric:
        kind = metric.kind
        if kind.holders or kind.counts_units:
            use: Any = {"in_use": 9} if kind.holders else {"consume": 9, "now": sold.now}
            sold.north.use(sku_of(metric), **use)
    sold.now += DAY
    return sold.north


def _olf(portal: Portal) -> str:
    return reverse("olf-download", kwargs={"guid": portal.guid, "file": LicenseFile.objects.latest("sequence").id})


@pytest.mark.rule("E10", "below_use")
@pytest.mark.parametrize("metric", Metric)
def test_less_of_it_than_is_used_is_said_before_it_is_issued(sold: Portal, site: Site, metric: Metric) -> None:
    sold.accept(site.request(sold.now))
    kind, sku, browser = metric.kind, sku_of(metric), sold.as_("administrator")
    form = {f"p-{sku_of(each)}": "40" if each.kind.has_quantity else "1" for each in Metric}
    less = form | {f"p-{sku}": "4" if kind.has_quantity else "0", "until": ""}
    answer = browser.post(reverse("configure", kwargs={"guid": sold.guid}), less)
    shown = read(answer.content.decode())
    assert answer.status_code == 200
    if kind.holders:
        assert f"5 too few. {kind.holders.holding(9)} at Plant North" in shown
        assert "9 in use at the request." in shown
    elif kind.counts_units:
        assert f"5 too few. {kind.counted(9, 'unit')} are used at Plant North and do not come back" in shown
    else:
        assert f"{name_of(metric)} {kind.units('unit')} 1 0" in shown
    enough = browser.post(reverse("configure", kwargs={"guid": sold.guid}), form | {f"p-{sku}": "30", "until": ""})
    said = read(enough.content.decode())
    assert "too few" not in said
    assert name_of(metric) in said
    if kind.counts_units:
        assert f"{kind.counted(10, 'unit')} fewer." in said


@pytest.mark.parametrize("metric", Metric)
def test_what_is_used_of_it_is_shown(sold: Portal, site: Site, metric: Metric) -> None:
    kind, browser = metric.kind, sold.as_("administrator")
    before = sold.accept(site.request(sold.now))
    assert {line.metric for line in before.in_use if line.sku == sku_of(metric)} == {metric}
    usage, overview = page(browser, "room-usage", guid=sold.guid), page(browser, "customer", account=sold.northwind.id)
    assert (f"{name_of(metric)}, {kind.use.used}" in usage) == kind.has_quantity
    assert name_of(metric) in overview
    assert ("On at 1 site" in overview) == (not all(each.kind.has_quantity for each in Metric))
    room = page(browser, "room", guid=sold.guid)
    assert f"{name_of(metric)} {kind.units('unit')} 50" in room
    for name in ("room-timeline", "customer-files", "customer-timeline", "customer-rooms"):
        where = {"guid": sold.guid} if name == "room-timeline" else {"account": sold.northwind.id}
        page(browser, name, **where)


@pytest.mark.rule("E12")
@pytest.mark.parametrize("metric", Metric)
def test_a_write_off_says_what_becomes_of_it(sold: Portal, site: Site, metric: Metric) -> None:
    sold.accept(site.request(sold.now))
    told = consequences(ControlRoom.objects.get(id=site.id), sold.now, return_unconsumed=False)
    held = 40 if metric.kind.has_quantity else 1
    spent = held if metric.kind.counts_units else 0
    assert f"{name_of(metric)}: {held} held, {spent} become spent, {held - spent} return" in told
