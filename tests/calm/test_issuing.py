"""H1, H3, H6, Q1, E10: what may be issued, out of which purchase, and what people are told first."""

from collections.abc import Callable

import pytest

from carnet.calm.use_cases import proposals, purchases, receipts
from carnet.entitlements import PeriodUnit, Policy
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import DAY, END, OMAR, START, World, code, ok

pytestmark = pytest.mark.both_databases

Unmoved = Callable[[], None]


@pytest.mark.rule("H1", "over_entitlement")
def test_no_more_is_issued_than_was_bought_and_the_refusal_says_what_fits(world: World, unmoved: Unmoved) -> None:
    bought = world.buy("bot-creator", 10)
    north, south = world.site(), world.site("south")
    world.license(north, products={"bot-creator": 6})
    request = world.accept(south.request(world.now), "south").lfr
    unmoved()
    refused = world.issue(request, products={"bot-creator": 5})
    assert code(refused) == "over_entitlement"
    assert "4 could be granted" in refused.message  # type: ignore[union-attr]
    assert "4 until" in refused.evidence[0]  # type: ignore[union-attr]
    named = world.issue(request, lines={bought: 5})
    assert code(named) == "over_entitlement"
    assert "4 fit" in named.message  # type: ignore[union-attr]


@pytest.mark.rule("H1", "over_entitlement")
def test_what_was_not_bought_is_not_granted(world: World, unmoved: Unmoved) -> None:
    request = world.accept(world.site().request(world.now)).lfr
    unmoved()
    assert code(world.issue(request, products={"bot-creator": 1})) == "over_entitlement"


@pytest.mark.rule("Q1", "H1", "outside_purchase")
def test_a_line_never_reaches_beyond_its_purchase(world: World, unmoved: Unmoved) -> None:
    bought = world.buy("bot-creator", 10)
    request = world.accept(world.site().request(world.now)).lfr
    unmoved()
    assert code(world.issue(request, lines={bought: 1}, until=END + DAY)) == "outside_purchase"
    assert code(world.issue(request, products={"bot-creator": 1}, until=END + DAY)) == "outside_purchase"
    assert code(world.issue(request, lines={bought: 1}, until=world.now)) == "outside_purchase"


@pytest.mark.rule("Q1")
def test_calm_chooses_the_purchases_in_force_for_the_whole_span_the_soonest_ending_first(world: World) -> None:
    short = world.buy("bot-creator", 3, valid_until=world.now + 10 * DAY)
    middle = world.buy("bot-creator", 3, valid_until=world.now + 100 * DAY)
    late = world.buy("bot-creator", 3)
    site = world.site()
    request = world.accept(site.request(world.now)).lfr
    until = world.now + 50 * DAY
    raw = ok(world.issue(request, products={"bot-creator": 5}, until=until)).raw
    _, body = site.open(raw)  # type: ignore[arg-type]
    assert sorted(line.quantity for line in body.lines) == [2, 3]
    assert {line.valid_until for line in body.lines} == {until}
    held = {amount.purchase for amount in _held(world)}
    assert held == {middle, late}
    assert short not in held


def _held(world: World) -> tuple[object, ...]:
    from carnet.calm.use_cases.guids import show_guid

    return show_guid("north", now=world.now).held


@pytest.mark.rule("Q1")
def test_a_renewal_bought_early_gives_a_line_that_starts_later_and_lines_keep_their_ids(world: World) -> None:
    now = world.buy("bot-creator", 5, valid_until=END)
    later = world.buy("bot-creator", 5, valid_from=END, valid_until=END + 365 * DAY)
    site = world.site()
    first = site.open(world.answer(site, lines={now: 5}))[1].lines[0]
    world.now += DAY
    lines = site.open(world.answer(site, lines={now: 5, later: 5}))[1].lines
    assert lines[0].line_id == first.line_id
    assert (lines[1].valid_from, lines[1].valid_until) == (END, END + 365 * DAY)


@pytest.mark.rule("H3", "H2")
def test_an_increase_is_held_at_once_and_a_reduction_returned_when_proven(world: World) -> None:
    world.buy("bot-creator", 10)
    site = world.site()
    world.license(site, products={"bot-creator": 4})
    world.answer(site, products={"bot-creator": 7})
    assert world.held() == {"bot-creator": 7}
    receipt = world.license(site, products={"bot-creator": 2})  # its LFR disproves the 7
    assert world.held() == {"bot-creator": 4}
    ok(receipts.accept_receipt(world.calm, raw=receipt, **world.act))
    assert world.held() == {"bot-creator": 2}


@pytest.mark.rule("H2")
def test_a_file_whose_window_closed_is_held_all_the_same(world: World) -> None:
    world.buy("bot-creator", 10)
    site = world.site()
    world.answer(site, products={"bot-creator": 4})
    world.now += 30 * DAY
    assert world.held() == {"bot-creator": 4}


