"""Who calls, and whether they may: deny unless permitted (A1)."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer

from carnet.calm.people.access import Permission, may
from carnet.calm.people.api_tokens import whose
from carnet.calm.people.models import Person
from carnet.calm.use_cases.context import Calm


class Call(HttpRequest):
    """A request as operations see it: somebody's, at one moment."""

    person: Person
    calm: Calm
    now: datetime
    who: dict[str, Any]  # what every use case is told: `now` and `by`


class NotPermittedError(Exception):
    """Somebody known asks for what their role does not open."""


class Requires(HttpBearer):
    def __init__(self, act: Permission | None) -> None:
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


SHUT = Requires(None)


def requires(act: Permission) -> Requires:
    return Requires(act)
