"""L3: each number of `totals.stated` says what the format says of it, over three cycles with installs between.

A cycle here is: use, the LFR, use between it and its install, the install. What falls between belongs to the next LFR.
"""

from datetime import datetime

import pytest

from carnet.control_room.rules.granting.reservations import CancelUnits, ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.entitlements import Line, Period, PeriodUnit
from carnet.exchange.license_file_request import LineTotals, Totals, read_lfr
from carnet.exchange.verdicts import Code
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor, line
from tests.unit.control_room.conftest import YEAR, granted, refused, standard_lines

USER, SEAT, PAGES = "bot-creator", "unattended-bot-runner", "document-pages"


class Cycles:
    def __init__(self, vendor: Vendor, room: Room, lines: list[Line]) -> None:
        self.vendor, self.room, self.lines = vendor, room, lines
        self.raw = b""

    def state(self) -> Totals:
        """The next LFR, and what it states."""
        self.raw = self.room.request()
        return read_lfr(self.raw).lfr.totals.record.body  # type: ignore[union-attr]

    def of(self, sku: str) -> LineTotals:
        return next(each for each in self.state().lines if each.sku == sku)

    def install(self, lines: list[Line] | None = None) -> None:
        """The answer to the LFR that was stated last."""
        self.lines = lines or self.lines
        granted(self.room.install(self.vendor.olf(self.raw, self.lines, self.room.now)))


@pytest.fixture
def cycles(vendor: Vendor, licensed: Room) -> Cycles:
    return Cycles(vendor, licensed, standard_lines())


@pytest.mark.security
@pytest.mark.rule("L3", "E3")
def test_a_peak_between_an_lfr_and_its_install_is_in_the_next_lfr(cycles: Cycles) -> None:
    room = cycles.room
    granted(room.do(AssignUser(USER, "anna")))
    for _ in range(3):
        first = cycles.of(USER)
        assert (first.in_use, first.peak_in_use) == (1, 1)
        for user in ("bert", "cleo"):
            granted(room.do(AssignUser(USER, user)))
        for user in ("bert", "cleo"):
            granted(room.do(UnassignUser(USER, user)))
        cycles.install()
        between = cycles.of(USER)
        assert (between.in_use, between.peak_in_use) == (1, 3)
        cycles.install()


@pytest.mark.rule("L3", "E3")
def test_a_peak_of_seats_is_stated_until_an_lfr_that_stated_it_is_answered(cycles: Cycles) -> None:
    room = cycles.room
    leases = [granted(room.do(AcquireSeat(SEAT, name, 3600))).lease_id for name in ("one", "two")]
    assert (cycles.of(SEAT).in_use, cycles.of(SEAT).peak_in_use) == (2, 2)
    for lease in leases:
        granted(room.do(ReleaseSeat(lease)))
    assert (cycles.of(SEAT).in_use, cycles.of(SEAT).peak_in_use) == (0, 2)  # CALM may never have seen the first one
    cycles.install()
    assert (cycles.of(SEAT).in_use, cycles.of(SEAT).peak_in_use) == (0, 0)
    cycles.install()
    granted(room.do(AcquireSeat(SEAT, "three", 3600)))
    room.wait(hours=2)
    assert (cycles.of(SEAT).in_use, cycles.of(SEAT).peak_in_use) == (0, 1)


def refusals(totals: Totals) -> dict[str, int]:
    return {each.code: each.count for each in totals.refusals}


def ask_too_much(room: Room, times: int) -> None:
    for _ in range(times):
        refused(room.do(ConsumeUnits(PAGES, 1000)), Code.EXHAUSTED)


@pytest.mark.security
@pytest.mark.rule("L3", "G7")
def test_refusals_are_counted_since_the_lfr_that_was_answered_last(cycles: Cycles) -> None:
    room = cycles.room
    ask_too_much(room, 3)
    assert refusals(cycles.state()) == {"exhausted": 3}
    ask_too_much(room, 15)  # beyond the ten that get a record of their own
    assert refusals(cycles.state()) == {"exhausted": 18}  # the first LFR was not answered
    ask_too_much(room, 2)
    cycles.install()
    assert refusals(cycles.state()) == {"exhausted": 2}
    cycles.install()
    room.wait(minutes=2)
    assert refusals(cycles.state()) == {}
    refused(room.do(AssignUser("made-up", "anna")), Code.NOT_GRANTED)
    cycles.install()
    assert refusals(cycles.state()) == {"not_granted": 1}


@pytest.mark.rule("L3", "Q2", "Q3")
def test_consumption_goes_on_over_installs_and_begins_anew_with_a_period(vendor: Vendor, enabled: Room) -> None:
    monthly = line(PAGES, 100, MONDAY, YEAR, period=Period(unit=PeriodUnit.MONTH, start=MONDAY))
    cycles = Cycles(vendor, enabled, [monthly])
    cycles.state()
    cycles.install()
    for number in range(1, 4):
        granted(enabled.do(ConsumeUnits(PAGES, 10)))
        stated = cycles.of(PAGES)
        assert (stated.consumed, stated.period_start) == (20 * number - 10, MONDAY)
        granted(enabled.do(ConsumeUnits(PAGES, 10)))
        cycles.install()
    assert cycles.of(PAGES).consumed == 60
    enabled.set_clock(datetime(2026, 10, 15, tzinfo=MONDAY.tzinfo))
    stated = cycles.of(PAGES)
    assert (stated.consumed, stated.period_start) == (0, MONDAY.replace(month=10))


@pytest.mark.rule("L3", "G2", "H2")
def test_what_is_reserved_is_stated_beside_what_is_consumed(cycles: Cycles) -> None:
    room = cycles.room
    first = granted(room.do(ReserveUnits(PAGES, 30, 86_400)))
    assert (cycles.of(PAGES).consumed, cycles.of(PAGES).reserved) == (0, 30)
    granted(room.do(ReserveUnits(PAGES, 5, 86_400)))
    cycles.install()
    assert (cycles.of(PAGES).consumed, cycles.of(PAGES).reserved) == (0, 35)
    granted(room.do(SettleUnits(first.reservation_id, 20)))
    cycles.install()
    assert (cycles.of(PAGES).consumed, cycles.of(PAGES).reserved) == (20, 5)
    for key in room.state.reservations.running(room.now):
        granted(room.do(CancelUnits(key)))
    cycles.install()
    assert (cycles.of(PAGES).consumed, cycles.of(PAGES).reserved) == (20, 0)


@pytest.mark.rule("L3", "Q5")
def test_what_is_owed_and_granted_follows_the_license_that_is_installed(vendor: Vendor, enabled: Room) -> None:
    def lines(quantity: int) -> list[Line]:
        return [line(PAGES, quantity, MONDAY, YEAR, overage=50)]

    cycles = Cycles(vendor, enabled, lines(100))
    cycles.state()
    cycles.install()
    granted(enabled.do(ConsumeUnits(PAGES, 120)))
    assert (cycles.of(PAGES).granted, cycles.of(PAGES).owed) == (100, 20)
    granted(enabled.do(ConsumeUnits(PAGES, 20)))
    cycles.install()
    assert (cycles.of(PAGES).granted, cycles.of(PAGES).owed) == (100, 40)
    cycles.install(lines(200))
    assert (cycles.of(PAGES).granted, cycles.of(PAGES).owed) == (200, 0)
    cycles.install([line(USER, 1, MONDAY, YEAR)])
    assert (cycles.of(PAGES).granted, cycles.of(PAGES).consumed) == (0, 140)
