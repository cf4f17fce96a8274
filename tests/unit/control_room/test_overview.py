"""License Management in one answer, against a count of all that is there, and what each product leads to."""

from datetime import timedelta

import pytest
from hypothesis import given, settings

from carnet.control_room.queries.overview import GROUPS, Overview
from carnet.control_room.rules.grant import lines_of
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from tests.support import depth
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import line
from tests.support.walk import ACTS, FEATURE, PAGES, SEAT, USER, Walk
from tests.unit.control_room.conftest import YEAR, granted, standard_lines

DAY = timedelta(days=1)


def rows(room):
    return {row.view.sku: row for row in room.ask(Overview()).rows}


def test_rows_come_by_how_they_are_counted_then_by_name(licensed):
    assert [row.view.sku for row in licensed.ask(Overview()).rows] == [USER, SEAT, PAGES, FEATURE]
    assert [row.view.metric for row in licensed.ask(Overview()).rows] == [metric.value for metric in GROUPS]


def test_no_license_no_rows(enabled):
    assert enabled.ask(Overview()).rows == []


def test_what_each_product_leads_to(licensed):
    assert {sku: row.outlook for sku, row in rows(licensed).items()} == {
        USER: "lasts",
        SEAT: "peak",
        PAGES: "early",
        FEATURE: "on",
    }
    for bot in ("a", "b", "c"):
        licensed.do(AcquireSeat(SEAT, bot))
    licensed.do(ConsumeUnits(PAGES, 20))
    found = rows(licensed)
    assert (found[SEAT].outlook, found[SEAT].times_full, found[SEAT].refused_30_days) == ("full", 1, 1)
    assert (found[SEAT].days, found[SEAT].peak) == ([2], 2)
    assert (found[PAGES].outlook, found[PAGES].days) == ("early", [20])


def test_a_pace_is_told_once_a_week_is_known(licensed):
    for _ in range(6):
        licensed.do(ConsumeUnits(PAGES, 10))
        assert rows(licensed)[PAGES].outlook == "early"
        licensed.wait(days=1)
    licensed.do(ConsumeUnits(PAGES, 10))
    found = rows(licensed)[PAGES]
    assert (found.outlook, found.days) == ("runs_out", [10] * 7)
    assert licensed.now + 2 * DAY < found.runs_out_at < licensed.now + 4 * DAY  # 30 left at 70 in six days


@pytest.mark.rule("Q5")
def test_what_has_ended_ends_and_its_end_includes_grace(vendor, enabled):
    lines = [line(FEATURE, 1, MONDAY, MONDAY + 5 * DAY, grace=3), line(USER, 1, MONDAY, YEAR)]
    granted(enabled.install(vendor.olf(enabled.request(), lines, MONDAY)))
    assert rows(enabled)[FEATURE].ends == MONDAY + 8 * DAY
    enabled.wait(days=7)
    assert rows(enabled)[FEATURE].outlook == "on"
    enabled.wait(days=1)
    assert rows(enabled)[FEATURE].outlook == "ends"


@settings(max_examples=depth.times(20, 800), deadline=None)
@given(ACTS)
def test_it_is_what_a_count_of_everything_says(acts):
    walk = Walk(standard_lines()).take(acts)
    walk.room.reopen()
    for row in walk.room.ask(Overview()).rows:
        sku, days = row.view.sku, walk.days(len(row.days))
        mine = [each for each in lines_of(walk.room.state) if each.sku == sku]
        assert (row.valid_from, row.ends) == (min(each.valid_from for each in mine), max(each.ends for each in mine))
        assert row.refused_30_days == walk.refused[sku]
        if sku == PAGES:
            assert row.days == [walk.consumed[day] for day in days]
            assert row.view.remaining == 100 - sum(walk.consumed.values())
        elif sku in (USER, SEAT):
            seen = [walk.peaks.get((sku, day)) for day in days]
            assert all(here >= there for here, there in zip(row.days, seen, strict=True) if there is not None)
            assert row.view.in_use == len(walk.holders(sku))
            assert row.peak == max(row.days)
            assert row.times_full == sum(peak >= row.view.granted for peak in row.days)
