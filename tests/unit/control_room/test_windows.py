"""E18 at the site: it goes by the windows of its installed OLF, before the first one by those of its token."""

from datetime import timedelta

import pytest

from carnet.control_room.engine.engine import Engine
from carnet.control_room.queries.banner import banner
from carnet.control_room.queries.exchange import Exchange
from carnet.control_room.queries.forecast import forecast
from carnet.control_room.queries.notices import due_notices
from carnet.control_room.queries.questions import Status
from carnet.control_room.rules.activation.generate_request import WithdrawCycle
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.exchange.license_file_request import RequestKind, read_lfr
from carnet.exchange.verdicts import Code, Refusal
from carnet.exchange.windows import Windows
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor
from tests.unit.control_room.conftest import YEAR, granted, refused, standard_lines

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
LONG = Windows(cycle_days=14, newest_request_hours=72)


def licensed_by(vendor: Vendor, windows: Windows) -> Room:
    vendor.windows = windows
    room = Room(vendor.trust)
    room.enable(vendor.token(MONDAY))
    granted(room.install(vendor.olf(room.request(), standard_lines(), MONDAY)))
    return room


def stated(raw: bytes) -> Windows:
    read = read_lfr(raw)
    assert not isinstance(read, Refusal)
    return read.lfr.windows


@pytest.mark.rule("E18", "E2")
def test_before_the_first_license_file_those_of_the_token_hold(vendor, new_room):
    vendor.windows = LONG
    new_room.enable(vendor.token(MONDAY))
    assert stated(new_room.request()) == LONG == new_room.state.windows
    assert new_room.state.newest_lfr.install_by == MONDAY + 72 * HOUR


@pytest.mark.rule("E18", "E2", "expired", "too_early")
@pytest.mark.parametrize(("hours", "code"), [(-1, Code.TOO_EARLY), (0, None), (71, None), (72, Code.EXPIRED)])
def test_a_token_lasts_as_it_says(vendor, new_room, hours, code):
    vendor.windows = Windows(token_life_hours=72)
    token = vendor.token(MONDAY)
    new_room.wait(hours=hours)
    before = new_room.dump()
    answer = new_room.enable(token)
    if code is None:
        granted(answer)
        return
    refusal = refused(answer, code)
    assert new_room.dump() == before
    assert code is not Code.EXPIRED or "72 hours" in refusal.next


@pytest.mark.rule("E18", "E4", "E5")
def test_an_open_cycle_keeps_the_windows_that_it_was_opened_under(vendor, licensed):
    asked = licensed.request()
    vendor.windows = LONG
    answer = vendor.olf(asked, standard_lines(), MONDAY)
    licensed.wait(hours=48)
    licensed.wait(seconds=-1)
    assert stated(asked) == Windows()
    granted(licensed.install(answer))
    assert licensed.state.windows == LONG
    assert stated(licensed.request()) == LONG


@pytest.mark.rule("E5", "E18", "window_closed")
def test_the_longer_window_is_judged_on_both_sides_of_its_edge(vendor):
    for late in (False, True):
        room = licensed_by(vendor, LONG)
        olf = vendor.olf(room.request(), standard_lines(), MONDAY)
        room.wait(hours=72)
        if not late:
            room.wait(seconds=-1)
            granted(room.install(olf))
            continue
        before = room.dump()
        refused(room.install(olf), Code.WINDOW_CLOSED)
        assert room.dump() == before


@pytest.mark.rule("E4", "E8", "E18", "locked")
def test_a_cycle_of_14_days_is_still_open_on_day_13_and_then_locks(vendor):
    room = licensed_by(vendor, LONG)
    room.request()
    room.wait(days=14)
    room.wait(seconds=-1)
    assert room.state_name == "active"
    granted(room.do(AcquireSeat("unattended-bot-runner", "host-1")))
    room.wait(seconds=1)
    refusal = refused(room.do(AcquireSeat("unattended-bot-runner", "host-2")), Code.LOCKED)
    assert "within 14 days" in refusal.message
    assert "within 14 days" in banner(room.state, room.now).title


