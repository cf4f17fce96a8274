"""Who calls, and whether they may: deny unless permitted (A1)."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer

from carnet.calm.issuing.context import Calm
from carnet.calm.people.access import May, may
from carnet.calm.people.api_tokens import whose
from carnet.calm.people.models import Person


class Call(HttpRequest):
    """A request as operations see it: somebody's, at one moment."""

    person: Person
    calm: Calm
    now: datetime
    who: dict[str, Any]  # what every use case is told: `now` and `by`


class NotPermittedError(Exception):
    """Somebody known asks for what their role does not open."""


class Opens(HttpBearer):
    def __init__(self, act: May | None) -> None:
        super().__init__()
        self._act = act

    def authenticate(self, request: HttpRequest, token: str) -> Person | None:
        now: datetime = request.now  # type: ignore[attr-defined]  # set by the door that all requests come through
        person = whose(token, now)
        if person is None:
            return None
        if self._act is None or not may(person.role, self._act):
            raise NotPermittedError
        request.person, request.who = person, {"now": now, "by": person.email}  # type: ignore[attr-defined]
        return person


SHUT = Opens(None)


def opens(act: May) -> Opens:
    return Opens(act)
