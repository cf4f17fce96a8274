"""The years once more, on real folders: what an operator and an administrator type, commands alone. Here sites move
from machine to machine, backups of both sides are files, and accounts are merged.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from tests.journeys.commands import TODAY, Room, Vendor, token_in
from tests.support.kept_logs import secret, secret_bytes
from tests.years.reference import Bought, Truth
from tests.years.says import PAGES, USERS, books_are_true, held_is_true, same, site_is_true

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
YEAR = timedelta(days=365)
PEOPLE, UNITS = 5, 60  # that a site is granted at most
START = TODAY - DAY


@dataclass
class Place:
    """A site: its machine of today, the account and the License GUID at which it stands."""

    room: Room
    account: str
    guid: str


class Machines:
    def __init__(self, folder: Path, sites: int, seed: int) -> None:
        self.folder, self.random, self.truth = folder, Random(seed), Truth()
        self.calm = Vendor(data=folder / "calm")
        self.began, self.made = datetime.now(UTC).replace(microsecond=0), 0
        self.now = START + HOUR
        self.places: dict[str, Place] = {}
        self.bought: dict[tuple[int, str], dict[str, str]] = {}  # purchases, by year and account, then by product
        self.events: list[Callable[[str], None]] = [
            self.move,
            self.restore_calm,
            self.merge,
            self.restore_site,
            self.reduce,
            self.rekey,
        ]
        self.wait_until(self.now)
        self.calm("init", "--vendor", "Automation Vendor")
        secret((self.calm.data / "passphrase").read_text().strip(), "a passphrase")
        self.calm("trust", "export", "--out", self.file("trust.json"))
        self.account("Northwind", 0, sites)
        for number in range(sites):
            self.found(f"site-{number}")

    # --- the vendor and time ------------------------------------------------------------------------------------

    def wait_until(self, moment: datetime) -> None:
        """From here on it is this moment at both sides, or as much later as this test takes."""
        self.now = moment
        self.calm = replace(self.calm, ahead=moment - self.began)
        for place in self.places.values():
            place.room = replace(place.room, ahead=self.calm.ahead)

    def file(self, name: str) -> str:
        """A new file in the gap, by its ending."""
        self.made += 1
        gap = self.folder / "gap"
        gap.mkdir(exist_ok=True)
        return str(gap / (name if name == "trust.json" else f"{self.made:04}.{name}"))

    def account(self, name: str, year: int, sites: int) -> None:
        self.calm("account", "add", name)
        asked = ("--industry", "Finance", "--reason", "closed network", "--version", "40.0.0")
        self.calm("approval", "request", "--account", name, *asked)
        self.calm("approval", "grant", name, "--reason", "site visit", "--as", "otto")
        self.buy(year, name, sites)

    def buy(self, year: int, account: str, sites: int) -> None:
        start, end = START + year * YEAR, START + (year + 1) * YEAR
        mine = self.bought[year, account] = {}
        for sku, quantity in ((USERS, 2 * PEOPLE * sites), (PAGES, 8 * UNITS * sites)):
            span = ("--from", f"{start:%Y-%m-%d}", "--until", f"{end:%Y-%m-%d}")
            asked = ("--account", account, "--product", sku, "--quantity", str(quantity))
            mine[sku] = self.calm("purchase", "add", *asked, *span)["purchase"]
            self.truth.bought[mine[sku]] = Bought(sku, sku == PAGES, quantity, start, end)

    @property
    def year(self) -> int:
        return (self.now - START) // YEAR

    # --- sites --------------------------------------------------------------------------------------------------

    def machine(self, passphrase: Path | None = None) -> Room:
        """An empty folder on another machine; `passphrase` was carried there."""
        self.made += 1
        room = Room(data=self.folder / f"machine-{self.made:04}", ahead=self.calm.ahead)
        if passphrase:
            room.data.mkdir(mode=0o700)
            kept = room.data / "passphrase"
            kept.write_bytes(passphrase.read_bytes())
            kept.chmod(0o600)
        return room

    def found(self, site: str) -> None:
        room = self.machine()
        room("init", "--trust", str(self.folder / "gap" / "trust.json"), "--name", site)
        secret((room.data / "passphrase").read_text().strip(), "a passphrase")
        self.places[site] = Place(room, "Northwind", site)
        self.calm("guid", "add", "--account", "Northwind", "--label", site)
        self.enrol(site)
        self.grant_this_year(site)

    def enrol(self, site: str) -> None:
        place, token = self.places[site], self.file("token")
        self.calm("token", "download", "--account", place.account, "--out", token)
        secret_bytes(_secret_in(token), "an enrolment secret")
        place.room("token", "install", token)
        self.truth.enrol(site)

    def grant_this_year(self, site: str) -> None:
        bought = self.bought[self.year, self.places[site].account]
        self.cycle(site, {bought[USERS]: max(2, len(self.truth.sites[site].people)), bought[PAGES]: UNITS})

    def ask(self, site: str, *options: str) -> str:
        lfr = self.file("lfr")
        self.places[site].room("request", "generate", *options, "--out", lfr)
        return lfr

    def take(self, site: str, lfr: str) -> str:
        taken = self.calm("request", "accept", lfr, "--guid", self.places[site].guid)
        self.truth.asked(site, self.now)
        return str(taken["lfr"])

    def cycle(self, site: str, lines: dict[str, int], *options: str) -> None:
        self.answer(site, self.take(site, self.ask(site, *options)), lines)

    def answer(self, site: str, lfr: str, lines: dict[str, int], words: tuple[str, ...] = ()) -> None:
        olf, receipt = self.file("olf"), self.file("receipt")
        stated = [f"--line={purchase}={quantity}" for purchase, quantity in lines.items()]
        self.calm(*(words or ("license-file", "issue", *stated)), "--request", lfr, "--out", olf)
        self.places[site].room("license", "install", olf, "--receipt", receipt)
        self.calm("receipt", "accept", receipt)
        self.truth.granted(site, lines)

    def as_now(self, site: str) -> dict[str, int]:
        installed = self.truth.sites[site].installed
        return {one: quantity for one, quantity in installed.items() if self.truth.bought[one].end > self.now}

    def two_people(self, *words: str) -> Any:
        return self.calm("confirm", self.calm(*words)["proposal"], "--as", "otto")

    def use(self, site: str) -> None:
        """People come and go, and units are consumed."""
        truth, room = self.truth.sites[site], self.places[site].room
        gone = max(len(truth.people) - self.truth.grant(site, self.now, units=False), self.random.randint(0, 1))
        for user in truth.people[:gone]:
            room("user", "unassign", USERS, user)
        truth.people = truth.people[gone:]
        for _ in range(self.random.randint(0, self.truth.left(site, self.now, units=False))):
            user = f"user-{self.random.randrange(10**9)}"
            room("user", "assign", USERS, user)
            truth.people.append(user)
        self.consume(site, self.random.randint(0, self.truth.left(site, self.now, units=True) // 2))

    def consume(self, site: str, most: int) -> None:
        units = min(most, self.truth.left(site, self.now, units=True))
        if units:
            self.places[site].room("units", "consume", PAGES, str(units))
            self.truth.consume(site, units, self.now)

    # --- what may happen in a year ------------------------------------------------------------------------------

    def reduce(self, site: str) -> None:
        lines, least = self.as_now(site), max(1, len(self.truth.sites[site].people))
        seats = [one for one in lines if not self.truth.bought[one].units]
        kept = {one: max(least, lines[one] - 1) for one in seats}
        self.cycle(site, lines | kept)

    def rekey(self, site: str) -> None:
        self.cycle(site, self.as_now(site), "--new-keys")

    def move(self, site: str) -> None:
        """L7: to another machine; the one of before is scrapped."""
        place, carried = self.places[site], self.file("move")
        place.room("move", "--out", carried)
        old, place.room = place.room, self.machine(place.room.data / "passphrase")
        place.room("move", "--from", carried)
        shutil.rmtree(old.data)
        self.consume(site, 2)

    def restore_site(self, site: str) -> None:
        """L2: what was consumed since the backup is counted, and what is consumed after it, too. CALM was shown all
        that the backup holds: else it would count some of it twice."""
        self.cycle(site, self.as_now(site))
        room, backup = self.places[site].room, self.file("backup")
        room("backup", "--out", backup)
        self.consume(site, 2)
        self.take(site, self.ask(site))
        room("restore", backup)
        self.consume(site, 1)
        refused = self.calm.refused("request", "accept", self.ask(site), "--guid", self.places[site].guid)
        assert refused["code"] == "history_not_shown", refused
        options = refused["run"].partition("generate ")[2].partition("--out")[0].split()
        code = self.calm.code("request", "accept", self.ask(site, *options), "--guid", self.places[site].guid)
        assert code == "history_mismatch"
        self.truth.asked(site, self.now)
        accepted = self.two_people("control-room", "accept-history", self.places[site].guid, "--reason", "a lost disk")
        self.answer(site, accepted["lfr"], self.as_now(site))

    def restore_calm(self, site: str) -> None:
        """L6: CALM forgets a cycle of this site, and knows it again from the site's own file."""
        backup, guid = self.file("calm.backup"), self.places[site].guid
        self.calm("backup", "--out", backup)
        charged = dict(self.truth.sites[site].charged)
        self.wait_until(self.now + HOUR)
        self.cycle(site, self.as_now(site))
        self.wait_until(self.now + HOUR)
        self.calm("restore", backup)
        self.two_people("log", "resume", "--reason", "the disk was lost")
        refused = self.calm.refused("request", "accept", self.ask(site), "--guid", guid)
        assert refused["code"] == "not_remembered", refused
        options = refused["run"].partition("generate ")[2].partition("--out")[0].split()
        assert self.calm.code("request", "accept", self.ask(site, *options), "--guid", guid) == "not_remembered"
        taken = self.two_people("control-room", "take-back", guid, "--reason", "the site holds what we signed")
        self.truth.asked(site, self.now)
        self.truth.forgotten(site, charged, self.now)
        self.answer(site, taken["lfr"], self.as_now(site))

    def merge(self, site: str) -> None:
        """E11, H7: the site goes to an account of its own, which is merged into the one that it came from."""
        place, name = self.places[site], f"Partner {self.made}"
        self.calm("request", "accept", self.ask(site, "--kind", "release"), "--guid", place.guid)
        self.truth.release(site)
        self.check(site)
        self.account(name, self.year, 1)
        place.account, place.guid = name, f"{site} at {name}"
        self.calm("guid", "add", "--account", name, "--label", place.guid)
        self.enrol(site)
        lfr = self.ask(site)
        done = self.calm.run("request", "accept", lfr, "--guid", place.guid, "--json")
        if done.code:  # E11: within a year of another release
            assert done.json["refused"]["code"] == "released_again", done
            self.two_people("control-room", "readmit", place.guid, "--reason", "it was sold again")
            done = self.calm.run("request", "accept", lfr, "--guid", place.guid, "--json")
        bought = self.bought[self.year, name]
        lines = {bought[USERS]: max(2, len(self.truth.sites[site].people)), bought[PAGES]: UNITS}
        self.answer(site, done.json["lfr"], lines)
        self.check(site)
        self.two_people("account", "merge", name, "--into", "Northwind", "--reason", "bought")
        place.account = "Northwind"

    # --- years --------------------------------------------------------------------------------------------------

    def live(self, years: int) -> None:
        for year in range(years):
            begin = START + year * YEAR
            for number, site in enumerate(self.places):
                self.wait_until(begin + (60 + 60 * number) * DAY)
                self.use(site)
                self.events[(year + number) % len(self.events)](site)
                self.check(site)
            self.wait_until(begin + YEAR - 60 * DAY)
            self.buy(year + 1, "Northwind", len(self.places))
            for site in self.places:
                self.use(site)
                self.renew(site, year)
                self.check(site)
            self.wait_until(begin + YEAR + HOUR)
            for site in self.places:
                self.check(site)
        self.the_end()

    def renew(self, site: str, year: int) -> None:
        """Now and then as it stands, in one act; else with other quantities."""
        lfr = self.take(site, self.ask(site, "--kind", "renewal"))
        now, coming = self.as_now(site), self.bought[year + 1, "Northwind"]
        if self.random.random() < 0.5:
            same_again = {coming[self.truth.bought[one].sku]: many for one, many in now.items()}
            self.answer(site, lfr, now | same_again, ("license-file", "renew-as-now"))
        else:
            people, units = self.random.randint(1, PEOPLE), self.random.randint(UNITS // 2, UNITS)
            self.answer(site, lfr, now | {coming[USERS]: people, coming[PAGES]: units})

    def the_end(self) -> None:
        for site, place in self.places.items():
            assert place.room("status")["state"] == "active", site
            assert place.room("ledger", "verify")["holds"]
        assert self.calm("log", "verify")["holds"]

    def check(self, site: str) -> None:
        place, truth = self.places[site], self.truth.sites[site]
        site_is_true(place.room("status"), self.truth, site, self.now)
        books_are_true(self.calm("purchase", "list"), self.truth, self.now, site)
        if not truth.released:
            held_is_true(self.calm("guid", "show", place.guid), self.truth, site, self.now)
            covered = {user: place.room.run("user", "check", USERS, user).code == 0 for user in truth.people}
            true = self.truth.covered(site, self.now)
            same(covered, {user: user in true for user in truth.people}, site)


def _secret_in(token: str) -> bytes:
    from carnet.exchange.strict import from_base64url

    return from_base64url(token_in(Path(token)).enrolment_secret)
