"""The portal in memory, with its cast: vendor staff, two customers' people, one of everything that has an address."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client

from carnet.calm.control_rooms.models import LicenseFile, RefusedFile
from carnet.calm.customers.models import Account, Approval
from carnet.calm.people import api_tokens
from carnet.calm.people.models import Person
from carnet.calm.portal.portal import open_portal
from carnet.calm.purchases.models import Guid
from carnet.calm.use_cases import losses, proposals
from carnet.calm.use_cases.context import Calm
from carnet.web_kit.sign_in.fresh import note_fresh
from tests.calm.conftest import World, ok
from tests.support.headers import wrong_headers
from tests.support.tables import uneven

PASSWORD = "correct horse battery"
VENDOR = ("operator", "approver", "auditor")
OWN = ("administrator", "viewer")


class Browser(Client):
    """Somebody at the portal. Each answer has the headers of the kit, and tables have rows as wide as their heads."""

    def request(self, **request: Any) -> Any:
        answer = super().request(**request)
        assert wrong_headers(answer.headers) == [], request.get("PATH_INFO")
        if answer.headers.get("content-type", "").startswith("text/html") and not answer.streaming:
            assert uneven(answer.content.decode()) == [], request.get("PATH_INFO")
        return answer


@dataclass
class StillPortal:
    """What the composition root gives, with a clock that stands still."""

    world: World
    name: str = "Automation Vendor"

    def now(self) -> datetime:
        return self.world.now

    def calm(self) -> Calm:
        return self.world.calm

    def later(self, work: Callable[[], None]) -> None:
        self.world.left_behind.append(work)


class Portal(World):
    """Northwind with a licensed site and an open cycle; Contoso, which knows nothing of it."""

    def __init__(self) -> None:
        super().__init__()
        self.left_behind: list[Callable[[], None]] = []  # by requests, to be done after their answer
        open_portal(StillPortal(self))
        self.contoso = Account.objects.get(name=self.add_account("Contoso"))
        self.northwind = Account.objects.get(name="Northwind")
        self.people = {role: self.add_person(role, None) for role in VENDOR}
        self.people |= {role: self.add_person(role, self.northwind) for role in OWN}
        self.people["stranger"] = self.add_person("administrator", self.contoso, "stranger")
        self.purchase = self.buy("bot-creator", 10)
        self.buy("document-pages", 1000)
        self.north = self.site("north")
        self.guid = self.north_guid()

    def north_guid(self) -> str:
        return Guid.objects.get(label="north").id

    def add_person(self, role: str, account: Account | None, name: str = "") -> Person:
        email = f"{name or role}@example.com"
        return Person.objects.create(
            email=email, name=name or role, role=role, account=account, added_at=self.now, password=_hashed()
        )

    def as_(self, role: str, *, fresh: bool = True) -> Client:
        """A browser of somebody signed in, a moment ago (A5) or not; `nobody` is not."""
        client = Browser()
        if role != "nobody":
            client.force_login(self.people[role], "carnet.web_kit.sign_in.adapters.Backend")
            session = client.session
            if fresh:
                note_fresh(session, self.people[role].pk, self.now)
            session.save()
        return client

    def token_of(self, role: str) -> str:
        person = self.people[role]
        return api_tokens.make_token(self.calm, person=person, label="t", now=self.now, by=person.email).token

    def furnish(self) -> dict[str, Any]:
        """One of everything that has an address, by the name it has there."""
        self.license(self.north, products={"bot-creator": 3})
        backup = self.north.fork()
        request = self.accept(self.north.request(self.now))
        file = ok(self.issue(request.lfr, products={"bot-creator": 4}))
        second = self.answered_again()
        self.upload(backup.request(self.now))
        approval = Approval.objects.create(
            id=self.calm.random(16).hex(),
            account=self.northwind,
            industry="energy",
            reason="closed",
            version="40",
            state=Approval.State.REQUESTED,
            requested_at=self.now,
        )
        losses.report_lost(self.calm, guid=self.guid, reason="the ship sank", **self.act)
        refused = RefusedFile.objects.latest("pk")
        assert refused.room == self.north.id
        proposal = ok(proposals.propose_rotation(self.calm, reason="yearly", **self.act))
        token = api_tokens.make_token(
            self.calm, person=self.people["operator"], label="t", now=self.now, by="x@example.com"
        )
        return {
            "account": self.northwind.id,
            "guid": self.guid,
            "room": self.north.id,
            "purchase": self.purchase,
            "file": file.license_file,
            "lfr": second,
            "number": refused.pk,
            "approval": approval.id,
            "proposal": proposal.proposal,
            "person": self.people["viewer"].pk,
            "colleague": self.people["approver"].pk,
            "token": token.id,
            "version": 1,
            "imported": "0",
        }

    def answered_again(self) -> str:
        return LicenseFile.objects.latest("sequence").lfr_id

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)


_KEPT: list[str] = []


def _hashed() -> str:
    """Made once: the hash is slow on purpose."""
    if not _KEPT:
        _KEPT.append(make_password(PASSWORD))
    return _KEPT[0]


@pytest.fixture
def portal(db: None, settings: Any) -> Portal:
    settings.SECOND_FACTOR = "optional"
    settings.ALLOWED_HOSTS = ["testserver"]
    return Portal()
