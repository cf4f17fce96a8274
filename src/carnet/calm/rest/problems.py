"""Refusals and faults as application/problem+json, with the code that every door uses (E13)."""

from http import HTTPStatus
from typing import Any

from django.db import Error
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError

from carnet.calm import database
from carnet.calm.rest.auth import NotPermittedError
from carnet.errors import CarnetError, StorageError, UsageError
from carnet.exchange.verdicts import Code, Refusal


class Problem(Schema):
    type: str  # urn:carnet:CODE
    title: str
    status: int
    detail: str
    code: str
    next: str
    evidence: list[str] = []


_UNREADABLE = {
    Code.MALFORMED,
    Code.WRONG_TYPE,
    Code.UNSUPPORTED_VERSION,
    Code.BAD_SIGNATURE,
    Code.UNKNOWN_SIGNER,
    Code.KEY_SET_TOO_OLD,
}
_STATUS = dict.fromkeys(_UNREADABLE, HTTPStatus.UNPROCESSABLE_ENTITY) | {
    Code.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.NO_APPROVAL: HTTPStatus.FORBIDDEN,
}


def refused(refusal: Refusal) -> HttpResponse:
    status = _STATUS.get(refusal.code, HTTPStatus.CONFLICT)
    return problem(status, refusal.code.value, refusal.message, refusal.next, refusal.evidence)


def problem(status: int, code: str, detail: str, next_step: str = "", evidence: tuple[str, ...] = ()) -> HttpResponse:
    fields = {
        "type": f"urn:carnet:{code}",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        "next": next_step,
        "evidence": list(evidence),
    }
    answer = JsonResponse(fields, status=status, content_type="application/problem+json")
    if status == HTTPStatus.UNAUTHORIZED:
        answer["WWW-Authenticate"] = "Bearer"
    return answer


def add_handlers(api: NinjaAPI) -> None:
    def unauthenticated(_request: HttpRequest, _error: Any) -> HttpResponse:
        return problem(401, "unauthenticated", "No API token in force is shown.", "Show one: Authorization: Bearer …")

    def not_permitted(_request: HttpRequest, _error: Any) -> HttpResponse:
        return problem(403, "not_permitted", "The role of this API token does not open this.")

    def not_found(_request: HttpRequest, _error: Any) -> HttpResponse:
        return problem(404, "not_found", "There is nothing at this address for this API token.")

    def invalid(_request: HttpRequest, error: Any) -> HttpResponse:
        return problem(422, "malformed", "; ".join(_words(one) for one in error.errors), "See /api/v1/openapi.json.")

    def unreadable(_request: HttpRequest, error: Any) -> HttpResponse:
        return problem(error.status_code, "malformed", "The body is not the JSON that it says.", "Send JSON in UTF-8.")

    def fault(_request: HttpRequest, error: Any) -> HttpResponse:
        if isinstance(error, UsageError):
            return problem(400, "bad_request", str(error), error.next_step)
        if isinstance(error, StorageError):
            return problem(503, error.code, str(error), error.next_step)
        return problem(503, "failed", str(error), error.next_step)

    def database_failed(request: HttpRequest, error: Any) -> HttpResponse:
        found = database.fault(error)
        if found is None:
            raise error  # a bug
        return fault(request, found)

    api.add_exception_handler(Error, database_failed)
    api.add_exception_handler(AuthenticationError, unauthenticated)
    api.add_exception_handler(NotPermittedError, not_permitted)
    api.add_exception_handler(Http404, not_found)
    api.add_exception_handler(ValidationError, invalid)
    api.add_exception_handler(HttpError, unreadable)
    api.add_exception_handler(CarnetError, fault)


def _words(error: dict[str, Any]) -> str:
    """What is wrong, and where; never the value itself."""
    where = ".".join(str(part) for part in error.get("loc", ())[1:])
    return f"{where}: {error.get('msg', '')}" if where else str(error.get("msg", ""))