@pytest.mark.rule("H2")
def test_users_of_a_line_that_ended_are_held_30_days_more_or_until_a_request_proves_the_end(world: World) -> None:
    bought = world.buy("bot-creator", 10)
    site = world.site()
    world.license(site, lines={bought: 4}, until=world.now + 10 * DAY)
    start = world.now
    world.now = start + 40 * DAY
    assert world.held() == {}
    world.now -= DAY
    assert world.held() == {"bot-creator": 4}
    world.accept(site.request(world.now))
    assert world.held() == {}


@pytest.mark.rule("H2")
def test_units_that_a_file_leaves_out_are_held_until_a_total_is_stated_after_that_install(world: World) -> None:
    world.buy("bot-creator", 10)
    world.buy("document-pages", 1000)
    site = world.site()
    world.license(site, products={"bot-creator": 1, "document-pages": 600})
    site.use("document-pages", consume=30, now=world.now)
    receipt = world.license(site, products={"bot-creator": 1})
    ok(receipts.accept_receipt(world.calm, raw=receipt, **world.act))
    assert world.held()["document-pages"] == 600
    world.accept(site.request(world.now))
    assert world.held()["document-pages"] == 30
    assert world.available()["document-pages"] == 970


@pytest.mark.rule("H2", "Q5")
def test_units_owed_within_an_overage_are_not_held(world: World) -> None:
    bought = world.buy("document-pages", 100, policy=Policy(overage_percent=10))
    site = world.site()
    world.license(site, lines={bought: 100})
    site.use("document-pages", consume=105, now=world.now)
    accepted = world.accept(site.request(world.now))
    assert accepted.in_use[0].owed == 5
    assert any("owed" in warning for warning in accepted.warnings)
    assert world.held() == {"document-pages": 100}


@pytest.mark.rule("Q2", "H4")
def test_units_lapse_with_their_period(world: World) -> None:
    world.buy("document-pages", 1000, period=PeriodUnit.MONTH)
    site = world.site()
    world.license(site, products={"document-pages": 600})
    site.use("document-pages", consume=50, now=world.now)
    world.accept(site.request(world.now, "release"))
    assert world.spent() == {"document-pages": 50}
    assert world.available() == {"document-pages": 950}
    world.now = START.replace(month=12)
    assert world.spent() == {}
    assert world.available() == {"document-pages": 1000}


@pytest.mark.rule("Q1")
def test_the_preview_says_that_a_part_of_a_month_holds_in_later_months(world: World) -> None:
    world.buy("document-pages", 1000, period=PeriodUnit.MONTH)
    north, south = world.site(), world.site("south")
    world.license(north, products={"document-pages": 600})
    north.use("document-pages", consume=200, now=world.now)
    world.accept(north.request(world.now, "release"))
    request = world.accept(south.request(world.now), "south").lfr
    assert code(world.issue(request, products={"document-pages": 1000})) == "over_entitlement"
    issued = ok(world.issue(request, products={"document-pages": 800}))
    assert any("200 of the purchase are spent in this month" in note for note in issued.notes)


@pytest.mark.rule("E10", "below_use")
def test_a_reduction_below_what_is_in_use_is_warned_about_and_issued(world: World) -> None:
    world.buy("bot-creator", 10)
    site = world.site()
    world.license(site, products={"bot-creator": 4})
    site.use("bot-creator", in_use=4)
    request = world.accept(site.request(world.now)).lfr
    issued = ok(world.issue(request, products={"bot-creator": 2}))
    assert [warning.code for warning in issued.warnings] == ["below_use"]
    assert "4 Bot Creator are in use" in issued.warnings[0].message
    assert "have 2 freed" in issued.warnings[0].next


@pytest.mark.rule("E10", "G2", "below_use")
@pytest.mark.parametrize(
    ("products", "warned"),
    [
        ({"bot-creator": 1}, True),  # the line is left out
        ({"bot-creator": 1, "document-pages": 139}, True),
        ({"bot-creator": 1, "document-pages": 140}, False),  # consumed and reserved
        ({"bot-creator": 1, "document-pages": 600}, False),
    ],
)
def test_what_is_reserved_at_the_site_is_warned_about_before_a_file_takes_it_away(
    world: World, products: dict[str, int], warned: bool
) -> None:
    world.buy("bot-creator", 1)
    world.buy("document-pages", 1000)
    site = world.site()
    world.license(site, products={"document-pages": 600})
    site.use("document-pages", consume=100, now=world.now)
    site.reserved = {next(line.line_id for line in site.lines.values()): 40}
    shown = ok(world.issue(world.accept(site.request(world.now)).lfr, products=products))
    assert [warning.code for warning in shown.warnings] == (["below_use"] if warned else [])
    for warning in shown.warnings:
        assert "40 of " in warning.message
        assert "(140)" in warning.message
        assert "settled or cancelled" in warning.next


