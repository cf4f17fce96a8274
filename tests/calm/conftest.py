"""CALM in memory, with the cast: Northwind (a customer with an approval), Contoso (another one), operators Olga and
Omar. Time stands still unless a test moves it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
from django.db import connection

from carnet.calm import database_url
from carnet.calm.issuing_log.head import LogHead
from carnet.calm.signing.keyring import Keyring
from carnet.calm.use_cases import (
    accept_lfr,
    accounts,
    bootstrap,
    guids,
    license_files,
    purchases,
    tokens,
)
from carnet.calm.use_cases.context import Calm
from carnet.calm.use_cases.selection import Selection
from carnet.exchange.verdicts import Refusal
from carnet.vault import Vault
from tests.support import databases
from tests.support.memory import MemoryHead, MemoryKeyring
from tests.support.postgres import Server, running
from tests.support.site_simulator import Site

T = TypeVar("T")
NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2027, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
OLGA, OMAR = "olga", "omar"
CATALOGUE = Path(bootstrap.__file__).parents[1] / "catalogue.toml"


class World:
    """One CALM with one approved customer, and short names for what tests do all the time."""

    def __init__(self, seed: int = 7) -> None:
        self.random = Random(seed).randbytes
        keys, head = self.open()
        self.calm = Calm(keys, self.random, head)
        self.now = NOW
        bootstrap.set_up(self.calm, catalogue=CATALOGUE.read_bytes(), **self.act)
        self.account = self.add_account("Northwind")

    def open(self) -> tuple[Keyring, LogHead]:
        return MemoryKeyring(Vault(self.random(64))), MemoryHead()

    @property
    def act(self) -> dict[str, Any]:
        return {"now": self.now, "by": OLGA}

    def add_account(self, name: str, *, approved: bool = True) -> str:
        accounts.add_account(self.calm, name=name, **self.act)
        if approved:
            self.approve(name)
        return name

    def approve(self, name: str) -> None:
        asked = {"industry": "energy", "reason": "closed by policy", "version": "40"}
        ok(accounts.request_approval(self.calm, account=name, **asked, **self.act))
        accounts.grant_approval(self.calm, approval=name, reason="a closed plant", **self.act)

    def buy(self, sku: str, quantity: int, **options: Any) -> str:
        fields = {"account": self.account, "valid_from": START, "valid_until": END} | options
        return purchases.add_purchase(self.calm, sku=sku, quantity=quantity, **fields, **self.act).purchase

    def add_guid(self, label: str, account: str | None = None) -> str:
        return guids.add_guid(self.calm, account=account or self.account, label=label, **self.act).guid

    def token(self, account: str | None = None) -> bytes:
        return ok(tokens.download_token(self.calm, account=account or self.account, **self.act)).raw

    def site(self, guid: str = "north", account: str | None = None) -> Site:
        """A site with a token, and a GUID of that label."""
        self.add_guid(guid, account)
        site = Site(self.random, id="", name=f"Plant {guid.title()}")
        site.id = site.new_uuid()
        site.install_token(self.token(account))
        return site

    def upload(self, raw: bytes, guid: str = "north") -> accept_lfr.LfrAccepted | Refusal:
        return accept_lfr.accept_lfr(self.calm, raw=raw, guid=guid, **self.act)

    def accept(self, raw: bytes, guid: str = "north") -> accept_lfr.LfrAccepted:
        return ok(self.upload(raw, guid))

    def issue(self, request: str, **options: Any) -> license_files.LicenseFileShown | Refusal:
        asked = Selection(options.pop("products", {}), options.pop("lines", {}), options.pop("until", None))
        return license_files.issue_license_file(self.calm, lfr_id=request, asked=asked, **options, **self.act)

    def answer(self, site: Site, guid: str = "north", kind: str = "change", **asked: Any) -> bytes:
        """An LFR, accepted and answered: the OLF."""
        accepted = self.accept(site.request(self.now, kind), guid)
        raw = ok(self.issue(accepted.lfr, **asked)).raw
        assert raw is not None
        return raw

    def license(self, site: Site, guid: str = "north", **asked: Any) -> bytes:
        """A whole cycle; the receipt, which CALM does not see unless the test gives it."""
        return site.install(self.answer(site, guid, **asked), self.now)

    def held(self, guid: str = "north") -> dict[str, int]:
        return _amounts(guids.show_guid(guid, now=self.now).held)

    def spent(self, guid: str = "north") -> dict[str, int]:
        return _amounts(guids.show_guid(guid, now=self.now).spent)

    def available(self, guid: str = "north") -> dict[str, int]:
        return _amounts(guids.show_guid(guid, now=self.now).available)


def _amounts(amounts: tuple[guids.Amount, ...]) -> dict[str, int]:
    summed: dict[str, int] = {}
    for amount in amounts:
        summed[amount.sku] = summed.get(amount.sku, 0) + amount.quantity
    return summed


def ok(answer: T | Refusal) -> T:
    assert not isinstance(answer, Refusal), answer
    return answer


def code(answer: object) -> str:
    """The code of what must be a refusal."""
    assert isinstance(answer, Refusal), answer
    assert answer.message
    assert answer.next
    return answer.code.value


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL of this run, started where a test asks."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_tables(postgres: Server, django_db_blocker: Any) -> database_url.Settings:
    """A database of it with CALM's tables, for tests that leave nothing behind."""
    with django_db_blocker.unblock():
        return databases.make(postgres, "shared")


@pytest.fixture
def database(request: pytest.FixtureRequest, db: None) -> Iterator[str]:
    """The kind of database: what `--database` says, or a test that runs on each of both."""
    kind: str = getattr(request, "param", request.config.option.database)
    if kind == "sqlite":
        yield kind
        return
    with databases.undone(request.getfixturevalue("postgres_tables")):
        yield kind


@pytest.fixture
def world(database: str) -> World:
    return World()


@pytest.fixture
def unmoved() -> Iterator[Callable[[], None]]:
    """Call it, do what must be refused: at the end, no table has moved but the log and the kept files."""
    before: dict[str, list[Any]] = {}

    def mark() -> None:
        before.update(dump())

    yield mark
    assert before, "the test never marked what must not move"
    assert dump() == before


RECORDS = {"issuing_log_logentry", "control_rooms_refusedfile"}


def dump() -> dict[str, list[Any]]:
    tables = [name for name in connection.introspection.table_names() if name not in RECORDS]
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT * FROM {table}")
            found[table] = sorted(cursor.fetchall(), key=repr)
    return found
