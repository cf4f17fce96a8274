"""The site's door (A1): somebody whom the ledger knows, signed in, at one moment of the site's trusted time (T1)."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from carnet.control_room.local_api.client import UnixClient
from carnet.control_room.pages.engine import engine
from carnet.control_room.pages.models import Login, SentForm
from carnet.control_room.queries import questions
from carnet.control_room.queries.status import Status
from carnet.control_room.rules.granting.people import FindPerson, Permission, PersonView, takes_two
from carnet.exchange.verdicts import Refusal
from carnet.web_kit import door
from carnet.web_kit.door import requires


class AuthorizedRequest(HttpRequest):
    """A request as our views see it: somebody signed in, at one moment of the site's trusted time (T1)."""

    person: PersonView
    client: UnixClient
    status: Status
    now: datetime
    htmx: HtmxDetails


class Door(door.Door):
    permissions, sent_forms = Permission, SentForm

    @contextmanager
    def open(self, request: HttpRequest) -> Iterator[None]:
        """Ask the engine where the site stands, and whether who is signed in is still known: one question a page."""
        with engine() as client:
            login: object = request.user
            who = [FindPerson(login.name)] if isinstance(login, Login) else []
            status, person = client.ask_all(questions.Status(), *who)
            request.client, request.status, request.now = client, status, status.clock.trusted  # type: ignore[attr-defined]
            request.asked_for = person[0] if person else None  # type: ignore[attr-defined]  # `person`, once let in
            yield

    def let_in(self, request: HttpRequest) -> bool:
        login: object = request.user
        if not isinstance(login, Login):
            return False
        person = request.asked_for  # type: ignore[attr-defined]
        if isinstance(person, Refusal):  # let go since: the ledger knows better than a cookie
            logout(request)
            return False
        request.person = person  # type: ignore[attr-defined]
        return True

    def may(self, request: HttpRequest, act: StrEnum) -> bool:
        return bool(request.person.may(act))  # type: ignore[attr-defined]

    def owes_second_factor(self, request: HttpRequest) -> bool:
        return needs_second_factor(request.person) and not door.has_second_factor(request.user)  # type: ignore[attr-defined]


def needs_second_factor(person: PersonView) -> bool:
    """A5: whoever may install licenses or audit; everybody or nobody, where the server's operator chose that."""
    return settings.SECOND_FACTOR == "required" or (settings.SECOND_FACTOR != "optional" and takes_two(person.role))


__all__ = ["AuthorizedRequest", "Door", "needs_second_factor", "requires"]
