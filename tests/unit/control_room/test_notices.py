"""S, E5, E8: the banner and the notices, as values: what stands there on which day, and each step once."""

from datetime import timedelta

import pytest

from carnet.control_room.queries.banner import banner
from carnet.control_room.queries.notices import due_notices
from carnet.control_room.queries.status import status
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.windows import Windows
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import line
from tests.unit.control_room.conftest import YEAR, granted, standard_lines

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
END = MONDAY + 100 * DAY


@pytest.fixture
def ending(vendor, enabled):
    lines = [line("bot-creator", 1, MONDAY, END, grace=5)]
    granted(enabled.install(vendor.olf(enabled.request(), lines, MONDAY)))
    return enabled


@pytest.mark.rule("S")
@pytest.mark.parametrize(
    ("left", "kind", "dismissible"),
    [
        (30 * DAY + SECOND, None, None),
        (30 * DAY, "expiring", True),
        (8 * DAY, "expiring", True),
        (8 * DAY - SECOND, "expiring", False),
        (SECOND, "expiring", False),
        (0 * DAY, "grace", False),
        (-5 * DAY + SECOND, "grace", False),
        (-5 * DAY, "expired", False),
    ],
)
def test_s_a_banner_can_be_put_away_until_the_last_week(ending, left, kind, dismissible):
    shown = banner(ending.state, END - left)
    assert (shown and shown.kind, shown and shown.dismissible) == (kind, dismissible)
    if shown:
        assert shown.tone == ("warn" if dismissible else "bad")


@pytest.mark.rule("S")
def test_s_the_banner_says_what_is_under_way_and_the_text_is_made_of_it(ending):
    ending.wait(days=80)
    assert "Generate an LFR of kind renewal" in banner(ending.state, ending.now).text
    ending.request(RequestKind.RENEWAL)
    number = ending.state.newest_lfr.sequence
    assert f"Renewal under way: install the answer to request #{number}" in banner(ending.state, ending.now).text
    ending.wait(hours=48)
    shown = banner(ending.state, ending.now)
    assert "can no longer be answered" in shown.text
    told = status(ending.state, ending.engine.checkpoint, ending.now, ending.reading)
    assert told.notice == shown
    assert told.banner == f"{shown.title} {shown.text}"


@pytest.mark.rule("E5", "E8")
def test_an_open_cycle_is_a_banner_and_a_missed_one_locks_only_a_licensed_site(vendor, enabled):
    enabled.request()
    shown = banner(enabled.state, MONDAY)
    assert (shown.kind, shown.tone, shown.dismissible) == ("cycle", "warn", True)
    assert status(enabled.state, enabled.engine.checkpoint, MONDAY, enabled.reading).banner is None
    assert banner(enabled.state, MONDAY + 25 * HOUR).tone == "bad"
    assert banner(enabled.state, MONDAY + 7 * DAY) is None
    granted(enabled.install(vendor.olf(enabled.request(), standard_lines(), MONDAY)))
    enabled.request()
    locked = banner(enabled.state, MONDAY + 7 * DAY)
    assert (locked.kind, locked.dismissible) == ("locked", False)


@pytest.mark.rule("S")
def test_s_each_step_before_the_end_is_told_once(ending):
    sent, told = set(), []
    for hours in range(120 * 24):
        for notice in due_notices(ending.state, MONDAY + hours * HOUR, sent):
            sent.add(notice.id)
            told.append(notice.id.rpartition(":")[2])
    assert told == [str(days) for days in Windows().expiry_notice_days]


@pytest.mark.rule("S")
def test_s_after_a_long_silence_only_the_nearest_step_is_told(ending):
    assert [notice.id[-2:] for notice in due_notices(ending.state, END - DAY)] == [":1"]
    assert due_notices(ending.state, END + 8 * DAY) == []


@pytest.mark.rule("E5", "E8")
def test_both_deadlines_of_an_open_cycle_are_told_and_then_the_lock(licensed):
    licensed.request()
    sent, told = set(), []
    for hours in range(7 * 24 + 10):
        for notice in due_notices(licensed.state, MONDAY + hours * HOUR, sent):
            sent.add(notice.id)
            told.append((notice.id.partition(":")[0], notice.id.rpartition(":")[2]))
    steps = [str(hours) for hours in Windows().deadline_notice_hours]
    assert told[:-1] == [*(("request", step) for step in steps), *(("cycle", step) for step in steps)]
    assert told[-1][0] == "locked"
    licensed.wait(days=8)
    licensed.request()
    again = [notice.id for notice in due_notices(licensed.state, licensed.now, sent)]
    assert [each.partition(":")[0] for each in again] == ["request"], "the lock is told once"


def test_no_license_no_notice_of_its_end(new_room, enabled):
    assert due_notices(enabled.state, YEAR) == []
    assert banner(enabled.state, YEAR) is None
