"""Pre-flight: everything at once, each with the value that fits, and never another answer than issuing gives."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.calm.purchases.models import Purchase
from carnet.calm.queries.preflight import AskedRow, Preflight, preflight
from carnet.calm.use_cases import accounts
from carnet.calm.use_cases.license_files import preview_license_file
from carnet.calm.use_cases.selection import Selection
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import DAY, END, START, World
from tests.support import depth
from tests.support.site_simulator import Site

USERS, SEATS, PAGES = "attended-bot-runner", "unattended-bot-runner", "document-pages"


pytestmark = pytest.mark.both_databases


@pytest.fixture
def site(world: World) -> Site:
    """250 users, 60 seats, 5,000 pages are bought. Another site holds 30 seats; 86 users, 412 pages are used."""
    for sku, quantity in ((USERS, 250), (SEATS, 60), (PAGES, 5000)):
        world.buy(sku, quantity)
    other = world.site("south")
    world.license(other, "south", products={SEATS: 30})
    site = world.site()
    world.license(site, products={USERS: 120, SEATS: 28, PAGES: 1000})
    site.use(USERS, in_use=86)
    site.use(PAGES, consume=412, now=world.now)
    world.now += DAY
    return site


def rows(found: Preflight) -> dict[str, AskedRow]:
    return {row.purchase or row.sku: row for row in found.rows}


@pytest.mark.rule("H1", "E10", "over_entitlement", "below_use")
def test_all_that_stands_against_it_is_said_at_once_with_what_fits(world: World, site: Site) -> None:
    request = world.accept(site.request(world.now)).lfr
    found = preflight(request, Selection({USERS: 80, SEATS: 34, PAGES: 300}), world.now)
    by_sku = rows(found)
    assert (found.refusals, found.warnings) == (2, 1)
    users, seats, pages = (by_sku[sku].note for sku in (USERS, SEATS, PAGES))
    assert users is not None
    assert seats is not None
    assert pages is not None
    assert (users.level, users.code, users.fits) == ("warning", "below_use", 86)
    assert users.sentence == (
        "6 too few. 86 people hold one at Plant North, so the site would refuse this file. "
        "Grant 86 or more, or free 6 there and make a new request."
    )
    assert (seats.level, seats.code, seats.fits) == ("refusal", "over_entitlement", 30)
    assert seats.sentence == (
        "4 more than Northwind has. 60 are bought and other sites hold 30, so at most 30 fit here."
    )
    assert (pages.level, pages.code, pages.fits) == ("refusal", "below_use", 412)
    assert {sku: row.left_after for sku, row in by_sku.items()} == {USERS: 170, SEATS: -4, PAGES: 4700}


@pytest.mark.rule("H1", "outside_purchase")
def test_an_end_past_the_purchases_is_told_with_the_end_that_fits(world: World, site: Site) -> None:
    request = world.accept(site.request(world.now)).lfr
    found = preflight(request, Selection({USERS: 120, SEATS: 10}, until=END + DAY), world.now)
    notes = [row.note for row in found.rows if row.asked]
    assert all(note and (note.code, note.until, note.fits) == ("outside_purchase", END, None) for note in notes)
    assert found.latest_until == END


def test_what_is_well_says_what_it_means(world: World, site: Site) -> None:
    request = world.accept(site.request(world.now)).lfr
    found = preflight(request, Selection({USERS: 90, SEATS: 30, PAGES: 1500}), world.now)
    assert (found.refusals, found.warnings, found.changed) == (0, 0, 3)
    notes = {row.sku: row.note.sentence for row in found.rows if row.note}
    assert notes == {
        USERS: "30 fewer. They stay held until the site confirms.",
        PAGES: "500 pages more. 412 are used and stay counted.",
    }
    changes = {row.sku: (row.now, row.new, row.change, row.means) for row in found.difference.rows}
    assert changes == {
        USERS: (120, 90, -30, "86 in use at the request. The 30 stay held until the site confirms."),
        SEATS: (28, 30, 2, "The last 2 of Northwind."),
        PAGES: (1000, 1500, 500, "412 used stay counted."),
    }


def test_a_line_that_starts_later_has_a_row_of_its_own(world: World, site: Site) -> None:
    renewal = world.buy(USERS, 200, valid_from=END, valid_until=END + timedelta(days=365))
    request = world.accept(site.request(world.now)).lfr
    found = preflight(request, Selection({USERS: 120}, {renewal: 201}), world.now)
    row = rows(found)[renewal]
    assert row.note is not None
    assert (row.sku, row.left_after, row.note.fits) == (USERS, -1, 200)
    found = preflight(request, Selection({USERS: 120}, {renewal: 150}), world.now)
    assert found.refusals == 0
    later = next(change for change in found.difference.rows if change.starts)
    assert (later.starts, later.new) == (END, 150)


@pytest.mark.rule("E1", "no_approval")
def test_without_an_approval_each_product_says_what_is_installed(world: World, site: Site) -> None:
    request = world.accept(site.request(world.now)).lfr
    accounts.withdraw_approval(world.calm, approval="Northwind", reason="connected now", **world.act)
    found = preflight(request, Selection({USERS: 121, SEATS: 28, PAGES: 1001}), world.now)
    assert {row.sku: row.note.fits for row in found.rows if row.note} == {USERS: 120, PAGES: 1000}


@pytest.mark.rule("E5", "window_closed")
def test_a_request_that_is_too_old_refuses_the_whole_file(world: World, site: Site) -> None:
    request = world.accept(site.request(world.now)).lfr
    world.now += 3 * DAY
    found = preflight(request, Selection({USERS: 120}), world.now)
    assert [refusal.code for refusal in found.whole] == ["window_closed"]
    assert preflight(request, Selection({USERS: 120}), world.now, site_clock_is_off=True).refusals == 0


@pytest.mark.rule("E6", "already_used")
def test_an_answered_request_has_nothing_to_configure(world: World, site: Site) -> None:
    accepted = world.accept(site.request(world.now))
    world.issue(accepted.lfr, products={USERS: 120})
    found = preflight(accepted.lfr, Selection({USERS: 120}), world.now)
    assert [refusal.code for refusal in found.whole] == ["already_used"]
    assert found.rows == ()


QUANTITY = st.integers(0, 45)
ENDS = st.sampled_from([None, START + 100 * DAY, START + 200 * DAY, START + 400 * DAY, END])


@st.composite
def _scenes(draw: st.DrawFn) -> dict[str, object]:
    purchase = st.tuples(st.sampled_from([USERS, SEATS, PAGES]), st.integers(1, 30), st.sampled_from([0, 60]), ENDS)
    return {
        "purchases": draw(st.lists(purchase, min_size=1, max_size=5)),
        "elsewhere": draw(st.dictionaries(st.sampled_from([USERS, SEATS, PAGES]), st.integers(1, 20), max_size=3)),
        "installed": draw(st.dictionaries(st.sampled_from([USERS, SEATS, PAGES]), st.integers(1, 20), max_size=3)),
        "used": draw(st.integers(0, 20)),
        "products": draw(st.dictionaries(st.sampled_from([USERS, SEATS, PAGES]), QUANTITY, max_size=3)),
        "line": draw(st.tuples(st.integers(0, 4), QUANTITY)),
        "until": draw(ENDS),
        "approved": draw(st.booleans()),
        "days": draw(st.sampled_from([0, 1, 3, 150])),
    }


@pytest.mark.rule("E10", "H1")
@given(scene=_scenes())
@settings(max_examples=depth.times(25, 1000))
def test_it_refuses_exactly_what_issuing_refuses(db: None, scene: dict[str, object]) -> None:
    from django.db import transaction

    with transaction.atomic():
        _compare(World(), scene)
        transaction.set_rollback(True)


def _compare(world: World, scene: dict[str, object]) -> None:
    bought = [
        world.buy(sku, quantity, valid_from=START + start * DAY, valid_until=until or END)
        for sku, quantity, start, until in scene["purchases"]  # type: ignore[attr-defined]
        if (until or END) > START + start * DAY
    ]
    other, site = world.site("south"), world.site()
    for one, label, key in ((other, "south", "elsewhere"), (site, "north", "installed")):
        accepted = world.accept(one.request(world.now), label)
        given_out = world.issue(accepted.lfr, products=scene[key])
        if not isinstance(given_out, Refusal) and given_out.raw:
            one.install(given_out.raw, world.now)
    for line in [line for line in site.lines.values() if line.sku == PAGES]:
        site.consumed[line.line_id, None] = min(int(scene["used"]), line.quantity)  # type: ignore[call-overload]
    for sku in {line.sku for line in site.lines.values()} - {PAGES}:
        site.use(sku, in_use=int(scene["used"]))  # type: ignore[call-overload]
    request = world.accept(site.request(world.now)).lfr
    if not scene["approved"]:
        accounts.withdraw_approval(world.calm, approval="Northwind", reason="connected now", **world.act)
    world.now += int(scene["days"]) * DAY  # type: ignore[call-overload]
    number, quantity = scene["line"]  # type: ignore[misc]
    lines = {bought[number]: quantity} if number < len(bought) else {}
    _agree(world, request, Selection(scene["products"], lines, scene["until"]))  # type: ignore[arg-type]


def _agree(world: World, request: str, asked: Selection) -> None:
    shown = preview_license_file(world.calm, lfr_id=request, asked=asked, **world.act)
    found = preflight(request, asked, world.now)
    assert (found.refusals > 0) == isinstance(shown, Refusal), (shown, found)
    for row in found.rows:
        if row.note and row.level == "refusal" and row.note.fits is not None:
            _set_to(world, request, asked, row, row.note.fits)
    if isinstance(shown, Refusal):
        codes = {row.note.code for row in found.rows if row.note} | {refusal.code.value for refusal in found.whole}
        assert shown.code.value in codes
        return
    assert found.warnings == sum(warning.code == "below_use" for warning in shown.warnings)


def _set_to(world: World, request: str, asked: Selection, row: AskedRow, fits: int) -> None:
    """The value that fits is one that fits: the product is refused no more, whatever else is."""
    named = Purchase.objects.filter(id__in=asked.lines, product=row.sku).exists()
    if row.purchase:
        changed = replace(asked, lines={**asked.lines, row.purchase: fits})
    elif named:
        return  # it was asked for by purchase and by product: the value is of both together
    else:
        changed = replace(asked, products={**asked.products, row.sku: fits})
    again = rows(preflight(request, changed, world.now)).get(row.purchase or row.sku)
    if again and again.note and again.level == "refusal":  # the end is another question than the quantity
        assert again.note.code in ("no_approval", "outside_purchase"), (row, again)
        assert again.note.until, (row, again)


def test_it_says_when_the_site_would_run_out_at_its_pace(world: World, site: Site) -> None:
    world.accept(site.request(world.now))
    world.now += 10 * DAY
    site.use(PAGES, consume=140, now=world.now)
    request = world.accept(site.request(world.now)).lfr
    note = rows(preflight(request, Selection({USERS: 120, PAGES: 1100}), world.now))[PAGES].note
    assert note is not None
    assert note.sentence == (
        "100 pages more. 552 are used and stay counted. At 50 a day the site would run out about 2026-12-16."
    )
    note = rows(preflight(request, Selection({USERS: 120, PAGES: 5000}), world.now))[PAGES].note
    assert note is not None
    assert "run out" in note.sentence
    world.now += DAY
    lasting = rows(preflight(request, Selection({USERS: 120, PAGES: 5000}), END - DAY, site_clock_is_off=True))[
        PAGES
    ].note
    assert lasting is not None
    assert "run out" not in lasting.sentence


@pytest.mark.rule("E1", "no_approval")
def test_without_an_approval_the_value_that_fits_is_what_is_installed_and_reaches_so_far(world: World) -> None:
    """Three are bought for short and are installed; three more, for longer, are not."""
    world.buy(USERS, 3, valid_until=START + 200 * DAY)
    site = world.site()
    world.license(site, products={USERS: 3})
    world.buy(USERS, 3)
    request = world.accept(site.request(world.now)).lfr
    accounts.withdraw_approval(world.calm, approval="Northwind", reason="connected now", **world.act)
    note = rows(preflight(request, Selection({USERS: 3}, until=END), world.now))[USERS].note
    assert note
    assert (note.code, note.fits, note.until) == ("no_approval", None, START + 200 * DAY)
    assert preflight(request, Selection({USERS: 3}, until=note.until), world.now).refusals == 0
    more = rows(preflight(request, Selection({USERS: 4}), world.now))[USERS].note
    assert more
    assert (more.fits, more.until) == (3, None)


@pytest.mark.rule("H1", "outside_purchase")
def test_an_end_that_has_passed_names_one_that_fits(world: World, site: Site) -> None:
    request = world.accept(site.request(world.now)).lfr
    note = rows(preflight(request, Selection({USERS: 1}, until=world.now - DAY), world.now))[USERS].note
    assert note
    assert (note.code, note.until) == ("outside_purchase", END)
