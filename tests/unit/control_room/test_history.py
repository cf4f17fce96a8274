"""G7, T3: what was used by day and hour, counted as it happens; and what follows from it: when units run out, and which
seats and users are near their limit.
"""

from datetime import UTC, datetime, timedelta

import pytest

from carnet.control_room.ledger.events import CountedRefusal, RefusalsCounted
from carnet.control_room.queries.history import UsageHistory
from carnet.control_room.queries.run_out import near_limit, run_out
from carnet.control_room.rules.decision import View
from carnet.control_room.rules.granting.reservations import ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.control_room.state.usage_counters import (
    DAYS_KEPT,
    HOURS_KEPT,
    UsageCounters,
    day_of,
    hour_of,
    start_of_day,
    start_of_hour,
)
from carnet.entitlements import Period, PeriodUnit
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.verdicts import Code
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import line
from tests.unit.control_room.conftest import YEAR, granted, refused

SEAT, PAGES, USER = "unattended-bot-runner", "document-pages", "bot-creator"
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
MIDNIGHT = MONDAY.replace(hour=0)


def history(room, sku, days=30):
    engine = room.engine
    view = View(room.state, engine.checkpoint, room.now, room.reading, room.store.document, engine.reader.records)
    return UsageHistory(sku, days).answer(view)


def rows(uses):
    return [(use.peak_in_use, use.granted, use.refused, use.consumed) for use in uses]


def install(vendor, room, *lines):
    granted(room.install(vendor.olf(room.request(), lines, room.now)))
    return room


# --- by day and hour ---------------------------------------------------------------------------------------------


def test_seats_are_counted_by_day_and_hour_with_idle_days_carrying_on(licensed):
    leases = [granted(licensed.do(AcquireSeat(SEAT, f"bot-{n}", 86_400))).lease_id for n in (1, 2)]
    refused(licensed.do(AcquireSeat(SEAT, "bot-3")), Code.EXHAUSTED)
    granted(licensed.do(ReleaseSeat(leases[0])))
    granted(licensed.do(AssignUser(USER, "anna")))
    licensed.wait(days=3)
    assert rows(history(licensed, USER).days) == [(1, 1, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0), (1, 0, 0, 0)]
    granted(licensed.do(UnassignUser(USER, "anna")))
    assert rows(history(licensed, USER).days)[-1] == (1, 0, 0, 0), "it began with one"
    licensed.wait(days=1)
    assert rows(history(licensed, USER).days)[-1] == (0, 0, 0, 0)
    seats = history(licensed, SEAT)
    assert rows(seats.days)[0] == (2, 2, 1, 0)
    assert seats.days[0].start == MIDNIGHT
    assert rows(seats.days)[-1] == (0, 0, 0, 0), "the lease that expired was swept"
    assert seats.hours[0].start == MONDAY
    assert rows(seats.hours)[:2] == [(2, 2, 1, 0), (1, 0, 0, 0)]
    assert len(seats.hours) == 4 * 24 + 1
    assert [use.start for use in history(licensed, SEAT, 2).days] == [MIDNIGHT + 3 * DAY, MIDNIGHT + 4 * DAY]


def test_units_count_when_they_are_consumed_and_a_reservation_when_it_is_taken(licensed):
    granted(licensed.do(ConsumeUnits(PAGES, 10)))
    held = granted(licensed.do(ReserveUnits(PAGES, 30, 86_400)))
    licensed.wait(hours=20)
    granted(licensed.do(SettleUnits(held.reservation_id, 20)))
    assert rows(history(licensed, PAGES).days) == [(0, 2, 0, 10), (0, 0, 0, 20)]


@pytest.mark.rule("G7")
def test_g7_refusals_count_for_the_product_that_they_are_about_and_for_none_that_callers_make_up(licensed):
    held = granted(licensed.do(ReserveUnits(PAGES, 30)))
    refused(licensed.do(SettleUnits(held.reservation_id, 31)), Code.EXHAUSTED)
    for number in range(3):
        refused(licensed.do(ConsumeUnits(f"made-up-{number}", 1)), Code.NOT_GRANTED)
        refused(licensed.do(ConsumeUnits(f"Made up! {number}", 1)), Code.NOT_GRANTED)
    counts = [
        CountedRefusal(what="consume", code="exhausted", sku=PAGES, count=500),
        CountedRefusal(what="consume", code="not_granted", sku=None, count=40),
        CountedRefusal(what="consume", code="not_granted", sku="made-up-1", count=2),
    ]
    licensed.engine.record([RefusalsCounted(counts=counts)], licensed.reading, "control-room")
    assert rows(history(licensed, PAGES).days) == [(0, 1, 501, 0)]
    assert set(licensed.state.tallies) == {SEAT, PAGES, USER, "automator-ai"}
    assert licensed.state.refusals == {"exhausted": 501, "not_granted": 48}
    stated = read_lfr(licensed.request()).lfr.totals.record.body.refusals
    assert {each.code: each.count for each in stated} == licensed.state.refusals
    refused(history(licensed, "made-up-1"), Code.NOT_FOUND)


