"""Frankfurt Vault: a Control Room with a year behind it, for looking at its pages. The real engine wrote all of it, at
the times at which it happened; a server that is started on the folder goes on from there with the real clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from carnet.control_room.engine.engine import Engine
from carnet.control_room.engine.founding import found
from carnet.control_room.engine.sqlite import DATABASE, SqliteStore
from carnet.control_room.rules.activation.generate_request import REQUEST, GenerateRequest
from carnet.control_room.rules.activation.install_license import InstallLicense
from carnet.control_room.rules.activation.install_token import InstallToken
from carnet.control_room.rules.granting.seats import AcquireSeat, ReleaseSeat, RenewSeat
from carnet.control_room.rules.granting.units import ConsumeUnits
from carnet.control_room.rules.granting.users import AssignUser
from carnet.control_room.state.trusted_time import Reading
from carnet.control_room.wiring import VERSION, Site
from carnet.entitlements import (
    Line,
    Metric,
    Period,
    PeriodUnit,
    Policy,
    PurchaseKind,
    new_id,
)
from carnet.exchange.license_file_request import RequestKind
from carnet.exchange.strict import encode
from carnet.exchange.verdicts import Refusal
from carnet.files import write_file
from carnet.vault import Vault
from tests.support.cast import seeded
from tests.support.own_site import PHRASE, OwnSite
from tests.support.vendor_simulator import Vendor

MANAGER = "fra-license-1"
AGE = 40  # days since it was set up
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BOTS, TASKS, CREDITS, CREATORS = "unattended-bot-runner", "api-task-concurrency", "automation-ai-credits", "bot-creator"

USERS = ((CREATORS, "Bot Creator", 16, 14), ("attended-bot-runner", "Attended Bot Runner", 30, 21))
SEATS_OF = ((BOTS, "Unattended Bot Runner", 8), (TASKS, "API Task concurrency", 10))
UNITS = (
    ("document-automation", "Document Automation", "pages", 600_000, 13_000),
    ("document-automation-standard-forms", "Document Automation for Standard Forms", "pages", 150_000, 2_000),
    (CREDITS, "Automation AI Credits", "credits", 250_000, 7_400),
    ("conversational-automation-interactions", "Conversational Automation Interactions", "interactions", 5_000, 40),
)
FEATURES = (("enterprise-platform", "Enterprise Platform"), ("automator-ai", "Automator AI"))


@dataclass
class VaultSite:
    """`at`: what the machine's clock says at each act."""

    folder: Path
    start: datetime
    store: SqliteStore
    vendor: Vendor
    engine: Engine
    at: datetime

    def do(self, command: Any, actor: str = MANAGER) -> Any:
        uptime = int((self.at - self.start).total_seconds()) + 1000
        return self.engine.execute(command, Reading(self.at, uptime, "boot-1"), actor)

    def request(self, kind: RequestKind | None = None) -> bytes:
        asked = self.do(GenerateRequest(kind, None, new_keys=False))
        assert not isinstance(asked, Refusal), asked
        raw = self.store.document(REQUEST)
        assert raw
        return raw

    def install(self, lines: Sequence[Line]) -> None:
        installed = self.do(InstallLicense(self.vendor.olf(self.request(), lines, self.at)))
        assert not isinstance(installed, Refusal), installed

    def enable(self) -> None:
        self.do(InstallToken(self.vendor.token(self.at)))


def founded(
    folder: Path, days: float, then: Callable[[VaultSite], None], *, name: str = "Frankfurt Vault"
) -> tuple[OwnSite, Vendor]:
    """Set up so many days ago; `then` goes on from there."""
    folder.mkdir(mode=0o700)
    write_file(folder / "passphrase", PHRASE, 0o600)
    random, vendor = seeded(str(folder)), Vendor()
    start = Site(folder).reading().system.replace(second=0) - days * DAY
    vault, lock = Vault.create(PHRASE, random)
    with closing(SqliteStore.create(str(folder / DATABASE), new_id(start, random))) as store:
        reading = Reading(start, 1000, "boot-1")
        engine = found(store, vault, lock, vendor.trust, name, VERSION, reading, random)
        write_file(folder / "trust.json", encode(vendor.trust), 0o600)
        then(VaultSite(folder, start, store, vendor, engine, start))
    return OwnSite(folder, vault), vendor


