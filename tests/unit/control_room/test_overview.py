"""License Management in one answer, against a count of all that is there, and what each product leads to."""

from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from carnet.control_room.authority.grant import lines_of
from carnet.control_room.authority.overview import GROUPS, Overview
from carnet.control_room.granting.seats import AcquireSeat, ReleaseSeat
from carnet.control_room.granting.units import ConsumeUnits
from carnet.control_room.granting.users import AssignUser, UnassignUser
from carnet.entitlements import Metric
from carnet.exchange.verdicts import Refusal
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor, line
from tests.unit.control_room.conftest import YEAR, granted, standard_lines

USER, SEAT, PAGES, FEATURE = "bot-creator", "unattended-bot-runner", "document-pages", "automator-ai"
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
        PAGES: "lasts",
        FEATURE: "on",
    }
    for bot in ("a", "b", "c"):
        licensed.do(AcquireSeat(SEAT, bot))
    licensed.do(ConsumeUnits(PAGES, 20))
    found = rows(licensed)
    assert (found[SEAT].outlook, found[SEAT].times_full, found[SEAT].refused_30_days) == ("full", 1, 1)
    assert (found[SEAT].days, found[SEAT].peak) == ([2], 2)
    assert found[PAGES].outlook == "runs_out"
    assert found[PAGES].runs_out_at == MONDAY + 4 * DAY
    assert found[PAGES].days == [20]


@pytest.mark.rule("Q5")
def test_what_has_ended_ends_and_its_end_includes_grace(vendor, enabled):
    lines = [line(FEATURE, 1, MONDAY, MONDAY + 5 * DAY, grace=3), line(USER, 1, MONDAY, YEAR)]
    granted(enabled.install(vendor.olf(enabled.request(), lines, MONDAY)))
    assert rows(enabled)[FEATURE].ends == MONDAY + 8 * DAY
    enabled.wait(days=7)
    assert rows(enabled)[FEATURE].outlook == "on"
    enabled.wait(days=1)
    assert rows(enabled)[FEATURE].outlook == "ends"


ACTS = st.sampled_from(["assign", "unassign", "acquire", "release", "consume", "wait"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(ACTS, st.integers(0, 5)), max_size=40))
def test_it_is_what_a_count_of_everything_says(acts):
    vendor, room, leases = Vendor(), None, []
    room = Room(vendor.trust)
    room.enable(vendor.token(MONDAY))
    room.install(vendor.olf(room.request(), standard_lines(), MONDAY))
    peaks: dict[tuple[str, int], int] = {}
    consumed: dict[int, int] = {}
    refusals = dict.fromkeys((USER, SEAT, PAGES), 0)

    def note():
        for sku, count in ((USER, len(room.state.users.get(USER, {}))), (SEAT, running())):
            key = sku, room.now.toordinal()
            peaks[key] = max(peaks.get(key, 0), count)

    def running():
        return sum(ends > room.now for _, ends in leases)

    for act, number in acts:
        if act == "wait":
            for _ in range(number):  # the day begins with what was in use
                room.wait(hours=7)
                room.engine.execute_all([], room.reading)
                note()
            continue
        command = {
            "assign": AssignUser(USER, f"u{number}"),
            "unassign": UnassignUser(USER, f"u{number}"),
            "acquire": AcquireSeat(SEAT, f"b{number}", 86_400),
            "consume": ConsumeUnits(PAGES, 9 * number + 1),
            "release": ReleaseSeat(leases[number % len(leases)][0] if leases else "none"),
        }[act]
        answer = room.do(command)
        if isinstance(answer, Refusal):
            if act != "release":
                refusals[command.sku] += 1
        elif act == "acquire":
            leases.append((answer.lease_id, answer.expires_at))
        elif act == "release":
            leases = [each for each in leases if each[0] != command.lease_id]
        elif act == "consume":
            day = room.now.toordinal()
            consumed[day] = consumed.get(day, 0) + command.units
        note()
    room.reopen()
    for row in room.ask(Overview()).rows:
        sku, mine = row.view.sku, [each for each in lines_of(room.state) if each.sku == row.view.sku]
        assert row.valid_from == min(each.valid_from for each in mine)
        days = range(room.now.toordinal() - len(row.days) + 1, room.now.toordinal() + 1)
        if row.view.metric == Metric.CONSUMABLE.value:
            assert row.days == [consumed.get(day, 0) for day in days]
            assert row.view.remaining == 100 - sum(consumed.values())
        elif sku in (USER, SEAT):
            last = [peaks.get((sku, day)) for day in days]
            assert all(got >= want for got, want in zip(row.days, last, strict=True) if want is not None)
            assert row.view.in_use == (len(room.state.users.get(USER, {})) if sku == USER else running())
        assert row.refused_30_days == refusals.get(sku, 0)
        assert row.peak == (0 if row.view.metric == Metric.CONSUMABLE.value else max(row.days))
