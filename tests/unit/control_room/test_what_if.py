"""S, E8, Q4: what would be on another day: against a copy of the room that is taken there, and asked."""

from datetime import timedelta
from itertools import pairwise

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings

from carnet.control_room.queries.what_if import WhatIf
from carnet.control_room.rules.granting.features import CheckFeature
from carnet.control_room.rules.granting.seats import AcquireSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, CheckUser
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Code, Refusal
from tests.support import depth
from tests.support.cast import MONDAY
from tests.support.vendor_simulator import line
from tests.support.walk import ACTS, FEATURE, PAGES, SEAT, USER, Walk
from tests.unit.control_room.conftest import YEAR, granted, refused, standard_lines

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LINES = [
    line(USER, 2, MONDAY, MONDAY + 60 * DAY, grace=10),
    line(USER, 2, MONDAY, MONDAY + 12 * DAY),
    line(SEAT, 2, MONDAY, MONDAY + 40 * DAY),
    line(SEAT, 1, MONDAY, MONDAY + 12 * DAY),
    line(PAGES, 1000, MONDAY, MONDAY + 20 * DAY),
    line(FEATURE, 1, MONDAY, MONDAY + 30 * DAY),
]


def answers(told):
    return {each.what: each for each in told.answers}


def decided(room, command):
    """Decided on the state as it is there, and not written down."""
    return command.decide(room.state, room.engine.moment(room.reading))


def verdict(answer):
    return answer.code.value if isinstance(answer, Refusal) else ""


@settings(max_examples=depth.times(20, 800), deadline=None)
@given(ACTS, st.integers(0, 90), st.booleans())
def test_it_is_answered_as_it_will_be(acts, days, opens):
    walk = Walk(LINES).take(acts)
    room = walk.room
    if opens:
        room.request()
    before, size = msgspec.json.encode(room.state), room.engine.checkpoint.size
    on = room.now + days * DAY
    told = room.ask(WhatIf(on))
    assert (msgspec.json.encode(room.state), room.engine.checkpoint.size) == (before, size)
    there = room.copy()
    newest = {sku: walk.holders(sku)[-1] for sku in (USER, SEAT) if walk.holders(sku)}
    there.wait(days=days)
    for leases in there.state.leases.values():  # those who hold a seat renewed it until then
        for lease_id in leases.running(room.now):
            leases.extend(lease_id, on + HOUR)
    assert (told.state, told.on) == (there.state_name, on)
    found = answers(told)
    assert found["Assign a person"].code == verdict(decided(there, AssignUser(USER, "somebody new")))
    if USER in newest:
        assert found["People who hold a license"].code == verdict(there.ask(CheckUser(USER, newest[USER].holder)))
    assert found["Use a feature"].code == verdict(there.ask(CheckFeature(FEATURE)))
    assert found["Take a new seat"].code == verdict(decided(there, AcquireSeat(SEAT, "new")))
    if SEAT in newest:
        assert found["Renew a running seat"].code == verdict(decided(there, RenewSeat(newest[SEAT].lease_id)))
    if not found["Use units"].likely:
        assert found["Use units"].code == verdict(decided(there, ConsumeUnits(PAGES, 1)))


@pytest.mark.rule("S", "E8")
def test_a_missed_deadline_locks_and_what_runs_goes_on(licensed):
    granted(licensed.do(AssignUser(USER, "anna")))
    granted(licensed.do(AcquireSeat(SEAT, "bot-1")))
    refused(licensed.ask(WhatIf(missed_deadline=True)), Code.NOT_FOUND)
    licensed.request(RequestKind.RENEWAL)
    told = licensed.ask(WhatIf(missed_deadline=True))
    assert (told.on, told.state, told.state_by_time) == (MONDAY + 7 * DAY + 4 * HOUR, "locked", "active")
    assert told.notice.kind == "locked"
    found = answers(told)
    assert [each.code for each in told.answers if each.answer == "refused"] == ["locked"] * 3
    assert found["People who hold a license"].answer == "kept"
    for what in ("Renew a running seat", "Give back a seat", "Use a feature"):
        assert found[what].answer == "granted"
    track = [span for span in told.spans if span.track == "exchange"]
    assert [(span.kind, span.since, span.until) for span in track] == [
        ("open", MONDAY, MONDAY + 2 * DAY),
        ("newer_request", MONDAY + 2 * DAY, MONDAY + 7 * DAY),
        ("locked", MONDAY + 7 * DAY, told.until),
    ]
    assert licensed.state_name == "active"