def test_history_is_the_same_after_a_restart(licensed):
    granted(licensed.do(ConsumeUnits(PAGES, 10)))
    granted(licensed.do(AcquireSeat(SEAT, "bot-1")))
    before = licensed.state.tallies
    licensed.reopen()
    assert licensed.state.tallies == before


def test_it_is_bounded_and_keeps_the_newest():
    tallies = UsageCounters(MONDAY)
    for number in range(2 * DAYS_KEPT):
        tallies.note(MONDAY + number * DAY, consumed=number)
    assert len(tallies.days) == DAYS_KEPT
    assert len(tallies.hours) == HOURS_KEPT
    assert min(tallies.days) == day_of(MONDAY) + DAYS_KEPT
    assert tallies.days[max(tallies.days)].consumed == 2 * DAYS_KEPT - 1


@pytest.mark.rule("T3")
def test_t3_time_that_is_given_up_counts_in_the_day_that_it_becomes():
    tallies = UsageCounters(MONDAY)
    tallies.note(MONDAY, granted=1, consumed=5)
    for days in (700, 701, 5000):
        tallies.using(MONDAY + days * DAY, days // 100, days // 100, granted=1)
    assert day_of(MONDAY) in tallies.days, "a leap ahead wipes nothing out"
    tallies.go_back(MONDAY + HOUR)
    assert set(tallies.days) == {day_of(MONDAY)}
    assert set(tallies.hours) == {hour_of(MONDAY), hour_of(MONDAY + HOUR)}
    day = tallies.days[day_of(MONDAY)]
    assert (day.peak, day.granted, day.consumed, day.in_use) == (50, 4, 5, 50)
    tallies.using(MONDAY + HOUR, 2, 2)
    assert tallies.days[day_of(MONDAY)].in_use == 2


@pytest.mark.rule("T3")
def test_t3_a_lowered_clock_leaves_a_history_that_can_be_read(vendor, licensed):
    lease = granted(licensed.do(AcquireSeat(SEAT, "bot-1")))
    right = licensed.reading.system
    licensed.set_clock(right + 300 * DAY)
    granted(licensed.do(ConsumeUnits(PAGES, 7)))
    licensed.set_clock(right + DAY)
    lines = list(licensed.state.installed.lines)
    granted(licensed.install(vendor.olf(licensed.request(), lines, right + DAY, lowers_clock=True)))
    assert licensed.now == right + DAY
    assert sum(use.consumed for use in history(licensed, PAGES).days) == 7
    assert sum(use.consumed for use in history(licensed, PAGES).hours) == 7
    assert rows(history(licensed, SEAT).days)[-1][0] >= 1, lease


def test_days_and_hours_are_numbered_by_the_calendar():
    for at in (datetime(1, 1, 1, tzinfo=UTC), MONDAY, datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC)):
        assert start_of_day(day_of(at)) == at.replace(hour=0, minute=0, second=0)
        assert start_of_hour(hour_of(at)) == at.replace(minute=0, second=0)


# --- when units run out ------------------------------------------------------------------------------------------


def paces(room):
    (only,) = run_out(room.state, room.now)
    return only.week, only.month


def test_nothing_used_never_runs_out(vendor, enabled):
    install(vendor, enabled, line(PAGES, 100, MONDAY, YEAR))
    for pace in paces(enabled):
        assert (pace.consumed, pace.per_day, pace.runs_out_at) == (0, 0, None)
    assert run_out(enabled.state, enabled.now)[0].remaining == 100


def test_the_first_day_counts_as_a_whole_one_and_later_ones_as_far_as_they_went(vendor, enabled):
    install(vendor, enabled, line(PAGES, 100, MONDAY, YEAR))
    enabled.wait(hours=1)
    granted(enabled.do(ConsumeUnits(PAGES, 10)))
    for pace in paces(enabled):
        assert (pace.per_day, pace.runs_out_at) == (10, enabled.now + 9 * DAY)
    enabled.wait(hours=47)  # two whole days since the license came
    for pace in paces(enabled):
        assert (pace.per_day, pace.runs_out_at) == (5, enabled.now + 18 * DAY)


