"""Q2, Q5, G2, G4: whatever is consumed, reserved, settled and cancelled, in whatever order, with time passing and
restarts in the middle: never is more consumed and reserved on a line than its quantity and overage, and the engine
agrees with a small model that knows nothing of it.
"""

from datetime import timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from carnet.control_room.rules.grant import taken
from carnet.control_room.rules.granting.reservations import CancelUnits, ReserveUnits, SettleUnits
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.entitlements import Period, PeriodUnit
from carnet.exchange.license_file_request import RequestKind, read_lfr
from carnet.exchange.verdicts import Refusal
from tests.support import depth
from tests.support.cast import MONDAY
from tests.support.room import Room
from tests.support.vendor_simulator import Vendor, line
from tests.unit.control_room.conftest import YEAR

PAGES = "document-pages"
MONTHLY = Period(unit=PeriodUnit.MONTH, start=MONDAY)
LINES = [
    line(PAGES, 30, MONDAY, MONDAY + timedelta(days=40), overage=10, grace=5),
    line(PAGES, 50, MONDAY, YEAR, period=MONTHLY, overage=20),
]
UNITS = st.integers(1, 40)


class Units(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        vendor = Vendor()
        self.room = Room(vendor.trust)
        self.room.enable(vendor.token(MONDAY))
        self.room.install(vendor.olf(self.room.request(), LINES, MONDAY))
        self.open: dict[str, tuple[int, object]] = {}  # units, expires_at
        self.consumed = 0

    def do(self, command):
        answer = self.room.do(command)
        return None if isinstance(answer, Refusal) else answer

    def limit(self) -> int:
        now = self.room.now
        return sum(each.with_overage for each in LINES if now < each.ends)

    @rule(units=UNITS)
    def consume(self, units):
        answer = self.do(ConsumeUnits(PAGES, units))
        self.consumed += answer.units if answer else 0
        if answer is None:
            assert units > self.room_left()

    @rule(units=UNITS, ttl=st.integers(5, 3000))
    def reserve(self, units, ttl):
        answer = self.do(ReserveUnits(PAGES, units, ttl))
        if answer:
            self.open[answer.reservation_id] = (units, answer.expires_at)
        else:
            assert units > self.room_left()

    def room_left(self) -> int:
        now = self.room.now
        return sum(each.with_overage - taken(self.room.state, each, now) for each in LINES if now < each.ends)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), part=st.integers(0, 45))
    def settle(self, data, part):
        key = data.draw(st.sampled_from(sorted(self.open)))
        units, ends = self.open[key]
        answer = self.do(SettleUnits(key, part))
        assert (answer is not None) == (part <= units and self.room.now < ends)
        if answer:
            self.consumed += part
            del self.open[key]

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def cancel(self, data):
        key = data.draw(st.sampled_from(sorted(self.open)))
        assert (self.do(CancelUnits(key)) is not None) == (self.room.now < self.open.pop(key)[1])

    @rule(seconds=st.sampled_from([1, 5, 600, 3000, 86_400, 20 * 86_400]))
    def pass_time(self, seconds):
        self.room.wait(seconds=seconds)

    @rule()
    def restart(self):
        """The same boot: nothing is extended."""
        self.room.reopen()

    @rule()
    def reboot(self):
        """G6: what ran at the last record gets one time to live from the next one."""
        running = [key for key, (_, ends) in self.open.items() if self.room.state.mark < ends]
        held = self.room.state.reservations.by_id
        self.room.reboot(self.room.reading.boot + "+")
        self.do(CancelUnits("00000000-0000-7000-8000-000000000000"))
        for key in running:
            until = self.room.now + timedelta(seconds=held[key].ttl_seconds)
            self.open[key] = (self.open[key][0], until)

    @invariant()
    def never_more_than_quantity_and_overage(self):
        state, now = self.room.state, self.room.now
        for each in LINES:
            assert 0 <= taken(state, each, now) <= each.with_overage
            for consumed in state.meters.get(each.line_id, {}).values():
                assert consumed <= each.with_overage

    @invariant()
    def nothing_is_lost_or_counted_twice(self):
        state = self.room.state
        assert sum(sum(meter.values()) for meter in state.meters.values()) == self.consumed

    def teardown(self):
        running = sum(units for units, ends in self.open.values() if self.room.now < ends)
        now = self.room.now
        request = self.room.request(RequestKind.RELEASE)
        assert read_lfr(request)
        assert now == self.room.now
        assert sum(sum(meter.values()) for meter in self.room.state.meters.values()) == self.consumed + running
        assert self.room.verify().holds


@pytest.mark.rule("G2", "Q2", "Q5", "E11")
class TestUnits(Units.TestCase):
    settings = settings(max_examples=depth.times(20, 800), stateful_step_count=30, deadline=None)