def licensed(site: VaultSite) -> None:
    """A month of use, a limit that was met, units that run out, an end in 24 days, and a renewal under way."""
    now, end = site.start + AGE * DAY, site.start + (AGE + 24) * DAY + 14 * HOUR
    site.enable()
    site.install(lines_until(site.start, end))
    for sku, _name, _quantity, held in USERS:
        for number in range(held):
            site.do(AssignUser(sku, f"ops-teller-{number + 100}"), MANAGER)
    for day in range(8, AGE):
        _worked(site, day)
    site.at = now - 18 * HOUR  # after the last day's work
    site.request(RequestKind.RENEWAL)
    site.at = now - 3 * HOUR
    for number in range(6):
        site.do(AcquireSeat(BOTS, f"bot-{number:03}", 86_400), "bots")
        site.at += timedelta(minutes=7)
    for number in range(3):
        site.do(AcquireSeat(TASKS, f"task-{number:03}", 86_400), "bots")
    site.do(ConsumeUnits("document-automation", 900_000), "bots")


def enabled(site: VaultSite) -> None:
    site.enable()


def ends_soon(site: VaultSite) -> None:
    """In five days: nobody puts that banner away."""
    site.enable()
    site.install(lines_until(site.start, site.start + (AGE + 5) * DAY + HOUR))


def in_grace(site: VaultSite) -> None:
    site.enable()
    site.install(lines_until(site.start, site.start + (AGE - 4) * DAY))


def locked(site: VaultSite) -> None:
    """A request was made nine days ago, and nothing was installed."""
    ends_soon(site)
    site.do(AssignUser(CREATORS, "ops-teller-100"))
    site.at = site.start + (AGE - 9) * DAY
    site.request()


def released(site: VaultSite) -> None:
    ends_soon(site)
    site.request(RequestKind.RELEASE)


STATES: dict[str, Callable[[VaultSite], None]] = {
    "new": lambda _: None,
    "enabled": enabled,
    "licensed": licensed,
    "expiring": ends_soon,
    "grace": in_grace,
    "locked": locked,
    "released": released,
}


def _worked(site: VaultSite, day: int) -> None:
    """Some bots, more on weekdays; each eleventh day all seats are in use, and two are refused."""
    site.at = site.start + day * DAY + 2 * HOUR
    full = day % 11 == 0
    wanted = 10 if full else 2 + (day * 7) % 6 if (site.at.weekday() < 5) else 1
    seats = [site.do(AcquireSeat(BOTS, f"bot-{number:03}", 86_400), "bots") for number in range(wanted)]
    site.do(AcquireSeat(TASKS, "task-001", 3600), "bots")
    for sku, _name, _unit, _quantity, each in UNITS:
        site.do(ConsumeUnits(sku, each + day * 3), "bots")
    site.at += 3 * HOUR
    for seat in seats:
        if not isinstance(seat, Refusal):
            site.do(RenewSeat(seat.lease_id), "bots")
            site.do(ReleaseSeat(seat.lease_id), "bots")


def lines_until(start: datetime, end: datetime) -> list[Line]:
    def line(sku: str, name: str, metric: Metric, unit: str, quantity: int, **more: Any) -> Line:
        fields: dict[str, Any] = {
            "valid_from": start - 300 * DAY,
            "valid_until": end,
            "period": None,
            "grace": 14,
        } | more
        policy = Policy(overage_percent=fields.pop("overage", 0), grace_days=fields.pop("grace"))
        return Line(
            line_id=new_id(start, seeded(f"{sku}{fields['valid_from']}")),
            sku=sku,
            name=name,
            metric=metric,
            unit=unit,
            quantity=quantity,
            kind=PurchaseKind.PURCHASED,
            policy=policy,
            **fields,
        )

    lines = [line(sku, name, Metric.NAMED_USER, "people", quantity) for sku, name, quantity, _held in USERS]
    lines += [line(sku, name, Metric.CONCURRENT, "seats", quantity) for sku, name, quantity in SEATS_OF]
    lines += [line(sku, name, Metric.CONSUMABLE, unit, quantity) for sku, name, unit, quantity, _each in UNITS]
    lines += [line(sku, name, Metric.FEATURE, "on or off", 1) for sku, name in FEATURES]
    later, month = min(start + 50 * DAY, end - DAY), Period(start=start - 300 * DAY, unit=PeriodUnit.MONTH)
    lines.append(line(BOTS, "Unattended Bot Runner", Metric.CONCURRENT, "seats", 2, valid_from=later))
    lines.append(line("extraction", "Extraction", Metric.CONSUMABLE, "pages", 4_000, period=month, overage=10, grace=0))
    return lines