def test_a_week_forgets_what_a_month_remembers(vendor, enabled):
    install(vendor, enabled, line(PAGES, 1000, MONDAY, YEAR))
    granted(enabled.do(ConsumeUnits(PAGES, 300)))
    enabled.wait(days=10)
    granted(enabled.do(ConsumeUnits(PAGES, 76)))
    week, month = paces(enabled)
    span = 6 * DAY + 8 * HOUR  # six whole days, and today until eight
    assert (week.consumed, week.runs_out_at) == (76, enabled.now + 624 * span // 76 // timedelta(seconds=1) * SECOND)
    assert (month.consumed, month.per_day) == (376, 38)
    enabled.wait(days=40)
    assert [pace.runs_out_at for pace in paces(enabled)] == [None, None]


def test_what_lasts_to_the_end_of_the_license_does_not_run_out(vendor, enabled):
    install(vendor, enabled, line(PAGES, 100, MONDAY, MONDAY + 10 * DAY))
    granted(enabled.do(ConsumeUnits(PAGES, 5)))
    assert paces(enabled)[0].runs_out_at is None


def test_a_line_that_starts_later_is_counted_from_its_start(vendor, enabled):
    now = line(PAGES, 20, MONDAY, MONDAY + 100 * DAY)
    later = line(PAGES, 40, MONDAY + 3 * DAY, YEAR)
    install(vendor, enabled, now, later)
    granted(enabled.do(ConsumeUnits(PAGES, 5)))
    assert paces(enabled)[0].runs_out_at == enabled.now + 11 * DAY


def test_a_gap_between_lines_is_a_moment_at_which_there_is_nothing(vendor, enabled):
    now = line(PAGES, 100, MONDAY, MONDAY + 5 * DAY)
    install(vendor, enabled, now, line(PAGES, 100, MONDAY + 6 * DAY, YEAR))
    granted(enabled.do(ConsumeUnits(PAGES, 2)))
    assert paces(enabled)[0].runs_out_at == MONDAY + 5 * DAY


@pytest.mark.rule("Q2")
def test_q2_a_new_period_brings_new_units_and_what_was_left_lapses(vendor, enabled):
    pages = line(PAGES, 100, MONDAY, YEAR, period=Period(unit=PeriodUnit.MONTH, start=MONDAY))
    install(vendor, enabled, pages)
    granted(enabled.do(ConsumeUnits(PAGES, 3)))
    assert paces(enabled)[0].runs_out_at is None, "three a day last for a month, each month"
    granted(enabled.do(ConsumeUnits(PAGES, 1)))
    october = MONDAY.replace(month=10)
    assert paces(enabled)[0].runs_out_at == MONDAY + 24 * DAY < october
    granted(enabled.do(ConsumeUnits(PAGES, 66)))
    assert paces(enabled)[0].runs_out_at == MONDAY + 30 * 86_400 // 70 * SECOND


def test_units_that_last_for_ever_are_not_counted_for_ever(vendor, enabled):
    end = datetime(9999, 12, 31, tzinfo=UTC)
    install(vendor, enabled, line(PAGES, 100, MONDAY, end, period=Period(unit=PeriodUnit.MONTH, start=MONDAY)))
    granted(enabled.do(ConsumeUnits(PAGES, 1)))
    assert paces(enabled)[0].runs_out_at is None


def test_what_is_reserved_is_not_left(vendor, enabled):
    install(vendor, enabled, line(PAGES, 100, MONDAY, YEAR))
    granted(enabled.do(ConsumeUnits(PAGES, 10)))
    granted(enabled.do(ReserveUnits(PAGES, 40)))
    assert paces(enabled)[0].runs_out_at == enabled.now + 5 * DAY


# --- near the limit ----------------------------------------------------------------------------------------------


def test_a_peak_of_90_percent_in_the_last_30_days_is_near_the_limit(vendor, enabled):
    install(vendor, enabled, line(USER, 10, MONDAY, YEAR), line(SEAT, 10, MONDAY, YEAR))
    for number in range(9):
        assert near_limit(enabled.state, enabled.now) == []
        granted(enabled.do(AssignUser(USER, f"user-{number}")))
    (near,) = near_limit(enabled.state, enabled.now)
    assert (near.sku, near.peak_in_use, near.granted, near.percent) == (USER, 9, 10, 90)
    granted(enabled.do(UnassignUser(USER, "user-0")))
    enabled.wait(days=29)
    assert near_limit(enabled.state, enabled.now)
    enabled.wait(days=1)
    assert near_limit(enabled.state, enabled.now) == []
    install(vendor, enabled, line(USER, 8, MONDAY, YEAR))
    assert near_limit(enabled.state, enabled.now)[0].percent == 100, "the eight are still there"
