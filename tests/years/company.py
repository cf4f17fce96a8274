"""One vendor and its sites through the years: the real CALM, the real Control Rooms, and beside them the truth
(`tests.years.reference`). After each step every door must say what is true.
"""

from __future__ import annotations

import re
from copy import deepcopy
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.db import transaction
from django.urls import reverse

from carnet.calm.control_rooms.models import ControlRoom
from carnet.calm.purchases.models import Guid
from carnet.calm.queries.log_queries import verify_log
from carnet.calm.use_cases import proposals, receipts
from carnet.calm.use_cases.key_sets import export_trust
from carnet.control_room.ledger.events import SiteArrived, SiteMoved
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest, WithdrawCycle
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser, UnassignUser
from carnet.exchange.key_set import Trust, read_trust
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.verdicts import Code, Refusal
from tests.calm.conftest import ok
from tests.support.room import Room
from tests.support.site_pages import SitePages
from tests.years.doors import Company, SiteDoors, VendorDoors
from tests.years.reference import Bought, Truth
from tests.years.says import PAGES, USERS, books_are_true, held_is_true, site_is_true

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
YEAR = timedelta(days=365)
NAMES = {USERS: "Bot Creator", PAGES: "Document Automation"}
PEOPLE, UNITS = 6, 60  # that a site is granted at most
_ROW = re.compile(r"(Bot Creator|Document Automation) purchased ([\d,]+) ([\d,]+) ([\d,]+) ([\d,]+) (\d{4}-\d\d-\d\d)")
EVENTS = (
    "reduce",
    "restore_site",
    "release_and_return",
    "write_off",
    "restore_calm",
    "move",
    "set_clock_back",
    "change_guid",
    "rekey",
    "withdraw",
)


