"""Refusals and faults as application/problem+json, with the code that every door uses (E13)."""

from datetime import datetime
from typing import Any

import msgspec
from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from carnet.calm import database
from carnet.calm.rest.auth import NotPermittedError
from carnet.calm.use_cases.uploads import retry_after
from carnet.errors import CarnetError
from carnet.exchange.verdicts import Code, Refusal
from carnet.rest_kit.problems import CONTENT_TYPE, malformed, problem_of, refusal_of
from carnet.web_kit.files import to_try_later

_REFUSALS: dict[type[Exception], Refusal] = {
    AuthenticationError: Refusal(
        Code.UNAUTHENTICATED, "No API token in force is shown.", "Show one: Authorization: Bearer …"
    ),
    NotPermittedError: Refusal(
        Code.NOT_PERMITTED,
        "The role of this API token does not permit this.",
        "Use a token whose role does; an administrator makes one.",
    ),
    Http404: Refusal(
        Code.NOT_FOUND, "There is nothing at this address for this API token.", "See /api/v1/openapi.json."
    ),
    HttpError: malformed("The body is not the JSON that it says.", "Send JSON in UTF-8."),
}


def refused_now(refusal: Refusal, now: datetime) -> HttpResponse:
    """The same, with when to try again where the account sent too much today (N2)."""
    return to_try_later(refused(refusal), retry_after(refusal, now))


def refused(refusal: Refusal) -> HttpResponse:
    problem = problem_of(refusal)
    answer = HttpResponse(msgspec.json.encode(problem), status=problem.status, content_type=CONTENT_TYPE)
    if refusal.code is Code.UNAUTHENTICATED:
        answer["WWW-Authenticate"] = "Bearer"
    return answer


def add_handlers(api: NinjaAPI) -> None:
    """One answer for each kind of exception that reaches the interface. A bug is none of them, and is raised on."""

    def known(_request: HttpRequest, error: Any) -> HttpResponse:
        return refused(next(refusal for kind, refusal in _REFUSALS.items() if isinstance(error, kind)))

    def invalid(_request: HttpRequest, error: Any) -> HttpResponse:
        return refused(malformed("; ".join(_words(one) for one in error.errors), "See /api/v1/openapi.json."))

    def fault(_request: HttpRequest, error: Any) -> HttpResponse:
        return refused(refusal_of(error))

    def database_failed(_request: HttpRequest, error: Any) -> HttpResponse:
        found = database.fault(error)
        if found is None:
            raise error  # a bug
        return refused(refusal_of(found))

    for kind in _REFUSALS:
        api.add_exception_handler(kind, known)
    api.add_exception_handler(ValidationError, invalid)
    api.add_exception_handler(CarnetError, fault)
    api.add_exception_handler(Error, database_failed)


def _words(error: dict[str, Any]) -> str:
    """What is wrong, and where; never the value itself."""
    where = ".".join(str(part) for part in error.get("loc", ())[1:])
    return f"{where}: {error.get('msg', '')}" if where else str(error.get("msg", ""))
