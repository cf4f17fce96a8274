"""Random histories of the whole exchange, in four parts: some in each run, thousands in `make test-deep`."""

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import World
from tests.journeys.both_sides import Exchange, Machine
from tests.support import depth

pytestmark = pytest.mark.histories

HISTORIES = depth.times(12, 1250)  # of each part
STEPS = 30

machines = st.integers(0, 3)
places = st.integers(0, 40)


class Histories(RuleBasedStateMachine):
    world: World

    @initialize()
    def begin(self) -> None:
        self.frame = transaction.atomic()
        self.frame.__enter__()
        self.exchange = Exchange(self.world)

    def teardown(self) -> None:
        if not hasattr(self, "exchange"):
            return
        try:
            for machine in self.exchange.machines[:2]:
                self.exchange.way_back(machine)
        finally:
            transaction.set_rollback(True)
            self.frame.__exit__(None, None, None)

    def machine(self, number: int) -> Machine:
        return self.exchange.machines[number % len(self.exchange.machines)]

    @rule(hours=st.sampled_from([1, 1, 5, 24, 47, 49, 169, 800]))
    def wait(self, hours):
        self.exchange.wait(hours)

    @rule(days=st.sampled_from([20, 60, 400]), wait=st.sampled_from([0, 500, 1500, 9600]))
    def renew(self, days, wait):
        self.exchange.renew(days)
        self.exchange.wait(wait)

    @rule(number=machines, cycles=st.integers(2, 4), units=st.integers(0, 40), lost=st.integers(0, 5))
    def years_of_renewals(self, number, cycles, units, lost):
        """Month after month a new purchase, some units of it, and now and then a file that gets lost."""
        machine, exchange = self.machine(number), self.exchange
        for month in range(cycles):
            exchange.renew(30)
            exchange.enable(machine)
            if not isinstance(exchange.generate(machine), Refusal) and month != lost:
                exchange.upload(exchange.requests[-1])
                exchange.issue(machine.guid, {"document-pages": 50, "bot-runs": 20}, site_clock_is_off=True)
                if exchange.answers:
                    exchange.install(machine, exchange.answers[-1][0])
            exchange.work(machine, 3, units)
            exchange.work(machine, 4, units // 2)
            exchange.wait(31 * 24)

    @rule(number=machines, days=st.sampled_from([0, 0, 0, -3, 2, 40, 400]))
    def set_clock(self, number, days):
        self.exchange.set_clock(self.machine(number), days)

    @rule(number=machines)
    def reboot(self, number):
        self.exchange.reboot(self.machine(number))

    @rule(number=machines)
    def enable(self, number):
        self.exchange.enable(self.machine(number))

    @rule(number=machines, new_keys=st.sampled_from([False, False, False, True]))
    def generate(self, number, new_keys):
        self.exchange.generate(self.machine(number), new_keys=new_keys)

    @rule(
        number=machines, units=st.integers(0, 60), users=st.integers(0, 5), seats=st.integers(0, 3), off=st.booleans()
    )
    def whole_cycle(self, number, units, users, seats, off):
        """The main road, so that most histories get somewhere."""
        machine, exchange = self.machine(number), self.exchange
        exchange.enable(machine)
        exchange.generate(machine)
        if exchange.requests:
            exchange.upload(exchange.requests[-1])
        wanted = {"bot-creator": users, "unattended-bot-runner": seats, "document-pages": units, "bot-runs": units // 2}
        exchange.issue(machine.guid, wanted, site_clock_is_off=off)
        if exchange.answers:
            exchange.install(machine, exchange.answers[-1][0])

    @rule(place=places)
    def upload_any(self, place):
        if self.exchange.requests:
            self.exchange.upload(self.exchange.requests[-1 - place % len(self.exchange.requests)])

    @rule(guid=st.sampled_from(["north", "south"]), units=st.integers(0, 100), users=st.integers(0, 6))
    def issue(self, guid, units, users):
        self.exchange.issue(guid, {"document-pages": units, "bot-creator": users})

    @rule(number=machines, place=places)
    def install_any(self, number, place):
        if self.exchange.answers:
            raw, _ = self.exchange.answers[-1 - place % len(self.exchange.answers)]
            self.exchange.install(self.machine(number), raw)

    @rule(number=machines, place=places)
    def token_any(self, number, place):
        if self.exchange.tokens:
            tokens = self.exchange.tokens
            self.exchange.enable(self.machine(number), tokens[-1 - place % len(tokens)])

    @rule(most=st.integers(1, 5))
    def all_again(self, most):
        self.exchange.all_again(most)

    @rule(number=machines, receipt=st.booleans())
    def rekey(self, number, receipt):
        """A cycle that changes the keys, answered and installed at once."""
        machine, exchange = self.machine(number), self.exchange
        exchange.enable(machine)
        if not isinstance(exchange.generate(machine, new_keys=True), Refusal):
            exchange.upload(exchange.requests[-1])
            exchange.issue(machine.guid, {"bot-creator": 2, "document-pages": 20}, site_clock_is_off=True)
            answer = exchange.install(machine, exchange.answers[-1][0]) if exchange.answers else None
            if receipt and answer and not isinstance(answer, Refusal):
                exchange.hand_in(exchange.receipts[-1])

    @rule(place=places)
    def receipt_any(self, place):
        if self.exchange.receipts:
            self.exchange.hand_in(self.exchange.receipts[-1 - place % len(self.exchange.receipts)])

    @rule(number=machines)
    def withdraw(self, number):
        self.exchange.withdraw(self.machine(number))

    @rule(number=machines, upload=st.booleans())
    def release(self, number, upload):
        self.exchange.generate(self.machine(number), RequestKind.RELEASE)
        if upload and self.exchange.requests:
            self.exchange.upload(self.exchange.requests[-1])

    @rule(number=machines, what=st.integers(0, 6), amount=st.integers(1, 40))
    def work(self, number, what, amount):
        self.exchange.work(self.machine(number), what, amount)

    @rule(number=machines, which=st.integers(0, 5), amount=st.integers(0, 40))
    def close_reservation(self, number, which, amount):
        self.exchange.close_reservation(self.machine(number), which, amount)

    @rule(number=machines, units=st.integers(2, 60), left_out=st.booleans(), hours=st.sampled_from([0, 1, 23]))
    def reserve_across_a_cycle(self, number, units, left_out, hours):
        """Units are reserved while a line is left out or made smaller, its total stated, and settled after that."""
        machine, exchange = self.machine(number), self.exchange
        self.whole_cycle(number, 60, 1, 0, off=False)
        exchange.work(machine, 5, units)
        self.whole_cycle(number, 0 if left_out else units - 1, 1, 0, off=False)
        exchange.wait(hours)
        exchange.generate(machine)
        if exchange.requests:
            exchange.upload(exchange.requests[-1])
        exchange.close_reservation(machine, 0, units)
        exchange.books()

    @rule(number=machines)
    def back_up(self, number):
        self.exchange.back_up(self.machine(number))

    @rule(number=machines)
    def restore(self, number):
        self.exchange.restore(self.machine(number))

    @rule(number=machines, units=st.integers(1, 30), upload=st.booleans())
    def live_and_restore(self, number, units, upload):
        """Back up, go on living, and put the backup back."""
        machine, exchange = self.machine(number), self.exchange
        exchange.back_up(machine)
        exchange.work(machine, 3, units)
        exchange.generate(machine)
        if upload and exchange.requests:
            exchange.upload(exchange.requests[-1])
        exchange.restore(machine)
        exchange.work(machine, 3, 1 + units // 2)

    @rule(number=machines)
    def clone(self, number):
        self.exchange.clone(self.machine(number))

    @rule(number=machines)
    def accept_history(self, number):
        self.exchange.accept_history(self.machine(number))

    @rule(number=machines, unconsumed=st.booleans(), really=st.integers(0, 3))
    def write_off(self, number, unconsumed, really):
        if really == 0:
            self.exchange.write_off(self.machine(number), return_unconsumed=unconsumed)

    @rule(sku=st.sampled_from(["bot-creator", "document-pages"]), quantity=st.integers(1, 100))
    def lower(self, sku, quantity):
        self.exchange.lower(sku, quantity)


def run_histories(machine, histories, number):
    """Generate so many histories of this machine, from a seed of this number."""

    class Part(machine):
        world = World()

    run_state_machine_as_test(
        seed(number)(Part),
        settings=settings(
            max_examples=histories,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            phases=[Phase.generate],  # add Phase.shrink to look into a failure: it takes minutes
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.rule("H1", "H2", "H3", "H4", "L2", "Q3", "E4", "E6", "E7", "E8", "E11", "E12", "E14", "E15", "T3")
@pytest.mark.parametrize("part", range(4))
def test_whatever_happens_the_books_hold_and_every_site_finds_back(db, part):
    run_histories(Histories, HISTORIES, part * 7919 + depth.seed_number())
