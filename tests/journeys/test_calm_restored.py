"""Random histories of the whole exchange in which CALM itself is put back to an older state: some in each run,
thousands in `make test-deep`."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from carnet.calm.use_cases.key_sets import export_key_set
from carnet.control_room.rules.activation.install_token import InstallKeySet
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import World
from tests.journeys.restored_calm import RestoredExchange
from tests.journeys.test_both_sides import Histories, machines, run_histories
from tests.support import depth

pytestmark = pytest.mark.histories


@pytest.mark.rule("L6", "L2", "not_remembered")
def test_a_site_that_took_the_key_set_of_the_break_is_back_in_one_trip(db):
    """Its next request carries the license, and shows its history from all that CALM may still know."""
    exchange = RestoredExchange(World())
    exchange.back_up_calm()
    machine = exchange.machines[0]
    for _ in range(2):
        exchange.way_back(machine)
    exchange.back_up_calm()
    exchange.way_back(machine)
    exchange.restore_calm(1, head=False)
    raw = export_key_set(exchange.world.calm, **exchange.world.act).raw
    assert not isinstance(machine.room.do(InstallKeySet(raw)), Refusal)
    exchange.generate(machine)
    answer = exchange.upload(exchange.requests[-1])
    assert isinstance(answer, Refusal)
    assert answer.run.startswith("calm control-room take-back"), answer
    assert not isinstance(exchange.take_back(machine), Refusal)


HISTORIES = depth.times(12, 1250)  # of each part


class RestoredHistories(Histories):
    exchange: RestoredExchange

    @initialize()
    def begin(self) -> None:
        from django.db import transaction

        self.frame = transaction.atomic()
        self.frame.__enter__()
        self.exchange = RestoredExchange(self.world)
        self.exchange.back_up_calm()

    @rule()
    def back_up_calm(self):
        self.exchange.back_up_calm()

    @rule(which=st.integers(0, 3), head=st.booleans())
    def restore_calm(self, which, head):
        self.exchange.restore_calm(which, head=head)

    @rule(number=machines, units=st.integers(0, 40), users=st.integers(0, 5), head=st.booleans(), twice=st.booleans())
    def live_and_restore_calm(self, number, units, users, head, twice):
        """CALM is backed up, a site is licensed, and the backup is put back."""
        self.exchange.back_up_calm()
        self.whole_cycle(number, units, users, 1, off=True)
        self.exchange.restore_calm(len(self.exchange.backups) - 1, head=head)
        if twice:
            self.exchange.way_back(self.machine(number))
            self.exchange.restore_calm(len(self.exchange.backups) - 1, head=head)


@pytest.mark.rule("L6", "H1", "H2", "L2", "V2", "E16", "E7", "not_remembered")
@pytest.mark.parametrize("part", range(2))
def test_calm_is_restored_at_any_moment_and_every_site_is_licensed_on(db, part):
    run_histories(RestoredHistories, HISTORIES, part * 6151 + depth.seed_number())