@pytest.mark.rule("E10", "below_use")
def test_units_below_what_was_consumed_can_never_fit(world: World, unmoved: Unmoved) -> None:
    world.buy("document-pages", 1000)
    site = world.site()
    world.license(site, products={"document-pages": 600})
    site.use("document-pages", consume=100, now=world.now)
    request = world.accept(site.request(world.now)).lfr
    unmoved()
    assert code(world.issue(request, products={"document-pages": 99})) == "below_use"


@pytest.mark.rule("E10")
def test_units_down_to_what_was_consumed_fit_and_so_does_an_unchanged_line_that_is_overdrawn(world: World) -> None:
    world.buy("document-pages", 1000, policy=Policy(overage_percent=50))
    site = world.site()
    world.license(site, products={"document-pages": 600})
    site.use("document-pages", consume=100, now=world.now)
    world.license(site, products={"document-pages": 100})
    site.use("document-pages", consume=20, now=world.now)
    assert world.license(site, products={"document-pages": 100})


@pytest.mark.rule("E10", "below_use")
def test_a_line_that_was_left_out_comes_back_no_smaller_than_it_was_and_was_consumed(world: World) -> None:
    world.buy("bot-creator", 1)
    world.buy("document-pages", 1000)
    site = world.site()
    world.license(site, products={"document-pages": 600})
    site.use("document-pages", consume=100, now=world.now)
    world.license(site, products={"bot-creator": 1})
    request = world.accept(site.request(world.now)).lfr
    assert code(world.issue(request, products={"document-pages": 50})) == "below_use"
    assert ok(world.issue(request, products={"document-pages": 100}))


@pytest.mark.rule("H6", "over_entitlement")
def test_a_purchase_is_lowered_only_as_far_as_nothing_held_or_spent_is_touched(world: World, unmoved: Unmoved) -> None:
    bought = world.buy("bot-creator", 10)
    site = world.site()
    world.license(site, lines={bought: 6}, until=world.now + 30 * DAY)
    unmoved()
    refused = _lower(world, bought, quantity=5)
    assert code(refused) == "over_entitlement"
    assert "north holds 6" in refused.evidence[0]  # type: ignore[union-attr]
    assert code(_lower(world, bought, valid_until=world.now + 29 * DAY)) == "over_entitlement"


@pytest.mark.rule("H6")
def test_a_purchase_is_lowered_down_to_what_is_held(world: World) -> None:
    bought = world.buy("bot-creator", 10)
    world.license(world.site(), lines={bought: 6}, until=world.now + 30 * DAY)
    lowered = _lower(world, bought, quantity=6, valid_until=world.now + 30 * DAY)
    assert not isinstance(lowered, Refusal)
    assert (lowered.quantity, lowered.available) == (6, 0)


def _lower(world: World, purchase: str, **to: object) -> purchases.PurchaseShown | Refusal:
    return purchases.lower_purchase(world.calm, purchase=purchase, reason="refund", **to, **world.act)  # type: ignore[arg-type]


@pytest.mark.rule("H1", "L2")
def test_an_accepted_history_can_show_an_excess_and_files_that_raise_nothing_are_issued_meanwhile(
    world: World,
) -> None:
    world.buy("bot-creator", 10)
    north, south = world.site(), world.site("south")
    world.license(north, products={"bot-creator": 8})
    backup = north.fork()
    world.license(north, products={"bot-creator": 2})
    world.accept(north.request(world.now))
    world.license(south, "south", products={"bot-creator": 8})
    world.upload(backup.request(world.now, since=north.ledger.size))
    proposed = ok(proposals.propose_accept_history(world.calm, control_room=north.id, reason="a backup", **world.act))
    confirmed = ok(proposals.confirm(world.calm, proposal=proposed.proposal, now=world.now, by=OMAR))
    (listed,) = purchases.list_purchases(now=world.now)
    assert (listed.held, listed.excess, listed.available) == (16, 6, 0)
    request = str(confirmed.lfr)
    assert code(world.issue(request, products={"bot-creator": 9})) == "over_entitlement"
    backup.install(ok(world.issue(request, products={"bot-creator": 2})).raw, world.now)  # type: ignore[arg-type]
    world.accept(backup.request(world.now))
    (listed,) = purchases.list_purchases(now=world.now)
    assert (listed.held, listed.excess) == (10, 0)


@pytest.mark.rule("T3")
def test_a_file_that_lowers_the_clock_warns_while_the_sites_clock_is_still_ahead(world: World) -> None:
    world.buy("bot-creator", 10)
    site = world.site()
    site.clock_ahead = 8 * DAY
    accepted = world.accept(site.request(world.now))
    assert any("lets it lower its clock mark" in warning for warning in accepted.warnings)
    issued = ok(world.issue(accepted.lfr, products={"bot-creator": 1}, lowers_clock=True))
    assert [warning.code for warning in issued.warnings] == ["clock_still_ahead"]
    assert site.open(issued.raw)[0].lowers_clock is True  # type: ignore[arg-type]
