"""T1-T4, G6: trusted time, clocks set back and ahead, restarts, and the leases that live through them."""

from datetime import UTC, datetime, timedelta

import pytest

from carnet.control_room.engine.engine import QueuedCommand
from carnet.control_room.rules.grant import live_leases
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser
from carnet.control_room.state.trusted_time import Anchor, Reading, trusted_time
from carnet.entitlements import Period, PeriodUnit
from carnet.exchange.license_file_request import read_lfr
from carnet.exchange.verdicts import Code
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import line
from tests.unit.control_room.conftest import YEAR, granted, refused, standard_lines

SECOND = timedelta(seconds=1)
SEAT = "unattended-bot-runner"


@pytest.mark.rule("T1")
def test_t1_trusted_time_is_the_largest_of_clock_mark_and_uptime():
    anchor = Anchor(trusted=MONDAY, uptime=100, boot="a")
    at = {"system": MONDAY - timedelta(days=1), "uptime": 160, "boot": "a"}
    assert trusted_time(MONDAY, anchor, Reading(**at)) == MONDAY + timedelta(seconds=60)
    assert trusted_time(MONDAY, anchor, Reading(**at | {"boot": "b"})) == MONDAY
    assert trusted_time(MONDAY, anchor, Reading(**at | {"uptime": 50})) == MONDAY
    assert trusted_time(MONDAY, None, Reading(**at)) == MONDAY
    assert trusted_time(MONDAY, anchor, Reading(YEAR, 160, "a")) == YEAR


@pytest.mark.rule("T1")
def test_t1_the_vendors_time_in_the_installed_file_counts(vendor, enabled):
    ahead = MONDAY + timedelta(hours=5)
    granted(enabled.install(vendor.olf(enabled.request(), standard_lines(), ahead)))
    assert enabled.now == ahead


@pytest.mark.rule("T1")
def test_t1_trusted_time_survives_the_process(licensed):
    licensed.wait(days=3)
    licensed.do(AssignUser("bot-creator", "anna"))
    licensed.set_clock(MONDAY)
    licensed.wait(hours=1)
    licensed.reopen()
    assert licensed.now == MONDAY + timedelta(days=3, hours=1)


@pytest.mark.rule("T2")
def test_t2_a_clock_set_back_gains_nothing_while_the_machine_runs(licensed):
    licensed.do(AssignUser("bot-creator", "anna"))
    licensed.wait(days=364, hours=23)
    licensed.set_clock(MONDAY)
    licensed.wait(hours=2)
    refused(licensed.do(AssignUser("bot-creator", "bert")), Code.EXPIRED)


@pytest.mark.rule("T2")
def test_t2_a_clock_set_back_is_recorded_once_shown_and_reported(licensed):
    licensed.wait(days=1)
    licensed.do(AssignUser("bot-creator", "anna"))
    licensed.set_clock(licensed.reading.system - timedelta(hours=6))
    licensed.do(AssignUser("bot-creator", "bert"))
    licensed.do(AssignUser("bot-creator", "cleo"))
    assert licensed.kinds().count("clock.set_back") == 1
    clock = read_lfr(licensed.request()).lfr.clock
    assert (clock.set_back_count, clock.largest_set_back_s) == (1, 6 * 3600)
    assert clock.trusted - clock.system == timedelta(hours=6)
    licensed.set_clock(licensed.now)
    licensed.request()
    assert licensed.kinds().count("clock.caught_up") == 1


@pytest.mark.rule("T2", "L5")
def test_t2_time_spent_switched_off_is_not_seen(licensed):
    licensed.wait(days=1)
    licensed.do(AssignUser("bot-creator", "anna"))
    licensed.set_clock(MONDAY)
    licensed.reboot()
    assert licensed.now == MONDAY + timedelta(days=1)


