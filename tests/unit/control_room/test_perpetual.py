"""Q1: an end that is perpetual, or beyond the calendar, is read, granted and said; it is never announced, and no date
makes arithmetic fail."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carnet.control_room.cli import show
from carnet.control_room.engine.engine import view_of
from carnet.control_room.queries.banner import banner, change_banner
from carnet.control_room.queries.license_preview import PreviewLicense
from carnet.control_room.queries.notices import due_notices
from carnet.control_room.queries.overview import Overview
from carnet.control_room.queries.questions import Forecast, Outlook, Status
from carnet.control_room.queries.what_if import WhatIf
from carnet.control_room.rules.granting.features import CheckFeature
from carnet.control_room.rules.granting.seats import AcquireSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser
from carnet.control_room.rules.site_state import state_name
from carnet.entitlements import Period, PeriodUnit
from carnet.errors import UsageError
from carnet.times import FIRST, LAST, PERPETUAL
from tests.support.cast import MONDAY
from tests.support.depth import times
from tests.support.vendor_simulator import line
from tests.unit.control_room.conftest import granted
from tests.unit.control_room.test_coming import printed

USER, SEAT, PAGES, FEATURE = "bot-creator", "unattended-bot-runner", "document-pages", "automator-ai"
FAR = datetime(9999, 12, 31, tzinfo=UTC)  # as order systems write it, and an older release let it pass
DAY = timedelta(days=1)


def lines_to(end, start=MONDAY):
    return [
        line(USER, 5, start, end, grace=30),
        line(SEAT, 5, start, end, grace=90),
        line(PAGES, 50, start, end, period=Period(unit=PeriodUnit.YEAR, start=start), grace=90),
        line(FEATURE, 1, start, end),
    ]


def ask_all(room, on):
    """Every question, at the room's moment and of a day."""
    for question in (Status(), Overview(), Outlook(), WhatIf(on), WhatIf(missed_deadline=True)):
        room.ask(question)
    with suppress(UsageError):  # a day that is past
        room.ask(Forecast(on))
    due_notices(room.state, room.now)


@pytest.mark.rule("Q1", "S")
@pytest.mark.parametrize("end", [PERPETUAL, FAR, LAST])
def test_a_far_end_is_read_granted_and_never_announced(vendor, enabled, end):
    raw = vendor.olf(enabled.request(), lines_to(end), enabled.now)
    assert enabled.ask(PreviewLicense(raw)).changes
    granted(enabled.install(raw))
    granted(enabled.do(AssignUser(USER, "anna")))
    lease = granted(enabled.do(AcquireSeat(SEAT, "bot", 600))).lease_id
    granted(enabled.do(RenewSeat(lease)))
    granted(enabled.do(ConsumeUnits(PAGES, 2)))
    assert enabled.ask(CheckFeature(FEATURE)).perpetual
    status = enabled.ask(Status())
    assert status.installed.perpetual
    assert all(each.perpetual and each.state == "active" and not each.changes for each in status.products)
    told = json.loads(msgspec.json.encode(status))
    assert {each["perpetual"] for each in told["products"]} == {True}
    assert "perpetual" in printed(show.status, status)
    assert "9999" not in printed(show.status, status)
    ask_all(enabled, FAR)
    for on in (PERPETUAL - 20 * DAY, PERPETUAL - timedelta(seconds=1)):
        assert state_name(enabled.state, on) == "active"
        assert (banner(enabled.state, on), change_banner(enabled.state, on)) == (None, None)
        assert due_notices(enabled.state, on) == []


@pytest.mark.rule("Q1", "S")
def test_beside_a_perpetual_line_what_ends_is_announced(vendor, enabled):
    both = [line(USER, 5, MONDAY, PERPETUAL), line(USER, 2, MONDAY, MONDAY + 20 * DAY)]
    granted(enabled.install(vendor.olf(enabled.request(), both, enabled.now)))
    (view,) = enabled.ask(Status()).products
    assert [(each.before, each.after, each.announced) for each in view.changes] == [(7, 5, True)]
    assert view.state == "expiring"
    assert any(notice.id.startswith("change:") for notice in due_notices(enabled.state, enabled.now))


MOMENTS = st.one_of(
    st.sampled_from([FIRST, LAST, PERPETUAL, PERPETUAL - DAY, LAST - DAY, datetime(2028, 2, 29, tzinfo=UTC)]),
    st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0)),
)


@pytest.mark.rule("Q1")
def test_no_moment_of_the_calendar_makes_a_fault(vendor, enabled):
    granted(enabled.install(vendor.olf(enabled.request(), lines_to(MONDAY + DAY), enabled.now)))
    granted(enabled.do(AssignUser(USER, "anna")))
    enabled.request()

    @settings(max_examples=times(150, 3000), deadline=None)
    @given(st.lists(MOMENTS, min_size=3, max_size=3, unique=True), MOMENTS)
    def at(moments, on):
        start, end, now = sorted(moments)[0], sorted(moments)[1], moments[2]
        installed = msgspec.structs.replace(enabled.state.installed, lines=lines_to(end, start))
        state = msgspec.structs.replace(enabled.state, installed=installed)
        view = replace(view_of(enabled.engine, enabled.reading), state=state, now=now)
        for question in (Status(), Overview(), Outlook(), WhatIf(on), Forecast(on), WhatIf(missed_deadline=True)):
            with suppress(UsageError):  # a day that is past
                question.answer(view)
        due_notices(state, now)

    at()


@pytest.mark.rule("Q1", "T1")
def test_a_clock_at_the_end_of_the_calendar_makes_no_fault(vendor, enabled):
    granted(enabled.install(vendor.olf(enabled.request(), lines_to(LAST), enabled.now)))
    enabled.set_clock(LAST - timedelta(minutes=5))
    lease = granted(enabled.do(AcquireSeat(SEAT, "bot", 600)))
    assert lease.expires_at == LAST
    enabled.reading = replace(enabled.reading, uptime=enabled.reading.uptime + 9999)
    ask_all(enabled, LAST)
