"""H1, H2, H4, H6 of the books alone, whatever the order of things."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from carnet.calm.purchases.books import (
    MARGIN,
    Balance,
    Kept,
    Offer,
    OutLine,
    Position,
    Report,
    Units,
    choose,
    close,
    lowering,
    settle,
)
from carnet.entitlements import Period, PeriodUnit
from tests.support import depth

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
DAY = timedelta(days=1)
MONTH = Period(unit=PeriodUnit.MONTH, start=datetime(2026, 11, 1, tzinfo=UTC))
SITES = ("north", "south", "west")


@dataclass
class Plant:
    """The truth at one site: which files it has, which of them it installed, what it consumed."""

    position: Position = field(default_factory=Position)
    quantity: int = 0  # of what is installed
    ends: datetime = NOW  # of what is installed
    installed: int = 0  # its file
    pending: tuple[int, int, datetime] | None = None  # the answer to the newest request: number, quantity, end
    request: int = 0
    file: int = 0
    consumed: int = 0
    proven: int = 0


class BooksMachine(RuleBasedStateMachine):
    """One purchase of units and one of seats, three sites; issued files arrive, or never do, or are stated late."""

    bought = 100

    @initialize(units=st.booleans(), period=st.sampled_from([None, MONTH]))
    def start(self, units: bool, period: Period | None) -> None:
        self.units, self.period, self.now = units, period if units else None, NOW
        self.plants = {name: Plant() for name in SITES}
        self.spent: list[Units] = []

    @property
    def periods(self) -> dict[str, Period | None]:
        return {"p": self.period}

    def balance(self) -> Balance:
        held = {name: plant.position.holds("p", self.period, self.now) for name, plant in self.plants.items()}
        spent = sum(units.units for units in self.spent if units.counts(self.period, self.now))
        return Balance(self.bought, held, spent)

    @rule(name=st.sampled_from(SITES), states=st.booleans())
    def ask(self, name: str, states: bool) -> None:
        """A request: what is installed is proven, and the file before it that did not arrive is void."""
        plant = self.plants[name]
        plant.request += 1
        plant.pending = None
        start = self.period.containing(self.now) if self.period else None
        stated = {"p": Units(plant.consumed, start)} if self.units and states else {}
        report = Report(plant.installed, plant.request, self.now, stated)
        before = self.balance()
        plant.position = settle(plant.position, report, self.periods, self.now)
        assert self.balance().taken <= before.taken  # nothing but issuing raises what is held

    @precondition(lambda self: any(plant.request > plant.file for plant in self.plants.values()))
    @rule(name=st.sampled_from(SITES), wanted=st.integers(0, 120), days=st.integers(1, 90))
    def issue(self, name: str, wanted: int, days: int) -> None:
        plant = self.plants[name]
        quantity = min(wanted, self.balance().most_for(name))
        if plant.request <= plant.file or plant.pending:
            return
        ends = self.now + days * DAY
        plant.file, plant.pending = plant.request, (plant.request, quantity, ends)
        if quantity:
            line = OutLine("p", plant.file, plant.request, quantity, ends, self.units)
            plant.position = Position((*plant.position.lines, line), plant.position.kept)

    @rule(name=st.sampled_from(SITES), receipt=st.booleans())
    def install(self, name: str, receipt: bool) -> None:
        plant = self.plants[name]
        if plant.pending is None or (self.units and plant.pending[1] < min(plant.consumed, plant.quantity)):
            return  # E10
        plant.installed, plant.quantity, plant.ends = plant.pending
        plant.pending = None
        if receipt:
            plant.position = settle(plant.position, Report(plant.installed), self.periods, self.now)

    @rule(name=st.sampled_from(SITES), units=st.integers(1, 40))
    def consume(self, name: str, units: int) -> None:
        plant = self.plants[name]
        if self.now < plant.ends:
            plant.consumed = max(plant.consumed, min(plant.quantity, plant.consumed + units))

    @rule(name=st.sampled_from(SITES), states=st.booleans())
    def release(self, name: str, states: bool) -> None:
        plant = self.plants[name]
        self.ask(name, states)
        closings = close(plant.position, ["p"] if self.units else [], ["p"] if states else [], self.periods, self.now)
        self.spent += [closing.spent for closing in closings.values()]
        self.plants[name] = Plant()

    @rule(days=st.integers(1, 40))
    def time_passes(self, days: int) -> None:
        before = self.period.containing(self.now) if self.period else None
        self.now += days * DAY
        if self.period and self.period.containing(self.now) != before:
            for plant in self.plants.values():
                plant.consumed = 0

    @invariant()
    def never_more_than_was_bought(self) -> None:
        if hasattr(self, "plants"):
            assert self.balance().taken <= self.bought  # H1

    @invariant()
    def what_is_out_there_is_held(self) -> None:
        if not hasattr(self, "plants"):
            return
        for name, plant in self.plants.items():
            if self.units and plant.consumed:
                assert self.balance().held[name] >= plant.consumed  # H2, H4


TestBooks = pytest.mark.rule("H1", "H2", "H3", "H4")(BooksMachine.TestCase)
TestBooks.settings = settings(max_examples=depth.times(50, 2000), stateful_step_count=30, deadline=None)


def line(quantity: int, *, file: int = 1, units: bool = False, ends: datetime = NOW + 10 * DAY) -> OutLine:
    return OutLine("p", file, file, quantity, ends, units)


@pytest.mark.rule("H2")
def test_held_is_the_largest_that_may_be_installed() -> None:
    assert Position((line(4), line(7, file=2))).holds("p", None, NOW) == 7


@pytest.mark.rule("H2")
def test_seats_are_held_30_days_beyond_the_end_and_units_without_end() -> None:
    end = NOW + 10 * DAY
    seats, units = Position((line(4, ends=end),)), Position((line(4, units=True, ends=end),))
    assert seats.holds("p", None, end + MARGIN - timedelta(seconds=1)) == 4
    assert seats.holds("p", None, end + MARGIN) == 0
    assert units.holds("p", None, end + 1000 * DAY) == 4


@pytest.mark.rule("H2")
def test_a_request_from_before_a_file_says_nothing_of_its_end() -> None:
    """A site whose clock is years ahead: the file that answers it has not ended."""
    position = Position((line(4, file=2),))
    report = Report(1, 2, NOW + 1000 * DAY)
    assert settle(position, report, {}, NOW).holds("p", None, NOW) == 4


@pytest.mark.rule("Q2", "H4")
def test_a_total_of_a_later_period_does_not_return_this_ones() -> None:
    """A site whose clock is a month ahead."""
    later = Units(0, MONTH.containing(NOW + 31 * DAY))
    position = Position((line(100, units=True),), {"p": Kept(45, MONTH.containing(NOW), 100)})
    left_out = settle(position, Report(2, 3, NOW + 31 * DAY, {"p": later}), {"p": MONTH}, NOW)
    assert left_out.holds("p", MONTH, NOW) == 100


@pytest.mark.rule("Q2", "H2", "H4")
def test_a_total_of_an_older_period_does_not_return_this_ones() -> None:
    now = NOW + 20 * DAY
    this, older = MONTH.containing(now), MONTH.start
    before = Position((line(100, units=True),), {"p": Kept(45, this, 100)})
    after = settle(before, Report(1, 3, now, {"p": Units(0, older)}), {"p": MONTH}, now)
    assert after.kept["p"] == Kept(45, this, 100)
    assert close(after, ["p"], ["p"], {"p": MONTH}, now)["p"].spent == Units(45, this)


@pytest.mark.rule("H1", "H2", "Q3")
@pytest.mark.parametrize("stated", [0, 5, 12, 40])
def test_a_total_that_rises_after_it_was_final_is_counted_up_to_what_the_line_may_have_had(stated: int) -> None:
    """Left out, and stated as 4; then as more. An honest site states no more."""
    out = Position((line(12, units=True),))
    final = settle(out, Report(2, 3, NOW, {"p": Units(4)}), {}, NOW)
    assert final.holds("p", None, NOW) == 4
    after = settle(final, Report(2, 4, NOW, {"p": Units(stated)}), {}, NOW)
    counted = min(stated, 12)
    assert after.kept["p"] == Kept(counted, None, 12, max(0, counted - 4))
    closed = close(after, ["p"], ["p"], {}, NOW)["p"]
    assert (closed.spent, closed.most) == (Units(counted), 12)


@pytest.mark.rule("H2")
def test_what_a_line_had_is_remembered_when_a_receipt_replaces_it_and_states_nothing() -> None:
    before = Position((line(12, units=True), line(3, file=2, units=True)))
    after = settle(before, Report(2), {}, NOW)
    assert (after.holds("p", None, NOW), after.kept["p"]) == (3, Kept(0, None, 12))
    above = settle(after, Report(2, 3, NOW, {"p": Units(9)}), {}, NOW)
    assert above.kept["p"] == Kept(3, None, 12), "its line is out: what goes beyond it is owed (Q5)"
    final = settle(above, Report(4, 5, NOW, {"p": Units(9)}), {}, NOW)
    rise = settle(final, Report(4, 6, NOW, {"p": Units(9)}), {}, NOW)
    assert rise.kept["p"] == Kept(9, None, 12, 6)


@pytest.mark.rule("Q2", "H2")
def test_a_total_of_an_older_period_raises_nothing_of_this_one() -> None:
    now = NOW + 31 * DAY
    this = MONTH.containing(now)
    before = Position((), {"p": Kept(4, this, 100)})
    after = settle(before, Report(2, 4, now, {"p": Units(80, MONTH.start)}), {"p": MONTH}, now)
    assert after.kept["p"] == Kept(4, this, 100)


@pytest.mark.rule("Q2", "H2")
def test_what_rose_in_one_period_is_not_late_in_the_next() -> None:
    next_month = NOW + 31 * DAY
    before = Position((), {"p": Kept(9, MONTH.containing(NOW), 12, 5)})
    after = settle(
        before, Report(2, 4, next_month, {"p": Units(0, MONTH.containing(next_month))}), {"p": MONTH}, next_month
    )
    assert after.kept["p"] == Kept(0, MONTH.containing(next_month), 0)


@pytest.mark.rule("H6")
def test_lowering_names_the_sites_in_the_way() -> None:
    balance = Balance(10, {"north": 4, "south": 3}, 1)
    assert lowering(balance, 8, NOW, {}) == []
    assert [site.guid for site in lowering(balance, 7, NOW, {})] == ["north", "south"]
    late = lowering(balance, 10, NOW, {"south": (NOW + DAY,)})
    assert [(site.guid, site.reaches) for site in late] == [("south", NOW + DAY)]


offers = st.lists(
    st.builds(
        lambda number, start, length, most: Offer(f"p{number}", NOW + start * DAY, NOW + (start + length) * DAY, most),
        st.integers(0, 99),
        st.integers(-30, 5),
        st.integers(1, 60),
        st.integers(0, 20),
    ),
    max_size=6,
    unique_by=lambda offer: offer.purchase,
)


@pytest.mark.rule("Q1", "H1")
@given(offers, st.integers(0, 60), st.one_of(st.none(), st.integers(1, 40)))
def test_purchases_are_chosen_within_their_dates_and_quantities(
    found: list[Offer], quantity: int, days: int | None
) -> None:
    until = NOW + days * DAY if days else None
    chosen = dict(choose(found, quantity, NOW, until))
    by_id = {offer.purchase: offer for offer in found}
    assert sum(chosen.values()) <= quantity
    for purchase, units in chosen.items():
        offer = by_id[purchase]
        assert 0 < units <= offer.most
        assert offer.valid_from <= NOW < offer.valid_until
        assert until is None or offer.valid_until >= until
    usable = [o for o in found if o.valid_from <= NOW < o.valid_until and (until is None or o.valid_until >= until)]
    assert sum(chosen.values()) == min(quantity, sum(offer.most for offer in usable))
    ends = [by_id[purchase].valid_until for purchase in chosen]
    assert ends == sorted(ends)
