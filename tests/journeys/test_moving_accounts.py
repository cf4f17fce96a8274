"""Random histories of the whole exchange over two accounts: some in each run, thousands in `make test-deep`."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Refusal
from tests.journeys.moving_accounts import MovingExchange
from tests.journeys.test_both_sides import Histories, machines, places, run_histories
from tests.support import depth

pytestmark = pytest.mark.histories

HISTORIES = depth.times(4, 1250)  # of each part


class MovingHistories(Histories):
    exchange: MovingExchange

    @initialize()
    def begin(self) -> None:
        from django.db import transaction

        self.frame = transaction.atomic()
        self.frame.__enter__()
        self.exchange = MovingExchange(self.world)

    @rule(guid=machines, units=st.integers(0, 100), users=st.integers(0, 6))
    def issue(self, guid, units, users):
        self.exchange.issue(self.machine(guid).guid, {"document-pages": units, "bot-creator": users})

    @rule(number=machines, lost=st.booleans())
    def go_over(self, number, lost):
        self.exchange.go_over(self.machine(number), lost=lost)

    @rule(number=machines, units=st.integers(0, 40), most=st.integers(1, 5))
    def licensed_goes_over_and_is_licensed(self, number, units, most):
        """The main road, and then every file of late once more."""
        machine = self.machine(number)
        self.whole_cycle(number, units, 2, 1, off=True)
        self.exchange.work(machine, 3, 1 + units)
        self.exchange.go_over(machine, lost=False)
        self.whole_cycle(number, units, 2, 1, off=True)
        self.exchange.all_again(most)

    @rule(number=machines, lost=st.booleans(), merged=st.booleans(), most=st.integers(1, 5))
    def there_and_back(self, number, lost, merged, most):
        machine = self.machine(number)
        self.exchange.go_over(machine, lost=lost)
        self.whole_cycle(number, 20, 1, 0, off=True)
        if merged:
            self.exchange.merge()
        self.exchange.go_over(machine, lost=False)
        for place in range(most):
            self.exchange.upload_at_home(place)

    @rule(number=machines, when=st.integers(0, 4), units=st.integers(1, 40), receipt=st.booleans())
    def merged_in_a_cycle(self, number, when, units, receipt):
        """Two people merge the accounts at any moment of a cycle."""
        machine, exchange = self.machine(number), self.exchange
        steps = [
            lambda: exchange.enable(machine),
            lambda: exchange.generate(machine),
            lambda: exchange.requests and exchange.upload(exchange.requests[-1]),
            lambda: exchange.issue(machine.guid, {"bot-creator": 2, "document-pages": units}, site_clock_is_off=True),
            lambda: exchange.answers and exchange.install(machine, exchange.answers[-1][0]),
        ]
        for number_of, step in enumerate(steps):
            if number_of == when:
                exchange.merge()
            step()
        exchange.work(machine, 3, units)
        if receipt and exchange.receipts:
            exchange.hand_in(exchange.receipts[-1])

    @rule(number=machines, uploaded=st.booleans(), back=st.integers(0, 3))
    def enrolled_after_a_merge_with_a_token_of_before(self, number, uploaded, back):
        machine, exchange = self.machine(number), self.exchange
        exchange.turn_to(exchange.open_accounts()[0] if exchange.open_accounts() else exchange.world.account)
        if exchange.open_accounts():
            exchange.tokens.append(exchange.world.token())
        exchange.merge()
        exchange.generate(machine, RequestKind.RELEASE)
        if uploaded and exchange.requests:
            exchange.upload(exchange.requests[-1])
        if exchange.tokens:
            exchange.enable(machine, exchange.tokens[-1 - back % len(exchange.tokens)])
        if not isinstance(exchange.generate(machine), Refusal):
            exchange._readmitted(machine, exchange.upload(exchange.requests[-1]))

    @rule(place=places)
    def upload_at_home(self, place):
        self.exchange.upload_at_home(place)

    @rule()
    def merge(self):
        self.exchange.merge()

    @rule(which=machines, wide=st.booleans())
    def rename(self, which, wide):
        self.exchange.rename(which, wide=wide)

    @rule(which=machines, account=st.booleans())
    def archive(self, which, account):
        self.exchange.archive(which, account=account)


@pytest.mark.rule("E2", "E6", "E11", "H1", "H2", "H4", "H5", "H7", "L2", "Q3", "wrong_account")
@pytest.mark.parametrize("part", range(2))
def test_sites_change_accounts_and_accounts_are_merged_and_the_books_hold(db, part):
    run_histories(MovingHistories, HISTORIES, part * 4421 + depth.seed_number())
