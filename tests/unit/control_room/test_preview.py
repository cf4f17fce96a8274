"""E5, E7, E10: a preview shows each judged step and the way out: whom to free, so that it then installs."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from carnet.control_room.queries.license_preview import CANDIDATES, PreviewLicense
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.exchange.verdicts import Code
from carnet.times import minute, until
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import line
from tests.support.walk import SEAT, USER
from tests.unit.control_room.conftest import YEAR, granted, refused, standard_lines

DAY = timedelta(days=1)


def wrong(shown):
    return [check.code for check in shown.checks if not check.ok]


@pytest.mark.rule("E7")
def test_a_good_file_lists_its_checks_and_what_it_answers(vendor, licensed):
    raw = vendor.olf(licensed.request(), standard_lines(bot_creator=9), MONDAY)
    shown = licensed.ask(PreviewLicense(raw))
    assert (shown.refused, wrong(shown), shown.to_free) == (None, [], [])
    assert (shown.answers_request, shown.issued_at, shown.size) == (2, MONDAY, len(raw))
    assert any("signatures hold" in check.words for check in shown.checks)
    assert len(shown.checks) == 7


@pytest.mark.rule("E10", "does_not_fit")
def test_e10_freeing_whom_it_names_makes_it_fit(vendor, licensed):
    for name in ("anna", "bert", "cleo"):
        granted(licensed.do(AssignUser(USER, name)))
        licensed.wait(minutes=1)
    leases = [granted(licensed.do(AcquireSeat(SEAT, f"bot-{number}"))).lease_id for number in (1, 2)]
    olf = vendor.olf(licensed.request(), standard_lines(bot_creator=1, unattended_bot_runner=1), licensed.now)
    shown = licensed.ask(PreviewLicense(olf))
    assert shown.refused.code is Code.DOES_NOT_FIT
    assert wrong(shown) == ["does_not_fit"]
    users, seats = shown.to_free
    assert (users.sku, users.metric, users.granted, users.in_use, users.count) == (USER, "named_user", 1, 3, 2)
    assert [each.id for each in users.candidates] == ["cleo", "bert", "anna"]
    assert users.candidates[2].since == MONDAY
    assert [(each.id, each.holder) for each in seats.candidates] == [(leases[1], "bot-2"), (leases[0], "bot-1")]
    for each in users.candidates[: users.count]:
        granted(licensed.do(UnassignUser(USER, each.id)))
    granted(licensed.do(ReleaseSeat(seats.candidates[0].id)))
    assert licensed.ask(PreviewLicense(olf)).refused is None
    granted(licensed.install(olf))


@pytest.mark.rule("E10", "Q4", "does_not_fit")
def test_e10_the_count_is_enough_also_where_some_are_not_covered(vendor, enabled):
    lines = [line(USER, 2, MONDAY, YEAR), line(USER, 2, MONDAY, MONDAY + DAY)]
    granted(enabled.install(vendor.olf(enabled.request(), lines, MONDAY)))
    for name in ("anna", "bert", "cleo", "dora"):
        granted(enabled.do(AssignUser(USER, name)))
    enabled.wait(days=2)
    olf = vendor.olf(enabled.request(), [line(USER, 1, MONDAY, YEAR)], enabled.now)
    few = enabled.ask(PreviewLicense(olf)).to_free[0]
    assert few.count == 3
    for each in few.candidates[: few.count - 1]:
        granted(enabled.do(UnassignUser(USER, each.id)))
    refused(enabled.install(olf), Code.DOES_NOT_FIT)
    granted(enabled.do(UnassignUser(USER, few.candidates[2].id)))
    granted(enabled.install(olf))


@pytest.mark.rule("E5", "E7", "window_closed", "superseded")
def test_a_file_that_is_refused_still_says_all_that_is_wrong(vendor, licensed):
    for name in ("anna", "bert", "cleo"):
        granted(licensed.do(AssignUser(USER, name)))
    olf = vendor.olf(licensed.request(), standard_lines(bot_creator=1), MONDAY)
    licensed.wait(hours=48)
    shown = licensed.ask(PreviewLicense(olf))
    assert shown.refused.code is Code.WINDOW_CLOSED
    assert wrong(shown) == ["window_closed", "does_not_fit"]
    licensed.request()
    shown = licensed.ask(PreviewLicense(olf))
    assert (shown.refused.code, shown.answers_request) == (Code.SUPERSEDED, 2)
    assert shown.to_free[0].count == 2


@pytest.mark.rule("E10", "does_not_fit")
def test_e10_units_that_are_too_few_are_named_and_no_freeing_helps(vendor, licensed):
    granted(licensed.do(ConsumeUnits("document-pages", 40)))
    mine = next(each for each in licensed.state.installed.lines if each.sku == "document-pages")
    shown = licensed.ask(PreviewLicense(vendor.olf(licensed.request(), [replace(mine, quantity=30)], licensed.now)))
    (short,) = shown.units_short
    assert (short.sku, short.granted, short.consumed, shown.to_free) == ("document-pages", 30, 40, [])
    assert shown.refused.code is Code.DOES_NOT_FIT


def test_very_many_are_not_all_named(vendor, enabled):
    lines = standard_lines(bot_creator=CANDIDATES + 10)
    granted(enabled.install(vendor.olf(enabled.request(), lines, MONDAY)))
    for number in range(CANDIDATES + 5):
        granted(enabled.do(AssignUser(USER, f"user-{number}")))
    few = enabled.ask(PreviewLicense(vendor.olf(enabled.request(), standard_lines(), MONDAY))).to_free[0]
    assert (few.count, len(few.candidates)) == (CANDIDATES + 2, CANDIDATES)


@pytest.mark.rule("malformed")
def test_what_is_not_for_this_site_is_refused_whole(vendor, licensed):
    refused(licensed.ask(PreviewLicense(b"no file")), Code.MALFORMED)


@pytest.mark.rule("E9")
def test_e9_fewer_from_a_later_day_on_is_said_as_calm_says_it(vendor, enabled):
    """The same sentence as on the other side: both ask `entitlements.comparison`."""
    later, end = YEAR + 365 * DAY, minute(YEAR)
    granted(enabled.install(vendor.olf(enabled.request(), [line(USER, 30, MONDAY, YEAR)], MONDAY)))
    lines = [line(USER, 30, MONDAY, YEAR), line(USER, 5, YEAR, later)]
    shown = enabled.ask(PreviewLicense(vendor.olf(enabled.request(), lines, MONDAY)))
    (change,) = shown.changes
    assert (change.was, change.now) == (30, 30)
    assert change.later == [f"30 → 5 from {end} (−25)", f"{until(later)} instead of {until(YEAR)}"]
    same = [line(USER, 30, MONDAY, YEAR), line(USER, 30, YEAR, later)]
    (change,) = enabled.ask(PreviewLicense(vendor.olf(enabled.request(), same, MONDAY))).changes
    assert change.later == [f"{until(later)} instead of {until(YEAR)}"]