@pytest.mark.rule("T3")
def test_t3_permission_to_lower_the_mark_brings_a_poisoned_clock_back(vendor, licensed):
    lease = granted(licensed.do(AcquireSeat(SEAT, "bot-1", 600))).lease_id
    licensed.do(ConsumeUnits("document-pages", 40))
    licensed.set_clock(MONDAY + timedelta(days=200))
    licensed.do(AssignUser("bot-creator", "anna"))
    licensed.set_clock(MONDAY + timedelta(hours=1))
    assert licensed.now >= MONDAY + timedelta(days=200)
    lfr = licensed.request()
    vendor_now = MONDAY + timedelta(hours=2)
    granted(licensed.install(vendor.olf(lfr, standard_lines(), vendor_now, lowers_clock=True)))
    assert licensed.now == vendor_now
    assert licensed.state.consumed(*_pages(licensed)) == 40
    assert "clock.lowered" in licensed.kinds()
    assert licensed.verify().holds
    # the lease that ran got one time to live from there
    assert lease in live_leases(licensed.state, SEAT, vendor_now + timedelta(seconds=599))
    assert lease not in live_leases(licensed.state, SEAT, vendor_now + timedelta(seconds=600))


@pytest.mark.rule("T3", "clock_still_ahead")
@pytest.mark.parametrize(("ahead", "fits"), [(timedelta(days=7), True), (timedelta(days=7, seconds=1), False)])
def test_t3_the_machines_own_clock_must_be_set_right_first(vendor, licensed, ahead, fits):
    licensed.set_clock(MONDAY + timedelta(days=60))
    licensed.do(AssignUser("bot-creator", "anna"))
    olf = vendor.olf(licensed.request(), standard_lines(), MONDAY, lowers_clock=True)
    licensed.set_clock(MONDAY + ahead)
    before = licensed.dump()
    answer = licensed.install(olf)
    if fits:
        granted(answer)
        assert licensed.now == MONDAY + ahead
    else:
        refused(answer, Code.CLOCK_STILL_AHEAD)
        assert licensed.dump() == before


@pytest.mark.rule("T3", "Q3")
def test_t3_a_clock_moved_ahead_and_lowered_again_resets_no_period(vendor, enabled):
    pages = line("document-pages", 100, MONDAY, YEAR, period=Period(unit=PeriodUnit.MONTH, start=MONDAY))
    enabled.install(vendor.olf(enabled.request(), [pages], MONDAY))
    enabled.do(ConsumeUnits("document-pages", 90))
    enabled.set_clock(MONDAY + timedelta(days=35))
    granted(enabled.do(ConsumeUnits("document-pages", 50)))
    lfr = enabled.request()
    enabled.set_clock(MONDAY + timedelta(hours=1))
    granted(enabled.install(vendor.olf(lfr, [pages], MONDAY + timedelta(hours=1), lowers_clock=True)))
    refused(enabled.do(ConsumeUnits("document-pages", 11)), Code.EXHAUSTED)
    granted(enabled.do(ConsumeUnits("document-pages", 10)))
    assert enabled.verify().holds


@pytest.mark.rule("T1")
def test_t1_without_permission_the_mark_stays(vendor, licensed):
    licensed.set_clock(MONDAY + timedelta(days=60))
    licensed.do(AssignUser("bot-creator", "anna"))
    licensed.set_clock(MONDAY)
    lfr = licensed.request()
    granted(licensed.install(vendor.olf(lfr, standard_lines(), MONDAY)))
    assert licensed.now >= MONDAY + timedelta(days=60)


@pytest.mark.rule("G6")
def test_g6_after_a_restart_each_running_lease_gets_one_time_to_live(licensed):
    lease = granted(licensed.do(AcquireSeat(SEAT, "bot-1", 600))).lease_id
    licensed.wait(seconds=599)
    licensed.reboot()
    licensed.do(AssignUser("bot-creator", "anna"))
    assert licensed.kinds().count("leases.extended") == 1
    licensed.wait(seconds=599)
    assert lease in live_leases(licensed.state, SEAT, licensed.now)
    licensed.wait(seconds=1)
    assert lease not in live_leases(licensed.state, SEAT, licensed.now)


@pytest.mark.rule("G6")
def test_g6_a_clock_that_jumps_ahead_does_not_end_leases_at_once(licensed):
    lease = granted(licensed.do(AcquireSeat(SEAT, "bot-1", 600))).lease_id
    licensed.set_clock(MONDAY + timedelta(days=2))
    licensed.do(AssignUser("bot-creator", "anna"))
    assert lease in live_leases(licensed.state, SEAT, licensed.now)


