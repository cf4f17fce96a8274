"""E19, Q3: a site is licensed for decades. Real Control Room, real CALM; files are as large at the end as in the
beginning, and what was consumed in thirty years is counted to the unit."""

from datetime import timedelta

import pytest
from django.db import transaction

from carnet.calm.control_rooms.models import Counted
from carnet.calm.customers.models import Account
from carnet.calm.purchases.models import Product, Purchase
from carnet.calm.use_cases.key_sets import export_trust
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.entitlements import new_id
from carnet.exchange.key_set import Trust, read_trust
from carnet.exchange.license_file_request import LineTotals, RequestKind, read_lfr
from carnet.exchange.verdicts import Refusal
from tests.calm.conftest import NOW, World, ok
from tests.support.room import Room

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)


class Life:
    """One site, and what it really consumed; each cycle goes there and back."""

    def __init__(self, products: int, *, quantity: int = 100) -> None:
        self.world, self.quantity = World(), quantity
        self.world.add_guid("north")
        self.account = Account.objects.get(name="Northwind")
        trust = read_trust(export_trust("Vendor"))
        assert isinstance(trust, Trust)
        self.room = Room(trust, "decades", NOW)
        self.skus = [f"pack-{number:03d}" for number in range(products)]
        Product.objects.bulk_create(
            Product(sku=sku, name=f"Pack {sku}", metric="consumable", unit="units") for sku in self.skus
        )
        self.room.enable(self.world.token())
        self.consumed: dict[str, int] = dict.fromkeys(self.skus, 0)
        self.sizes: list[tuple[int, int]] = []  # of each LFR and OLF

    def buy(self, days: int) -> dict[str, int]:
        """One purchase of each product from now on, as an order brings them: the lines."""
        made = [self._purchase(sku, days) for sku in self.skus]
        Purchase.objects.bulk_create(made)
        return {each.id: self.quantity for each in made}

    def _purchase(self, sku: str, days: int) -> Purchase:
        now = self.world.now
        return Purchase(
            id=new_id(now, self.world.random),
            account=self.account,
            product_id=sku,
            quantity=self.quantity,
            valid_from=now,
            valid_until=now + days * DAY,
            kind="purchased",
            added_at=now,
        )

    def cycle(self, days: int, kind: RequestKind | None = None) -> list[LineTotals]:
        """Buy for `days`, ask, issue, install, use a little, and let these days pass; what the LFR stated."""
        lines = self.buy(days)
        raw = self.room.request(kind)
        issued = ok(self.world.issue(self.world.accept(raw).lfr, lines=lines)).raw
        assert issued is not None
        answer = self.room.install(issued)
        assert not isinstance(answer, Refusal), answer
        self.sizes.append((len(raw), len(issued)))
        for number, sku in enumerate(self.skus):
            if (number + len(self.sizes)) % 3 == 0:
                units = 1 + number % 7
                assert not isinstance(self.room.do(ConsumeUnits(sku, units)), Refusal)
                self.consumed[sku] += units
        self.wait(days)
        return read_lfr(raw).lfr.totals.record.body.lines  # type: ignore[union-attr]

    def wait(self, days: int) -> None:
        self.world.now += days * DAY + timedelta(minutes=1)
        self.room.wait(days=days, minutes=1)

    def finish(self) -> None:
        """The site is released: nothing of thirty years is lost, and nothing counted twice."""
        self.world.accept(self.room.request(RequestKind.RELEASE))
        found = dict.fromkeys(self.skus, 0)
        for count in Counted.objects.all():
            found[count.sku] += count.units
        assert found == self.consumed
        spent = self.world.spent()
        assert {sku: spent.get(sku, 0) for sku in self.skus} == self.consumed
        assert self.room.verify().holds

    def is_bounded(self, by: float = 1.5) -> bool:
        """Once two cycles are over, no file is much larger than those of the first years."""
        first = [max(each) for each in zip(*self.sizes[:4], strict=True)]
        last = [max(each) for each in zip(*self.sizes[2:], strict=True)]
        return all(one <= by * other for one, other in zip(last, first, strict=True))


@pytest.fixture
def frame(db: None):
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.mark.rule("E19", "Q3", "H2", "H4")
def test_thirty_years_of_twenty_monthly_packs(frame: None) -> None:
    life = Life(20)
    for _ in range(360):
        assert len(life.cycle(30)) <= 40
    assert len(life.room.state.lines) <= 40
    assert life.is_bounded()
    life.finish()


@pytest.mark.rule("E19", "Q3", "H2", "H4")
def test_thirty_yearly_renewals_of_two_hundred_products(frame: None) -> None:
    life = Life(200)
    for _ in range(30):
        assert len(life.cycle(365)) <= 400
    assert len(life.room.state.lines) <= 400
    assert life.is_bounded()
    life.finish()
