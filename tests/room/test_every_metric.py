"""Every kind of product at every door and page of the Control Room: taken over REST and at the command line, shown,
exported, supposed, and given back."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from carnet.control_room.queries.questions import Records, Status
from carnet.control_room.rules.activation.generate_request import GenerateRequest, WithdrawCycle
from carnet.entitlements import Metric, Taking
from tests.room.site import Pages, serve_pages
from tests.support.each_metric import HOLDER, commands, name_of, read, rest, sku_of
from tests.support.vendor_simulator import line

EVERY = {sku_of(metric): 40 if metric.kind.has_quantity else 1 for metric in Metric}
TAKEN = {True: 14, False: 2}  # by REST and at the command line: two of 7 units, or two holders


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """A site with a product of each metric. Of each one is taken over REST, and one at the command line."""
    pages = serve_pages(tmp_path_factory.mktemp("every") / "site", EVERY)
    try:
        for metric in Metric:
            answer = bot(pages, *rest(metric, "ops-16"))
            assert answer.status_code == 200, answer.text
            done = pages.command(*commands(metric))
            assert done.returncode == 0, done.stderr
            assert sku_of(metric) in done.stdout or name_of(metric) in done.stdout
        yield pages
    finally:
        pages.end()


def bot(pages: Pages, name: str, body: dict[str, Any] | None = None) -> httpx.Response:
    url, headers = f"http://127.0.0.1:{pages.port}/api/v1/{name}", {"authorization": f"Bearer {pages.own.key}"}
    if body is None:
        return httpx.get(url, headers=headers, trust_env=False)
    return httpx.post(url, json=body, headers=headers, trust_env=False)


def page(pages: Pages, path: str, **params: str) -> str:
    answer = pages.client("administrator").get(path, params=params)
    assert answer.status_code == 200, (path, answer.text)
    return read(answer.text)


def use_of(metric: Metric) -> int:
    kind = metric.kind
    return TAKEN[kind.counts_units] if kind.holders or kind.counts_units else 0


@pytest.mark.rule("G1", "not_granted")
@pytest.mark.parametrize("metric", Metric)
def test_it_is_taken_in_its_own_way_alone(used: Pages, metric: Metric) -> None:
    size = used.size
    others = [other for other in Metric if other.kind.taking is not metric.kind.taking]
    for other in others:
        name, body = rest(other)
        refused = bot(used, name, body | {"sku": sku_of(metric)}).json()
        assert refused["code"] == "not_granted"
        assert f"licensed as {metric.words}" in refused["detail"], refused
    assert others
    done = used.command(*commands(others[0])[:2], sku_of(metric), *commands(others[0])[3:])
    assert done.returncode == 3
    assert metric.kind.taking.value in done.stderr
    assert {record.kind for record in _records(used, size)} <= {"refused"}


def _records(pages: Pages, since: int) -> list[Any]:
    return [each for each in pages.ask(Records()).records if each.index >= since]


@pytest.mark.parametrize("metric", Metric)
def test_programs_are_told_of_it(used: Pages, metric: Metric) -> None:
    sku, kind = sku_of(metric), metric.kind
    told = next(each for each in bot(used, "status").json()["products"] if each["sku"] == sku)
    assert (told["metric"], told["granted"]) == (metric.value, EVERY[sku])
    assert kind.used(told["consumed"], told["in_use"]) == use_of(metric)
    assert (told["remaining"] == EVERY[sku] - use_of(metric)) or not kind.has_quantity
    holders = [each["holder"] for each in bot(used, "usage").json()["holders"] if each["sku"] == sku]
    assert sorted(holders) == (["ops-16", HOLDER] if kind.holders else [])
    figures = httpx.get(
        f"http://127.0.0.1:{used.port}/metrics", headers={"authorization": f"Bearer {used.own.key}"}, trust_env=False
    ).text
    assert f'carnet_product_granted{{sku="{sku}"}} {float(EVERY[sku])}' in figures


@pytest.fixture(scope="module")
def printed(used: Pages) -> dict[str, str]:
    """What the command line prints of the whole site."""
    done = {
        words: used.command(*words.split()) for words in ("status", "license show", "usage show", "forecast --json")
    }
    assert {each.returncode for each in done.values()} == {0}
    return {words: each.stdout for words, each in done.items()}


@pytest.mark.parametrize("metric", Metric)
def test_the_command_line_shows_it(used: Pages, printed: dict[str, str], metric: Metric) -> None:
    sku, kind = sku_of(metric), metric.kind
    for words, shown in printed.items():
        if words != "forecast --json" or kind.counts_units:
            assert sku in shown or name_of(metric) in shown, words
    history = used.command("usage", "history", sku)
    assert f" {use_of(metric)} " in history.stdout
    table = next(row for row in printed["status"].splitlines() if f" {sku} " in row)
    assert f" {kind.amount(EVERY[sku])} " in table


@pytest.mark.parametrize("metric", Metric)
def test_license_management_shows_it_under_its_title(used: Pages, metric: Metric) -> None:
    kind, alone = metric.kind, page(used, "/", show=metric.kind.slug)
    everything = page(used, "/")
    for said in (kind.tab, kind.title, name_of(metric)):
        assert said in everything
        assert said in alone
    assert kind.amount(EVERY[sku_of(metric)]).capitalize() in alone
    assert not [other for other in Metric if other is not metric and name_of(other) in alone]


@pytest.mark.parametrize("metric", Metric)
def test_its_own_page_says_what_it_is(used: Pages, metric: Metric) -> None:
    kind, shown = metric.kind, page(used, f"/products/{sku_of(metric)}/")
    for said in (name_of(metric), kind.counted_as, kind.when_missed, "Lines of the license file"):
        assert said in shown, said
    assert (kind.use.all_used in shown) == kind.has_quantity
    assert (kind.use.by_day in shown) == kind.has_quantity
    assert ("Holders now" in shown) == bool(kind.holders)
    assert ("Ends, unless renewed" in shown) == kind.are_leased
    assert (HOLDER in shown) == bool(kind.holders)
    days = _csv(used, f"/products/{sku_of(metric)}/use.csv")
    assert len(days) >= 2
    holders = _csv(used, f"/products/{sku_of(metric)}/holders.csv")
    assert any(HOLDER in row for row in holders) == bool(kind.holders)


def _csv(pages: Pages, path: str) -> list[list[str]]:
    answer = pages.client("administrator").get(path)
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.text)))


@pytest.mark.parametrize("metric", Metric)
def test_users_and_seats_shows_who_holds_it(used: Pages, metric: Metric) -> None:
    assigned, leased = page(used, "/users/"), page(used, "/users/seats/")
    assert (name_of(metric) in assigned) == (metric.kind.taking is Taking.ASSIGN)
    assert (name_of(metric) in leased) == metric.kind.are_leased
    template = _csv(used, "/users/file/template/")
    assert any(sku_of(metric) in row for row in template) == (metric.kind.taking is Taking.ASSIGN)


@pytest.mark.parametrize("metric", Metric)
def test_what_if_answers_its_questions(used: Pages, metric: Metric) -> None:
    shown = page(used, "/what-if/", on="2027-01-01", then="nothing")
    for question in metric.kind.questions.values():
        assert question in shown
    assert name_of(metric) in shown


@pytest.mark.rule("E10", "E11", "does_not_fit")
@pytest.mark.parametrize("metric", Metric)
def test_a_file_with_less_of_it_and_a_release_say_what_they_mean(used: Pages, metric: Metric) -> None:
    kind, sku, browser = metric.kind, sku_of(metric), used.client("administrator")
    used.do(GenerateRequest())
    less = less_of(used, EVERY | {sku: 1 if kind.has_quantity else 0})
    browser.send_form("/exchange/preview/", {}, files={"file": ("less.olf", less)})
    shown = page(used, "/exchange/")
    assert name_of(metric) in shown
    if kind.holders:
        assert f"{kind.holders.holding(2)} now." in shown
        assert "1 to free first" in shown
        assert kind.holders.losing(2, name_of(metric)) in shown
    elif kind.counts_units:
        assert "fewer than were used" in shown
        assert f"26 units of {name_of(metric)}" in shown
    else:
        assert "goes" in shown
    browser.send_form("/exchange/preview/leave/")
    used.do(WithdrawCycle())


def less_of(pages: Pages, quantities: dict[str, int]) -> bytes:
    """A license file with the very lines that are installed, and other quantities."""
    now = datetime.now(UTC).replace(microsecond=0)
    ids = {each.sku: each.line_id for each in pages.ask(Status()).lines}
    span = (now - timedelta(days=1), now + timedelta(days=300))
    lines = [line(sku, quantity, *span, line_id=ids[sku]) for sku, quantity in quantities.items()]
    return pages.vendor.olf(pages.lfr(), lines, now)


@pytest.mark.parametrize("metric", [metric for metric in Metric if metric.kind.holders])
def test_it_is_taken_back_at_its_page(used: Pages, metric: Metric) -> None:
    holders = bot(used, "usage").json()["holders"]
    held = next(each for each in holders if (each["sku"], each["holder"]) == (sku_of(metric), HOLDER))
    given = {"lease": held["lease_id"]} if metric.kind.are_leased else {"user": HOLDER}
    answer = used.client("seat_manager").send_form(f"/products/{sku_of(metric)}/take-back/", given)
    assert answer.status_code == 302
    left = [each["holder"] for each in bot(used, "usage").json()["holders"] if each["sku"] == sku_of(metric)]
    assert left == ["ops-16"]
    again = bot(used, *rest(metric))
    assert again.status_code == 200