@pytest.mark.rule("G2")
@pytest.mark.parametrize(("after", "free"), [(599, False), (600, True)])
def test_g2_a_lease_expires_by_the_judgement_of_each_decision(licensed, after, free):
    for holder in ("bot-1", "bot-2"):
        granted(licensed.do(AcquireSeat(SEAT, holder, 600)))
    licensed.wait(seconds=after)
    answer = licensed.do(AcquireSeat(SEAT, "bot-3", 600))
    granted(answer) if free else refused(answer, Code.EXHAUSTED)


@pytest.mark.rule("T4")
def test_t4_a_leap_day_is_a_day_like_any_other(vendor, enabled):
    leap = datetime(2028, 2, 29, tzinfo=UTC)
    pages = line(
        "document-pages", 10, leap, leap + timedelta(days=800), period=Period(unit=PeriodUnit.YEAR, start=leap)
    )
    enabled.set_clock(leap)
    enabled.install(vendor.olf(enabled.request(), [pages], leap))
    granted(enabled.do(ConsumeUnits("document-pages", 10)))
    enabled.set_clock(datetime(2029, 2, 27, 23, 59, 59, tzinfo=UTC))
    refused(enabled.do(ConsumeUnits("document-pages", 1)), Code.EXHAUSTED)
    enabled.set_clock(datetime(2029, 2, 28, tzinfo=UTC))
    granted(enabled.do(ConsumeUnits("document-pages", 10)))


def _pages(room):
    line_id = next(key for key, memory in room.state.lines.items() if memory.sku == "document-pages")
    return line_id, None


@pytest.mark.rule("G6", "T1", "E7")
def test_g6_a_vendors_clock_that_is_ahead_ends_no_lease(vendor, licensed):
    lease = granted(licensed.do(AcquireSeat(SEAT, "bot-1", 600))).lease_id
    ahead = MONDAY + timedelta(minutes=15)
    granted(licensed.install(vendor.olf(licensed.request(), standard_lines(), ahead)))
    assert licensed.now == ahead
    licensed.wait(seconds=599)
    assert lease in live_leases(licensed.state, SEAT, licensed.now)
    assert licensed.verify().holds


@pytest.mark.rule("E10", "T1", "does_not_fit")
def test_e10_a_vendors_clock_that_is_ahead_takes_no_seat_away(vendor, licensed):
    for holder in ("bot-1", "bot-2"):
        granted(licensed.do(AcquireSeat(SEAT, holder, 600)))
    olf = vendor.olf(licensed.request(), standard_lines(unattended_bot_runner=1), MONDAY + timedelta(hours=2))
    before = licensed.dump()
    refused(licensed.install(olf), Code.DOES_NOT_FIT)
    assert licensed.dump() == before


@pytest.mark.rule("T2", "T1")
def test_t2_what_the_vendors_time_is_ahead_nobody_set_back(vendor, licensed):
    granted(licensed.install(vendor.olf(licensed.request(), standard_lines(), MONDAY + timedelta(minutes=15))))
    licensed.wait(seconds=5)
    licensed.do(AssignUser("bot-creator", "anna"))
    assert licensed.state.set_back_count == 0
    assert read_lfr(licensed.request()).lfr.clock.largest_set_back_s == 0
    licensed.set_clock(licensed.reading.system - timedelta(hours=1))
    licensed.do(AssignUser("bot-creator", "bert"))
    assert (licensed.state.set_back_count, licensed.state.largest_set_back) == (1, 3600)


@pytest.mark.rule("T3", "G2")
def test_t3_what_had_expired_by_a_poisoned_clock_stays_expired_when_it_is_lowered(vendor, licensed):
    lines = [line(SEAT, 2000, MONDAY, MONDAY + timedelta(days=5000))]
    granted(licensed.install(vendor.olf(licensed.request(), lines, MONDAY)))
    licensed.set_clock(MONDAY + timedelta(days=700))
    many = [AcquireSeat(SEAT, f"bot-{number}", 600) for number in range(1500)]
    licensed.engine.execute_all([QueuedCommand(command, "bots") for command in many], licensed.reading)
    lfr = licensed.request()
    licensed.wait(hours=1)
    licensed.set_clock(MONDAY + timedelta(hours=2))
    granted(licensed.install(vendor.olf(lfr, lines, MONDAY + timedelta(hours=2), lowers_clock=True)))
    assert live_leases(licensed.state, SEAT, licensed.now) == []