@pytest.mark.rule("E8", "E18", "E14", "window_closed")
def test_where_the_windows_do_not_lock_the_cycle_lapses_and_granting_goes_on(vendor):
    room = licensed_by(vendor, Windows(missed_cycle_locks=False))
    olf = vendor.olf(room.request(), standard_lines(), MONDAY)
    assert forecast(room.state, MONDAY + 8 * DAY, room.now).state == "active"
    assert not any("locks" in notice.text for notice in due_notices(room.state, MONDAY + 7 * DAY - HOUR))
    room.wait(days=7)
    assert room.state_name == "active"
    cycle = room.ask(Status()).cycle
    assert cycle.missed
    assert not cycle.locks
    granted(room.do(AcquireSeat("unattended-bot-runner", "host-1")))
    missed = room.ask(Exchange()).entries[0]
    assert (missed.outcome, missed.outcome_at) == ("lapsed", MONDAY + 7 * DAY)
    assert banner(room.state, room.now) is None
    refused(room.do(WithdrawCycle()), Code.WINDOW_CLOSED)
    refused(room.install(olf), Code.WINDOW_CLOSED)
    granted(room.install(vendor.olf(room.request(), standard_lines(), room.now)))
    assert "cycle.missed" in room.kinds()


@pytest.mark.rule("E8", "E18")
def test_a_lock_stands_though_the_answer_brings_windows_that_do_not_lock(vendor):
    room = licensed_by(vendor, Windows())
    room.request()
    room.wait(days=8)
    assert room.state_name == "locked"
    vendor.windows = Windows(missed_cycle_locks=False)
    granted(room.install(vendor.olf(room.request(), standard_lines(), room.now)))
    assert room.state_name == "active"
    room.request()
    room.wait(days=8)
    assert room.state_name == "active"


@pytest.mark.rule("S", "E18")
def test_the_banner_the_state_and_the_notices_begin_at_the_first_step(vendor):
    room = licensed_by(vendor, Windows(expiry_notice_days=(60, 9), banner_stays_days=3))
    assert banner(room.state, YEAR - 60 * DAY - SECOND) is None
    assert due_notices(room.state, YEAR - 60 * DAY - SECOND) == []
    assert banner(room.state, YEAR - 60 * DAY).dismissible
    assert [notice.id.rpartition(":")[2] for notice in due_notices(room.state, YEAR - 60 * DAY)] == ["60"]
    assert banner(room.state, YEAR - 4 * DAY).dismissible
    assert not banner(room.state, YEAR - 4 * DAY + SECOND).dismissible
    for moment, name in ((YEAR - 60 * DAY - SECOND, "active"), (YEAR - 60 * DAY + SECOND, "expiring")):
        assert forecast(room.state, moment, room.now).state == name


@pytest.mark.rule("E5", "E18")
def test_notices_before_a_deadline_come_at_the_steps_that_were_signed(vendor):
    room = licensed_by(vendor, Windows(deadline_notice_hours=(10, 1)))
    room.request()
    told, sent = [], set()
    for minutes in range(0, 48 * 60, 30):
        for notice in due_notices(room.state, MONDAY + timedelta(minutes=minutes), sent):
            sent.add(notice.id)
            told.append(notice.id.rpartition(":")[2])
    assert told == ["10", "1"]


@pytest.mark.rule("T3", "E18", "clock_still_ahead")
@pytest.mark.parametrize(("ahead", "code"), [(2 * DAY, None), (2 * DAY + SECOND, Code.CLOCK_STILL_AHEAD)])
def test_how_far_ahead_a_clock_may_be_is_what_was_signed(vendor, ahead, code):
    room = licensed_by(vendor, Windows(clock_ahead_days=2))
    room.set_clock(MONDAY + ahead)
    olf = vendor.olf(room.request(), standard_lines(), MONDAY, lowers_clock=True)
    answer = room.install(olf)
    if code is None:
        granted(answer)
    else:
        assert "at most 2 days" in refused(answer, code).message


@pytest.mark.rule("E18", "E11")
def test_a_new_token_replaces_them_and_a_start_finds_them_again(vendor):
    room = licensed_by(vendor, LONG)
    room.request(RequestKind.RELEASE)
    vendor.windows = Windows(cycle_days=5)
    granted(room.enable(vendor.token(MONDAY)))
    assert room.state.windows == Windows(cycle_days=5)
    room.reopen()
    assert isinstance(room.engine, Engine)
    assert room.state.windows == Windows(cycle_days=5)
    assert room.verify().holds
