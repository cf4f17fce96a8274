"""Two accounts, built through CALM's own use cases: one on which nothing is to be done, and one with all that asks for
somebody. Everything else in the benchmark's database is a copy of these (`portal_data`)."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from tests.calm.conftest import DAY, HOUR, OLGA, OMAR, World, ok
from tests.support.site_simulator import Site

from carnet.calm.control_rooms.models import ControlRoom, LossReport
from carnet.calm.use_cases import accounts, proposals, receipts
from carnet.calm.use_cases.context import Calm
from carnet.entitlements import PeriodUnit, Policy
from carnet.exchange.license_file_request import ClockFields

NAMES = ("Northwind", "Contoso")  # the ordinary one, and the troubled one
USERS, SEATS, PAGES, FEATURE = "bot-creator", "unattended-bot-runner", "document-pages", "automator-ai"
EACH = {USERS: 5, SEATS: 2, PAGES: 1000, FEATURE: 1}  # what a Control Room is granted
LONG = timedelta(days=200)  # that the cycles are spread over


class Desk(World):
    """The tests' short names, on a CALM that is set up."""

    def __init__(self, calm: Calm, today: datetime) -> None:
        self.random, self.calm, self.today, self.now = calm.random, calm, today, today

    def customer(self, name: str, rooms: int, cycles: int) -> list[Site]:
        """An account, what it bought, its Control Rooms, and all their cycles until some days ago. All is confirmed."""
        self.now = self.today - LONG - 2 * DAY
        self.account = self.add_account(name)
        dates = {"valid_from": self.now - DAY, "valid_until": self.today + timedelta(days=150)}
        for sku, quantity in EACH.items():
            units = {"period": PeriodUnit.MONTH, "policy": Policy(overage_percent=10)} if sku == PAGES else {}
            self.buy(sku, quantity * (rooms + 1), **dates, **units)
        plants = [self.site(f"{name} {number}", name) for number in range(rooms)]
        for number in range(cycles):
            self.now = self.today - LONG + LONG * number / max(1, cycles) - DAY
            for place, plant in enumerate(plants):
                self.now += timedelta(minutes=20)
                self.cycle(plant, f"{name} {place}", with_receipt=(place + number) % 3 != 0 or number == cycles - 1)
        return plants

    def cycle(self, plant: Site, guid: str, *, with_receipt: bool) -> None:
        if plant.granted:
            plant.use(PAGES, consume=37, now=self.now)
            plant.use(SEATS, in_use=1)
        raw = self.answer(plant, guid, products=EACH)
        self.now += timedelta(minutes=1)
        receipt = plant.install(raw, self.now)
        if with_receipt:
            ok(receipts.accept_receipt(self.calm, raw=receipt, **self.act))

    def trouble(self, name: str, plants: list[Site]) -> None:
        """Each Control Room in another state, in which somebody has something to do; and the account too."""
        states = (self.is_open, self.is_issued, self.is_cloned, self.is_released, self.is_written_off)
        states += (self.is_set_back, self.owes, self.is_lost, self.is_proposed, self.has_lapsed)
        self.now = self.today - 3 * HOUR
        for number, plant in enumerate(plants):
            states[number % len(states)](plant, f"{name} {number}")
        self.upload(b"no LFR at all", f"{name} 0")
        asked = {"industry": "energy", "reason": "another closed plant", "version": "40"}
        ok(accounts.request_approval(self.calm, account=name, **asked, **self.act))

    def is_open(self, plant: Site, guid: str) -> None:
        self.accept(plant.request(self.now), guid)

    def is_issued(self, plant: Site, guid: str) -> None:
        self.answer(plant, guid, products=EACH)

    def is_cloned(self, plant: Site, guid: str) -> None:
        clone = plant.fork()
        self.accept(clone.request(self.now), guid)
        plant.note(20)
        self.upload(plant.request(self.now, since=clone.ledger.size), guid)

    def is_released(self, plant: Site, guid: str) -> None:
        self.accept(plant.request(self.now, "release"), guid)

    def is_written_off(self, plant: Site, guid: str) -> None:
        proposed = ok(proposals.propose_write_off(self.calm, control_room=plant.id, reason="burned", **self.act))
        ok(proposals.confirm(self.calm, proposal=proposed.proposal, now=self.now, by=OMAR))

    def is_set_back(self, plant: Site, guid: str) -> None:
        clock = ClockFields(trusted=self.now, system=self.now, set_back_count=3, largest_set_back_s=7200)
        self.accept(plant.request(self.now, changed={"clock": clock}), guid)

    def owes(self, plant: Site, guid: str) -> None:
        if plant.granted:
            plant.use(PAGES, consume=EACH[PAGES] + 20, now=self.now)
        self.accept(plant.request(self.now), guid)

    def is_lost(self, plant: Site, guid: str) -> None:
        room = ControlRoom.objects.get(id=plant.id)
        report = partial(LossReport, id=plant.new_uuid(), room=room, guid_id=str(room.guid_id))
        report(reason="The machine was stolen.", by=OLGA, at=self.now).save(force_insert=True)

    def is_proposed(self, plant: Site, guid: str) -> None:
        ok(proposals.propose_write_off(self.calm, control_room=plant.id, reason="under water", **self.act))

    def has_lapsed(self, plant: Site, guid: str) -> None:
        """Issued, and never installed in time."""
        self.now -= 20 * DAY
        self.answer(plant, guid, products=EACH)
        self.now += 20 * DAY


def builders(calm: Calm, today: datetime, rooms: int, cycles: int) -> tuple[Callable[[], None], Callable[[], None]]:
    """What builds each of the two, in the order of NAMES."""
    desk = Desk(calm, today)

    def ordinary() -> None:
        desk.customer(NAMES[0], rooms, cycles)

    def troubled() -> None:
        desk.trouble(NAMES[1], desk.customer(NAMES[1], rooms, cycles))

    return ordinary, troubled
