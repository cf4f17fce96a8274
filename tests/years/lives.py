"""Lives of a site, generated: a fate that every life of its kind must come to, and around it whatever else happens. The
real Control Room and the real CALM live them (`tests.journeys.restored_calm`); then both sides are asked everything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st

from carnet.calm.purchases.models import Guid, Product
from carnet.calm.use_cases import accounts, losses
from carnet.calm.use_cases.key_sets import export_trust
from carnet.control_room.ledger.events import SiteMoved
from carnet.control_room.rules.granting.reservations import ReserveUnits
from carnet.control_room.rules.granting.seats import AcquireSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser
from carnet.control_room.wiring import MOVED
from carnet.entitlements import PeriodUnit, Policy
from carnet.exchange.key_set import Trust, read_trust
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Refusal
from tests.journeys.both_sides import PAGES, RUNS, SEATS, USERS, Machine
from tests.journeys.restored_calm import RestoredExchange
from tests.support.room import Room
from tests.years.doors import Company

DAY = timedelta(days=1)
LAST_DAY = datetime(2999, 12, 31, tzinfo=UTC)  # Q1
NAMES = ("Oslo", "Ærø & Sønner", "名古屋 第二", "O’Neill's (Süd) #1, A/B", "x" * 64, "_ - .")
ODD = (("odd-users", "Ünï & <i>Users</i>", "named_user", "user"), ("odd-units", "帳票 “A/B” 5 %", "consumable", "帳票"))
ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "buy",
                "cycle",
                "cycle",
                "wait",
                "work",
                "work",
                "reserve",
                "ask",
                "withdraw",
                "receipt",
                "back_up",
                "clock",
            ]
        ),
        st.integers(0, 40),
    ),
    max_size=8,
)


class Life(RestoredExchange):
    world: Company

    def __init__(self, company: Company, name: str = "Oslo") -> None:
        self._name = name
        Product.objects.bulk_create(Product(sku=a, name=b, metric=c, unit=d) for a, b, c, d in ODD)
        super().__init__(company)
        self.back_up_calm()
        self.enable(self.machine)
        self.last = b""  # the license file that came last

    def _new_room(self, label: str) -> Room:
        trust = read_trust(export_trust("Vendor"))
        assert isinstance(trust, Trust)
        return Room(trust, f"{label}-{self.world.random(4).hex()}", self.world.now, name=self._name)

    @property
    def machine(self) -> Machine:
        return self.machines[0]

    @property
    def guid(self) -> str:
        return str(Guid.objects.get(label=self.machine.guid).id)

    @property
    def room(self) -> Room:
        return self.machine.room

    def take(self, acts: list[tuple[str, int]]) -> Life:
        for act, number in acts:
            getattr(self, f"act_{act}")(number)
        return self

    # --- whatever happens ---------------------------------------------------------------------------------------

    def act_buy(self, number: int) -> None:
        if self.world.now > LAST_DAY - 400 * DAY:
            return  # Q1: nothing is sold beyond the last day
        days = (3, 12, 29, 100, 365)[number % 5]
        start = self.world.now + (number % 3) * 9 * DAY - timedelta(hours=1)
        policy = Policy(overage_percent=(0, 10, 100)[number % 3], grace_days=(0, 5, 90)[number % 3])
        for sku, period in ((USERS, None), (PAGES, None), (RUNS, PeriodUnit.MONTH), ("odd-units", PeriodUnit.YEAR)):
            dates = {"valid_from": start, "valid_until": start + days * DAY}
            self.sold[sku] = self.world.buy(sku, 1 + number, period=period, policy=policy, **dates)

    def act_cycle(self, number: int) -> None:
        self.act_ask(number)
        self.act_answer(number)

    def act_ask(self, number: int) -> None:
        kind = RequestKind.RENEWAL if number % 4 == 1 and self.room.state.installed else None
        self.generate(self.machine, kind, new_keys=number % 7 == 6)
        if self.requests:
            self.upload(self.requests[-1])

    def act_answer(self, number: int) -> None:
        wanted = {USERS: 1 + number % 4, SEATS: number % 3, PAGES: number, RUNS: number // 2, "odd-units": number % 2}
        wanted = {sku: quantity for sku, quantity in wanted.items() if sku in self.sold}
        issued = self.issue(self.machine.guid, wanted, site_clock_is_off=True)
        if issued is not None and not isinstance(issued, Refusal):
            self.last = issued.raw
            self.install(self.machine, issued.raw)

    def act_wait(self, number: int) -> None:
        self.wait((1, 25, 49, 24 * 6, 24 * 8, 24 * 20, 24 * 40)[number % 7])

    def act_work(self, number: int) -> None:
        self.work(self.machine, number % 5, 1 + number)

    def act_reserve(self, number: int) -> None:
        self.do(self.machine, ReserveUnits(PAGES, 1 + number, 86_400))

    def act_withdraw(self, _: int) -> None:
        self.withdraw(self.machine)

    def act_receipt(self, _: int) -> None:
        if self.receipts:
            self.hand_in(self.receipts[-1])

    def act_back_up(self, _: int) -> None:
        self.back_up(self.machine)

    def act_clock(self, number: int) -> None:
        self.set_clock(self.machine, (-3, 2, 0, 0)[number % 4])

    def _buy_for(self, machine: Machine) -> None:
        """What is taken back is bought again, with the dates and the policy of its lines."""
        assert machine.room.state.installed is not None
        for line in machine.room.state.installed.lines:
            more = {"valid_from": line.valid_from, "valid_until": line.valid_until, "policy": line.policy}
            period = line.period.unit if line.period else None
            self.world.buy(line.sku, line.quantity, period=period, **more)

    # --- fates --------------------------------------------------------------------------------------------------

    def license(self, wanted: dict[str, int] | None = None, lines: dict[str, int] | None = None) -> Any:
        """A cycle that must work."""
        self.set_clock(self.machine, 0)
        self.generate(self.machine)
        accepted = self.upload(self.requests[-1])
        assert not isinstance(accepted, Refusal), accepted
        asked = lines or {self.sold[sku]: quantity for sku, quantity in (wanted or {USERS: 3, PAGES: 50}).items()}
        issued = self.world.issue(accepted.lfr, lines=asked, site_clock_is_off=True)
        assert not isinstance(issued, Refusal), issued
        assert issued.raw
        self.last = issued.raw
        return self.install(self.machine, issued.raw)

    def fresh(self) -> None:
        """Purchases for a year from now, and a license out of them that is in use."""
        later = {"valid_from": self.world.now - DAY, "valid_until": self.world.now + 365 * DAY}
        for sku, quantity in ((USERS, 9), (SEATS, 4), (PAGES, 200)):
            self.sold[sku] = self.world.buy(sku, quantity, **later)
        self.license({USERS: 5, SEATS: 2, PAGES: 100})
        for command in (AssignUser(USERS, "anna"), AssignUser(USERS, "bo"), AcquireSeat(SEATS, "bot", 86_400)):
            self.do(self.machine, command)
        self.do(self.machine, ConsumeUnits(PAGES, 40))

    def to_licensed(self) -> None:
        self.fresh()

    def to_renewed_in_part(self) -> None:
        self.fresh()
        soon = self.world.now + 6 * DAY
        few = self.world.buy(USERS, 1, valid_from=soon, valid_until=soon + 300 * DAY)
        ending = self.world.buy(USERS, 5, valid_from=self.world.now - DAY, valid_until=soon)
        gone = self.world.buy("odd-users", 3, valid_from=self.world.now - DAY, valid_until=soon)
        self.license(lines={ending: 5, few: 1, gone: 3, self.sold[PAGES]: 100, self.sold[SEATS]: 2})

    def to_reduced(self) -> None:
        self.fresh()
        for name in ("cleo", "dora", "emil"):
            self.do(self.machine, AssignUser(USERS, name))
        self.license({USERS: 1, PAGES: 60})  # which does not fit, and is looked at

    def to_grace(self) -> None:
        soon, policy = self.world.now + 2 * DAY, Policy(overage_percent=10, grace_days=30)
        bought = self.world.buy(USERS, 5, valid_from=self.world.now - DAY, valid_until=soon, policy=policy)
        pages = self.world.buy(PAGES, 50, valid_from=self.world.now - DAY, valid_until=soon, policy=policy)
        self.license(lines={bought: 4, pages: 50})
        self.do(self.machine, AssignUser(USERS, "anna"))
        self.do(self.machine, ConsumeUnits(PAGES, 53))
        self.wait(24 * 4)

    def to_expired(self) -> None:
        self.fresh()
        self.wait(24 * 400)

    def to_locked(self) -> None:
        self.fresh()
        self.generate(self.machine)
        self.wait(24 * 8)

    def to_locked_and_expired(self) -> None:
        self.to_locked()
        self.wait(24 * 400)

    def to_open_and_refused(self) -> None:
        """An LFR waits to be answered, and a newer one was refused."""
        self.fresh()
        self.generate(self.machine)
        self.upload(self.requests[-1])
        other = self.room.copy("other")
        self.do(self.machine, ConsumeUnits(PAGES, 1))
        self.generate(self.machine)
        self.upload(self.requests[-1])
        self.machine.honest = False
        Machine(other, self.machine.guid)
        raw = other.request()
        self.world.upload(raw, self.machine.guid)

    def to_released(self) -> None:
        self.fresh()
        self.generate(self.machine, RequestKind.RELEASE)
        self.upload(self.requests[-1])

    def to_enabled_again(self) -> None:
        self.to_released()
        self.enable(self.machine)
        self.generate(self.machine)
        self.upload(self.requests[-1])

    def to_reported_lost(self) -> None:
        self.fresh()
        losses.report_lost(self.world.calm, guid=self.guid, reason="the ship “Ærø” sank", **self.world.act)

    def to_written_off(self) -> None:
        self.to_reported_lost()
        self.write_off(self.machine, return_unconsumed=True)
        self.generate(self.machine)
        self.upload(self.requests[-1])

    def to_restored(self) -> None:
        self.fresh()
        self.back_up(self.machine)
        self.do(self.machine, ConsumeUnits(PAGES, 30))
        self.generate(self.machine)
        self.upload(self.requests[-1])
        self.restore(self.machine)
        self.do(self.machine, ConsumeUnits(PAGES, 7))
        self.generate(self.machine)
        self.upload(self.requests[-1])

    def to_history_accepted(self) -> None:
        self.to_restored()
        size = self.world_size()
        self.generate(self.machine, since=size)
        self.upload(self.requests[-1])
        assert not isinstance(self.accept_history(self.machine), Refusal)

    def world_size(self) -> int:
        from carnet.calm.control_rooms.models import ControlRoom

        return int(ControlRoom.objects.get(id=self.room.store.ledger_id).seen_size)

    def to_forgotten(self) -> None:
        """CALM was restored: it knows nothing of the license."""
        self.back_up_calm()
        self.fresh()
        self.restore_calm(len(self.backups) - 1, head=True)
        self.generate(self.machine)
        self.upload(self.requests[-1])

    def to_taken_back(self) -> None:
        self.to_forgotten()
        self.way_back(self.machine)

    def to_moved(self) -> None:
        self.fresh()
        self.room.engine.record([SiteMoved(place="old machine: /srv/x")], self.room.reading, "kari", {MOVED: b"yes"})

    def to_far(self) -> None:
        """A license that ends on the last day that there is."""
        for sku in (USERS, PAGES):
            self.sold[sku] = self.world.buy(sku, 9, valid_from=self.world.now - DAY, valid_until=LAST_DAY)
        period = {"period": PeriodUnit.MONTH, "policy": Policy(overage_percent=10, grace_days=90)}
        self.sold[RUNS] = self.world.buy(RUNS, 9, valid_from=self.world.now - DAY, valid_until=LAST_DAY, **period)
        self.license({USERS: 2, PAGES: 9, RUNS: 9})
        self.do(self.machine, ConsumeUnits(RUNS, 9))

    def to_far_and_over(self) -> None:
        self.to_far()
        self.wait((LAST_DAY - self.world.now).days * 24 + 24 * 5)

    def to_many_products(self) -> None:
        self.fresh()
        skus = [f"pack-{number:02d}" for number in range(40)]
        Product.objects.bulk_create(Product(sku=sku, name=sku, metric="consumable", unit="units") for sku in skus)
        later = {"valid_from": self.world.now - DAY, "valid_until": self.world.now + 20 * DAY}
        bought = {self.world.buy(sku, 5, **later): 5 for sku in skus}
        self.license(lines=bought | {self.sold[USERS]: 5, self.sold[PAGES]: 100, self.sold[SEATS]: 2})
        self.wait(24 * 15)

    def to_clock_ahead(self) -> None:
        self.fresh()
        self.set_clock(self.machine, 500)
        self.do(self.machine, ConsumeUnits(PAGES, 1))
        self.set_clock(self.machine, -10)

    def to_disapproved(self) -> None:
        self.fresh()
        accounts.withdraw_approval(self.world.calm, approval="Northwind", reason="a new contract", **self.world.act)

    def to_nothing(self) -> None:
        """Enabled, or whatever came of the acts alone."""


FATES: tuple[Callable[[Life], None], ...] = tuple(
    value for name, value in vars(Life).items() if name.startswith("to_") and callable(value)
)
