"""Northwind Bank, a customer with a past: four sites in four states, and what else the vendor's pages have to show.
For pictures, and for checks that look at every page."""

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.browser.clerk import DAY, OTTO
from tests.browser.office import Office, now
from tests.support.site_simulator import Site

HOUR = timedelta(hours=1)
PAST = 56  # days since CALM was set up
CLARA, VERA, TONE = "clara@northwind.example", "vera@northwind.example", "tone@northwind.example"
BOUGHT = {
    "bot-creator": 90,
    "attended-bot-runner": 250,
    "unattended-bot-runner": 60,
    "document-pages": 1_200_000,
    "automator-ai": 1,
}
OSLO = {
    "bot-creator": 60,
    "attended-bot-runner": 150,
    "unattended-bot-runner": 40,
    "document-pages": 700_000,
    "automator-ai": 1,
}
BERGEN = {"bot-creator": 12, "unattended-bot-runner": 8, "document-pages": 120_000}


@dataclass
class Bank:
    """`things`: one of everything that has an address, by its name there."""

    office: Office
    started: datetime
    account: str = ""
    things: dict[str, Any] = field(default_factory=dict)

    def found(self) -> None:
        self.office.found(self.started)
        self.account = self.office.do("account", name="Northwind Bank", at=self.at(0))["account"]
        for email, name, role in ((CLARA, "Clara Holm", "administrator"), (VERA, "Vera Lund", "viewer")):
            self.person(email, name, role)
        self.person(TONE, "Tone Vik", "administrator")
        self.office.do("approve", account=self.account, at=self.at(0))
        for sku, quantity in BOUGHT.items():
            bought = self.office.do("buy", account=self.account, sku=sku, quantity=quantity, at=self.at(0))
            self.things.setdefault("purchase", bought["purchase"])

    def person(self, email: str, name: str, role: str) -> None:
        self.office.do("person", email=email, name=name, role=role, account=self.account, at=self.at(0))

    def at(self, days: float) -> str:
        return self.when(days).isoformat()

    def when(self, days: float) -> datetime:
        return self.started + days * DAY

    def guid(self, label: str) -> str:
        return str(self.office.do("guid", account=self.account, label=label, at=self.at(0.1))["guid"])

    def site(self, name: str, days: float) -> Site:
        site = Site(os.urandom, id="", name=name)
        site.id = site.new_uuid()
        site.note(300)
        site.install_token(bytes.fromhex(self.office.do("token", account=self.account, at=self.at(days))["raw"]))
        return site

    def take(self, guid: str, site: Site, days: float, **options: Any) -> dict[str, Any]:
        return self.office.do("take", guid=guid, raw=site.request(self.when(days), **options).hex(), at=self.at(days))

    def issue(self, guid: str, site: Site, days: float, products: dict[str, int]) -> dict[str, Any]:
        taken = self.take(guid, site, days)
        return self.office.do("issue", request=taken["lfr"], products=products, at=self.at(days + 0.1))

    def cycle(self, guid: str, site: Site, days: float, products: dict[str, int]) -> str:
        """A whole one, to the receipt; the license file's id."""
        issued = self.issue(guid, site, days, products)
        receipt = site.install(bytes.fromhex(issued["raw"]), self.when(days + 0.5))
        self.office.do("receipt", raw=receipt.hex(), at=self.at(days + 0.6))
        return str(issued["file"])


def furnish(office: Office) -> Bank:
    bank = Bank(office, now() - PAST * DAY)
    bank.found()
    guids = {label: bank.guid(label) for label in ("Oslo", "Bergen", "Tromso", "Spare")}
    sites = {label: bank.site(f"{label} Vault", 0.2 + place / 100) for place, label in enumerate(list(guids)[:3])}
    years(bank, guids["Oslo"], sites["Oslo"])
    file = bank.cycle(guids["Bergen"], sites["Bergen"], 40, BERGEN)
    bank.cycle(guids["Tromso"], sites["Tromso"], 41, {"document-pages": 60_000, "bot-creator": 4})
    history_parts(bank, guids["Tromso"], sites["Tromso"])
    bank.issue(guids["Bergen"], sites["Bergen"], PAST - 1.2, BERGEN | {"bot-creator": 8})
    bank.take(guids["Oslo"], sites["Oslo"], PAST - 1)
    others(bank)
    bank.things |= {
        "account": bank.account,
        "guid": guids["Oslo"],
        "room": sites["Oslo"].id,
        "file": file,
        "version": 1,
        "number": office.do("refused")["refused"][-1][0],
        "uidb36": "1",
        "key": "set-password",
    }
    bank.things |= {"bergen": guids["Bergen"], "tromso": guids["Tromso"], "spare": guids["Spare"]}
    return bank


def years(bank: Bank, guid: str, site: Site) -> None:
    """Oslo's weeks: more people, more pages, and one reduction."""
    bank.cycle(guid, site, 1, OSLO | {"bot-creator": 40})
    for week, (users, seats, pages) in enumerate(
        ((22, 9, 31_000), (31, 18, 42_500), (38, 25, 61_000), (47, 31, 58_200))
    ):
        days = 8 + 9 * week
        site.use("bot-creator", in_use=users)
        site.use("attended-bot-runner", in_use=users * 3)
        site.use("unattended-bot-runner", in_use=seats)
        site.use("document-pages", consume=pages, now=bank.when(days))
        site.note(200)
        bank.cycle(guid, site, days, OSLO)


def history_parts(bank: Bank, guid: str, site: Site) -> None:
    """A backup is restored: 4,200 pages that CALM saw are unknown there."""
    site.use("document-pages", consume=9_000, now=bank.when(50))
    bank.take(guid, site, 50)
    backup = site.fork()
    site.use("document-pages", consume=4_200, now=bank.when(52))
    site.note(120)
    bank.take(guid, site, 52)
    backup.use("document-pages", consume=600, now=bank.when(53))
    bank.take(guid, backup, PAST - 2, since=site.ledger.size)


def others(bank: Bank) -> None:
    """Beside Northwind: one that waits for its approval, and what waits for a second person."""
    office = bank.office
    power = office.do("account", name="Fjord Power", at=bank.at(PAST - 0.8))["account"]
    reason = "Substations are separated from every other network by law."
    asked = office.do("ask_approval", account=power, industry="Energy", reason=reason, at=bank.at(PAST - 0.7))
    office.do("buy", account=power, sku="unattended-bot-runner", quantity=20, days=25, at=bank.at(PAST - 0.6))
    bank.things |= {
        "approval": asked["approval"],
        "proposal": office.do("rotate", reason="The yearly change of keys.")["proposal"],
        "person": office.do("pk", email=VERA)["pk"],
        "colleague": office.do("pk", email=OTTO)["pk"],
        "token": "none",
        "imported": "none",
        "pk": office.do("second_factors", email=TONE)["pk"],
    }
