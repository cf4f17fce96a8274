"""The portal's door (A1): one of CALM's people, signed in, at one moment."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from django_htmx.middleware import HtmxDetails

from carnet.calm import database
from carnet.calm.notices.waiting import by_mail, tell_waiting
from carnet.calm.people.access import Permission, is_vendor, may
from carnet.calm.people.models import Person, SentForm
from carnet.calm.people.recipients import Recipients
from carnet.calm.portal.portal import portal
from carnet.calm.queries.log_queries import log_size
from carnet.calm.use_cases.context import Calm
from carnet.errors import CarnetError
from carnet.web_kit import door
from carnet.web_kit.door import requires
from carnet.web_kit.page_seen import seen_by
from carnet.web_kit.places import with_prefix

log = logging.getLogger("calm")


class AuthorizedRequest(HttpRequest):
    """A request as our views see it: somebody signed in, at one moment."""

    person: Person
    calm: Calm
    now: datetime
    htmx: HtmxDetails
    who: dict[str, Any]  # what every use case is told: `now` and `by`


class Door(door.Door):
    permissions, sent_forms = Permission, SentForm

    @contextmanager
    def open(self, request: HttpRequest) -> Iterator[None]:
        request.now, request.calm = portal().now(), portal().calm()  # type: ignore[attr-defined]
        yield
        only_asks = request.method in ("GET", "HEAD") or request.headers.get("HX-Request") == "true"
        if not only_asks and hasattr(request, "person") and settings.EMAIL_HOST:
            portal().later(partial(_tell_waiting, request.build_absolute_uri(with_prefix("/")).rstrip("/")))

    def let_in(self, request: HttpRequest) -> bool:
        person = request.user
        if not isinstance(person, Person):
            return False
        request.person = person  # type: ignore[attr-defined]
        request.who = {"now": request.now, "by": person.email}  # type: ignore[attr-defined]
        _note_page(request)
        return True

    def may(self, request: HttpRequest, act: StrEnum) -> bool:
        return may(request.person.role, Permission(act))  # type: ignore[attr-defined]

    def owes_second_factor(self, request: HttpRequest) -> bool:
        return lacks_second_factor(request.person)  # type: ignore[attr-defined]

    def is_shut_by_itself(self, request: HttpRequest) -> bool:
        return request.resolver_match is not None and "api" in request.resolver_match.namespaces

    def fault_of(self, error: Exception) -> CarnetError | None:
        return super().fault_of(error) or database_fault(error)


def _note_page(request: HttpRequest) -> None:
    """N5: a page says how much of the log was there before it was made, and a form which page it was sent from."""
    if request.method == "GET":
        request.seen = log_size()  # type: ignore[attr-defined]
        return
    request.seen = SimpleLazyObject(log_size)  # type: ignore[attr-defined]
    request.calm = replace(request.calm, seen=seen_by(request))  # type: ignore[attr-defined]


def _tell_waiting(address: str) -> None:
    """After an act was answered: whoever is waited for now hears of it, without a timer between."""
    open_portal = portal()
    to: dict[str, Any] = {"mail": by_mail, "vendor": open_portal.name, "address": address}
    for one in tell_waiting(open_portal.calm(), Recipients(), now=open_portal.now(), by="CALM", **to):
        if one.why:
            log.error("a mail could not be sent, and is tried again: %s", one.why)


def database_fault(error: BaseException | None) -> CarnetError | None:
    """In words, where it is the database's; and a line in the log."""
    fault = database.fault(error) if isinstance(error, Exception) else None
    if fault:
        log.error("the database failed", exc_info=error)
    return fault


def lacks_second_factor(person: Person) -> bool:
    """Vendor staff sign in with two factors, wherever the settings ask for it."""
    return settings.SECOND_FACTOR != "optional" and is_vendor(person.role) and not door.has_second_factor(person)


def needs(request: AuthorizedRequest, act: Permission) -> bool:
    """Whether the person may also do that: for what a page shows or hides; the view behind it is shut by itself."""
    return may(request.person.role, act)


__all__ = ["AuthorizedRequest", "Door", "lacks_second_factor", "needs", "requires"]