class Years:
    def __init__(self, company: Company, pages: SitePages, sites: int, seed: int) -> None:
        self.company, self.pages, self.random = company, pages, Random(seed)
        self.vendor, self.truth = VendorDoors(company), Truth()
        self.start = company.now.replace(hour=0, minute=0) - DAY
        self.rooms: dict[str, Room] = {}
        self.doors: dict[str, SiteDoors] = {}
        self.guids: dict[str, str] = {}  # the label of the License GUID at which a site stands
        self.made = self.steps = 0
        self.size = sites
        self.bought: dict[int, dict[str, str]] = {}  # purchases, by year and product
        self.buy(0)
        for _ in range(sites):
            site = self.found()
            self.license(site, 0)

    # --- the vendor and time ------------------------------------------------------------------------------------

    def buy(self, year: int) -> None:
        dates = {"valid_from": self.start + year * YEAR, "valid_until": self.start + (year + 1) * YEAR}
        self.bought[year] = {}
        for sku, quantity in ((USERS, 2 * PEOPLE * self.size), (PAGES, 8 * UNITS * self.size)):
            purchase = self.company.buy(sku, quantity, **dates)
            self.bought[year][sku] = purchase
            self.truth.bought[purchase] = Bought(sku, sku == PAGES, quantity, dates["valid_from"], dates["valid_until"])

    def wait_until(self, moment: datetime) -> None:
        passed = moment - self.company.now
        self.company.now = moment
        for room in self.rooms.values():
            room.wait(seconds=passed.total_seconds())

    def found(self) -> str:
        """A new site, at a new License GUID."""
        self.made += 1
        site = f"site-{self.made:03d}"
        trust = read_trust(export_trust("Vendor"))
        assert isinstance(trust, Trust)
        self.rooms[site] = Room(trust, site, self.company.now, name=site)
        self.doors[site] = SiteDoors(self.rooms[site], self.pages)
        self.guids[site] = site
        self.company.add_guid(site)
        self.enrol(site)
        return site

    def enrol(self, site: str) -> None:
        answer = self.rooms[site].enable(self.company.token())
        assert not isinstance(answer, Refusal), answer
        self.truth.enrol(site)

    # --- a cycle ------------------------------------------------------------------------------------------------

    def request(self, site: str, kind: RequestKind | None = None, *, new_keys: bool = False) -> str:
        accepted = ok(self.company.upload(self.rooms[site].request(kind, new_keys=new_keys), self.guids[site]))
        self.truth.asked(site, self.company.now)
        return str(accepted.lfr)

    def answer(self, site: str, lfr: str, lines: dict[str, int]) -> None:
        issued = ok(self.company.issue(lfr, lines=lines))
        assert issued.raw
        answer = self.rooms[site].install(issued.raw)
        assert not isinstance(answer, Refusal), answer
        ok(receipts.accept_receipt(self.company.calm, raw=self.rooms[site].receipt, **self.company.act))
        self.truth.granted(site, lines)

    def license(self, site: str, year: int, *, kind: RequestKind | None = None) -> None:
        """What the site has, and something of this year's purchases."""
        lfr = self.request(site, kind)
        kept = {
            purchase: quantity
            for purchase, quantity in self.truth.sites[site].installed.items()
            if self.truth.bought[purchase].end > self.company.now
        }
        people, units = self.random.randint(2, PEOPLE), self.random.randint(UNITS // 2, UNITS)
        self.answer(site, lfr, kept | {self.bought[year][USERS]: people, self.bought[year][PAGES]: units})

    def use(self, site: str) -> None:
        """People come and go, and units are consumed."""
        now, truth, room = self.company.now, self.truth.sites[site], self.rooms[site]
        gone = max(len(truth.people) - self.truth.grant(site, now, units=False), self.random.randint(0, 1))
        for user in truth.people[:gone]:
            assert not isinstance(room.do(UnassignUser(USERS, user)), Refusal)
        truth.people = truth.people[gone:]
        for _ in range(self.random.randint(0, self.truth.left(site, now, units=False))):
            user = f"user-{self.random.randrange(10**9)}"
            assert not isinstance(room.do(AssignUser(USERS, user)), Refusal)
            truth.people.append(user)
        self.consume(site, self.random.randint(0, self.truth.left(site, now, units=True) // 2))

    def consume(self, site: str, units: int) -> None:
        if units:
            assert not isinstance(self.rooms[site].do(ConsumeUnits(PAGES, units)), Refusal)
            self.truth.consume(site, units, self.company.now)

    # --- what may happen to a site in a year --------------------------------------------------------------------

    def reduce(self, site: str) -> None:
        """Fewer people, as many as hold one at least (E10)."""
        truth, lines = self.truth.sites[site], {}
        for purchase, quantity in truth.installed.items():
            each = self.truth.bought[purchase]
            if each.end > self.company.now:
                lines[purchase] = quantity if each.units else max(1, len(truth.people), quantity - 1)
        self.answer(site, self.request(site), lines)

    def rekey(self, site: str) -> None:
        lfr = self.request(site, new_keys=True)
        self.answer(site, lfr, self._as_now(site))

    def _as_now(self, site: str) -> dict[str, int]:
        installed = self.truth.sites[site].installed
        return {one: quantity for one, quantity in installed.items() if self.truth.bought[one].end > self.company.now}

    def withdraw(self, site: str) -> None:
        self.request(site)
        assert not isinstance(self.rooms[site].do(WithdrawCycle()), Refusal)
        self.rekey(site)

    def move(self, site: str) -> None:
        """L7: as `control-room move` records it, on the old machine and on the new one."""
        room = self.rooms[site]
        room.engine.record([SiteMoved(place="the old machine")], room.reading, "kari")
        room.reboot(f"boot-{self.random.random()}")
        room.engine.record([SiteArrived(place="the new one", nonce=room.random(32).hex())], room.reading, "kari")

    def set_clock_back(self, site: str) -> None:
        """T2: it gains nothing, and is set right again."""
        room = self.rooms[site]
        room.set_clock(self.company.now - 20 * DAY)
        self.consume(site, min(1, self.truth.left(site, self.company.now, units=True)))
        assert room.now >= self.company.now
        room.set_clock(self.company.now)

    def restore_site(self, site: str) -> None:
        """A backup is put back: what was consumed since is counted, and what is consumed after it, too (L2)."""
        self.rekey(site)
        room = self.rooms[site]
        backup, had = room.copy(f"backup-{self.random.random()}"), list(self.truth.sites[site].people)
        self.consume(site, min(2, self.truth.left(site, self.company.now, units=True)))
        self.request(site)
        room.restore(backup)
        self.truth.sites[site].people = had
        left = self.truth.left(site, self.company.now, units=True)
        self.consume(site, min(1, left))
        size = ControlRoom.objects.get(id=room.store.ledger_id).seen_size
        refused = self.company.upload(room.request(since=size), self.guids[site])
        assert isinstance(refused, Refusal)
        assert refused.code is Code.HISTORY_MISMATCH, refused
        asked = {"control_room": room.store.ledger_id, "reason": "the disk was lost"}
        accepted = self._two_people(proposals.propose_accept_history(self.company.calm, **asked, **self.company.act))
        self.answer(site, accepted.lfr, self._as_now(site))

    def release_and_return(self, site: str) -> None:
        self._release(site)
        self._return(site)

    def change_guid(self, site: str) -> None:
        """It leaves its License GUID, and comes back at another one. Where accounts are merged or a site goes to
        another account, it is this road too: release, and a token of the other."""
        self._release(site)
        self.guids[site] = f"{site}-{self.random.randrange(10**9)}"
        self.company.add_guid(self.guids[site])
        self._return(site)

    def _release(self, site: str) -> None:
        ok(self.company.upload(self.rooms[site].request(RequestKind.RELEASE), self.guids[site]))
        self.truth.release(site)
        self.check(site)

    def _return(self, site: str) -> None:
        self.enrol(site)
        raw = self.rooms[site].request()
        answer = self.company.upload(raw, self.guids[site])
        if isinstance(answer, Refusal):  # E11: within a year of another release
            assert answer.code is Code.RELEASED_AGAIN, answer
            asked = {"control_room": self.rooms[site].store.ledger_id, "reason": "it moved again"}
            self._two_people(proposals.propose_readmission(self.company.calm, **asked, **self.company.act))
            answer = ok(self.company.upload(raw, self.guids[site]))
        users = max(2, len(self.truth.sites[site].people))
        now = self._now_bought()
        self.answer(site, answer.lfr, {now[USERS]: users, now[PAGES]: UNITS})

    def _now_bought(self) -> dict[str, str]:
        return self.bought[(self.company.now - self.start) // YEAR]

    def write_off(self, site: str) -> None:
        """A site is lost, and another one is founded in its place."""
        asked = {"control_room": self.rooms[site].store.ledger_id, "reason": "it burned down"}
        proposed = proposals.propose_write_off(self.company.calm, **asked, return_unconsumed=False, **self.company.act)
        self._two_people(proposed)
        self.truth.write_off(site)
        for of in (self.rooms, self.doors, self.guids):
            del of[site]
        other = self.found()
        self.answer(other, self.request(other), {self._now_bought()[USERS]: 3, self._now_bought()[PAGES]: UNITS})

    def restore_calm(self, site: str) -> None:
        """L6: CALM forgets a cycle of this site, and knows it again from the site's own file."""
        calm = self.company.calm
        point, head = transaction.savepoint(), deepcopy(calm.head.read())
        newest, charged = self.company.now, dict(self.truth.sites[site].charged)
        self.wait_until(self.company.now + HOUR)
        self.rekey(site)
        transaction.savepoint_rollback(point)
        calm._head_checked, calm.head.head = False, head  # type: ignore[attr-defined]
        self.wait_until(self.company.now + HOUR)
        self._two_people(proposals.propose_resume(calm, reason="the disk was lost", as_of=newest, **self.company.act))
        room = self.rooms[site]
        refused = self.company.upload(room.request(), self.guids[site])
        assert isinstance(refused, Refusal)
        assert refused.code is Code.NOT_REMEMBERED, refused
        size = ControlRoom.objects.get(id=room.store.ledger_id).seen_size or None
        room.do(GenerateRequest(None, size, False, with_license=True))
        self.company.upload(room.store.document(REQUEST), self.guids[site])
        asked = {"control_room": room.store.ledger_id, "reason": "it was lost"}
        taken = self._two_people(proposals.propose_take_back(calm, **asked, **self.company.act))
        self.truth.asked(site, self.company.now)
        self.truth.forgotten(site, charged, self.company.now)
        self.answer(site, str(taken.lfr), self._as_now(site))
        assert verify_log(calm).holds

    def _two_people(self, proposed: Any) -> Any:
        return ok(proposals.confirm(self.company.calm, proposal=ok(proposed).proposal, now=self.company.now, by="omar"))

    # --- years --------------------------------------------------------------------------------------------------

    def live(self, years: int) -> None:
        for year in range(years):
            begin = self.start + year * YEAR
            for place, site in enumerate(list(self.rooms)):
                self.use(site)
                self.wait_until(begin + (60 + place) * DAY)
                getattr(self, EVENTS[(year + place) % len(EVENTS)])(site)
                self.check(next(reversed(self.rooms)) if site not in self.rooms else site)
            self.wait_until(begin + YEAR - 60 * DAY)
            self.buy(year + 1)
            for site in self.rooms:
                self.use(site)
                self.license(site, year + 1, kind=RequestKind.RENEWAL)
                self.check(site)
            self.wait_until(begin + YEAR - 5 * DAY - HOUR)
            self.check_mails()
            self.wait_until(begin + YEAR + HOUR)
            for site in self.rooms:
                self.check(site)
        self.the_end()

    def the_end(self) -> None:
        """Every honest site is active, and each ledger and the vendor's log hold."""
        for site, room in self.rooms.items():
            assert self.doors[site].status()["state"] == "active", site
            assert room.verify().holds
        assert verify_log(self.company.calm).holds

    # --- what every door must say -------------------------------------------------------------------------------

    def check(self, site: str) -> None:
        self.steps += 1
        assert abs(self.rooms[site].now - self.company.now) < HOUR
        self._check_site(site)
        self._check_books(site)

    def _check_site(self, site: str) -> None:
        now, truth, door = self.company.now, self.truth.sites[site], self.doors[site]
        told = door.status()
        rest = door.json("status")
        other = {name: (one, rest[name]) for name, one in told.items() if rest[name] != one}
        assert not other, other
        site_is_true(told, self.truth, site, now)
        pages, _ = door.pages(["/", *(f"/products/{sku}/" for sku in NAMES)])
        for each in told["products"]:
            for one in each["changes"]:
                if one["announced"]:
                    assert one["words"] in pages["/"] or each["coming"] in pages["/"], one["words"]
            page = pages[f"/products/{each['sku']}/"]
            assert each["coming"] in page, (each, page)
            assert f"{each['granted']:,}" in pages["/"], (each, pages["/"])
        if truth.people and not truth.released:
            covered = [user for user in truth.people if door.command("user", "check", USERS, user).code == 0]
            assert covered == self.truth.covered(site, now), (site, covered, truth.people)

    def _check_books(self, site: str) -> None:
        now = self.company.now
        of_rest = self.vendor.json(f"accounts/{self.company.northwind.id}/purchases")["purchases"]
        for listed in (self.vendor.command("purchase", "list", "--json").json, of_rest):
            books_are_true(listed, self.truth, now, site)
        books = self.truth.books(now)
        page = self.vendor.page("operator", reverse("customer-purchases", args=[self.company.northwind.id]))
        by_row = {
            (NAMES[one.sku], one.quantity, f"{one.start:%Y-%m-%d}"): books[purchase]
            for purchase, one in self.truth.bought.items()
        }
        rows = [(name, [int(each.replace(",", "")) for each in few], start) for name, *few, start in _ROW.findall(page)]
        assert rows
        for name, (quantity, *numbers), start in rows:
            assert tuple(numbers) == by_row[name, quantity, start], (name, start, numbers)
        guid = Guid.objects.get(label=self.guids[site])
        for told in (self.vendor.command("guid", "show", guid.id, "--json").json, self.vendor.json(f"guids/{guid.id}")):
            held_is_true(told, self.truth, site, now)

    def check_mails(self) -> None:
        """What shrinks within days is told by mail, of each site by its name, and by the site itself."""
        mails = self.vendor.mails()
        for site in self.rooms:
            shrinking = [
                (NAMES[sku], before, after)
                for sku in NAMES
                for when, before, after in self.truth.changes(site, self.company.now, units=sku == PAGES)
                if after < before and when - self.company.now < 30 * DAY
            ]
            of_site = [each for each in mails[:-1] if site in each]
            notices = " ".join(self.doors[site].pages(["/"])[1])
            for name, before, after in shrinking:
                said = re.compile(rf"{name}: {before:,} until [^.]*, then {after:,}")
                assert any(said.search(each) for each in of_site), (site, name, before, after, of_site)
                assert said.search(notices), (site, name, before, after, notices)
            assert shrinking or not of_site, (site, of_site)