@pytest.mark.rule("S", "Q5")
def test_the_tracks_have_no_gap_and_name_each_state(vendor, enabled):
    lines = [line(USER, 1, MONDAY, MONDAY + 40 * DAY, grace=5), line(FEATURE, 1, MONDAY, MONDAY + 20 * DAY)]
    granted(enabled.install(vendor.olf(enabled.request(), lines, MONDAY)))
    told = enabled.ask(WhatIf(MONDAY + 42 * DAY))
    track = [span for span in told.spans if span.track == "license"]
    assert [span.kind for span in track] == ["active", "expiring", "grace", "expired"]
    assert all(one.until == next_.since for one, next_ in pairwise(track))
    assert (track[0].since, track[-1].until) == (MONDAY, told.until)
    assert [span.kind for span in told.spans if span.track == "exchange"] == ["none"]
    assert told.state == "grace"


@pytest.mark.rule("Q4")
def test_q4_who_would_not_be_covered_is_counted_and_named(vendor, enabled):
    lines = [line(USER, 2, MONDAY, YEAR), line(USER, 30, MONDAY, MONDAY + DAY)]
    granted(enabled.install(vendor.olf(enabled.request(), lines, MONDAY)))
    for number in range(30):
        granted(enabled.do(AssignUser(USER, f"user-{number:02}")))
    told = enabled.ask(WhatIf(MONDAY + 2 * DAY))
    assert (told.uncovered[0].count, len(told.uncovered[0].newest)) == (28, 20)
    assert told.uncovered[0].newest[0] == "user-29"
    held = answers(told)["People who hold a license"]
    assert (held.answer, held.code) == ("refused", "not_covered")
    assert held.why.startswith("28 of the 30 in use are not covered")
    assert enabled.ask(WhatIf()).uncovered == []


@pytest.mark.rule("E7", "E10")
def test_another_license_file_is_supposed_and_not_installed(vendor, licensed):
    for name in ("anna", "bert"):
        granted(licensed.do(AssignUser(USER, name)))
    granted(licensed.do(ConsumeUnits(PAGES, 30)))
    lines = [line(USER, 2, MONDAY, MONDAY + 3 * 365 * DAY), *standard_lines(bot_creator=0)]
    olf = vendor.olf(licensed.request(), lines, MONDAY)
    before = licensed.dump()
    told = licensed.ask(WhatIf(MONDAY + 400 * DAY, raw=olf))
    assert (told.license_file, told.state) == (2, "active")
    found = answers(told)
    assert found["Assign a person"].code == "exhausted"
    assert found["People who hold a license"].answer == "kept"
    assert found["Use a feature"].code == "not_granted"
    assert licensed.ask(WhatIf(MONDAY + 400 * DAY)).state == "locked"
    too_small = vendor.olf(licensed.store.document("request"), lines[1:], MONDAY)
    refused(licensed.ask(WhatIf(raw=too_small)), Code.DOES_NOT_FIT)
    refused(licensed.ask(WhatIf(raw=b"no file")), Code.MALFORMED)
    assert licensed.dump() == before
    copy = licensed.copy()
    granted(copy.install(olf))
    copy.wait(days=400)
    assert verdict(copy.ask(CheckUser(USER, "bert"))) == ""


def test_units_that_run_out_before_that_day_are_told_as_likely(licensed):
    granted(licensed.do(ConsumeUnits(PAGES, 40)))
    soon, late = licensed.ask(WhatIf(MONDAY + DAY)), licensed.ask(WhatIf(MONDAY + 9 * DAY))
    assert answers(soon)["Use units"].answer == "granted"
    assert (answers(late)["Use units"].code, answers(late)["Use units"].likely) == ("exhausted", True)


@pytest.mark.parametrize("days", [3661, 2_900_000])
def test_a_day_beyond_all_plans_is_refused(licensed, days):
    refused(licensed.ask(WhatIf(licensed.now + timedelta(days=days))), Code.MALFORMED)


def test_a_day_that_is_past_is_refused_and_today_is_not(licensed):
    licensed.wait(days=3)
    refused(licensed.ask(WhatIf(MONDAY)), Code.MALFORMED)
    assert licensed.ask(WhatIf(licensed.now.replace(hour=0))).on == licensed.now


def test_a_site_without_a_license_has_days_too(new_room):
    told = new_room.ask(WhatIf(MONDAY + DAY))
    assert (told.state, told.answers, [span.kind for span in told.spans]) == ("new", [], ["new", "none"])
