"""Deny unless permitted (A1): every view says what one must be allowed to do, and one that says nothing is shut."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.middleware import HtmxDetails

from carnet.control_room.local_api.client import UnixClient
from carnet.control_room.pages.engine import engine
from carnet.control_room.pages.faults import fault_page_of
from carnet.control_room.pages.models import Login
from carnet.control_room.queries import questions
from carnet.control_room.queries.status import Status
from carnet.control_room.rules.granting.people import FindPerson, Permission, PersonView
from carnet.errors import CarnetError
from carnet.exchange.verdicts import Refusal
from carnet.web_kit.sign_in.urls import ENROLLING, FOR_EVERYBODY, FOR_SIGNED_IN


class AuthorizedRequest(HttpRequest):
    """A request as our views see it: somebody signed in, at one moment of the site's trusted time (T1)."""

    person: PersonView
    desk: UnixClient
    status: Status
    now: datetime
    htmx: HtmxDetails


View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def requires(act: Permission) -> Callable[[View], View]:
    """Says what one must be allowed to do to see a view."""

    def mark(view: View) -> View:
        view.required = act  # type: ignore[attr-defined]  # read by `Door`, through whatever wraps the view
        return view

    return mark


class Door:
    """Middleware: the engine and the site's time for each request, its size, and who may pass."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.MOST_UPLOADED:
            return HttpResponse(f"More than {settings.MOST_UPLOADED} bytes were sent. Nothing was read.", status=413)
        try:
            with engine() as desk:
                _begin(request, desk)
                return self._get_response(request)
        except CarnetError as error:
            return fault_page_of(request, error)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object
    ) -> HttpResponseBase | None:
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name in FOR_EVERYBODY:
            return None
        act = getattr(view, "required", None)
        if not isinstance(act, Permission) and name not in FOR_SIGNED_IN:
            raise PermissionDenied
        login: object = request.user
        if not isinstance(login, Login):
            return redirect_to_login(request.get_full_path(), reverse("account_login"))
        person = request.asked_for  # type: ignore[attr-defined]
        if isinstance(person, Refusal):  # let go since: the ledger knows better than a cookie
            logout(request)
            return redirect_to_login(request.get_full_path(), reverse("account_login"))
        request.person = person  # type: ignore[attr-defined]
        if lacks_second_factor(login) and name not in ENROLLING:
            return redirect("mfa_activate_totp")
        if isinstance(act, Permission) and not person.may(act):
            raise PermissionDenied
        return None


def _begin(request: HttpRequest, desk: UnixClient) -> None:
    """What each page asks of the engine: where the site stands, and whether who is signed in is still known."""
    login: object = request.user
    who = [FindPerson(login.name)] if isinstance(login, Login) else []
    status, person = desk.ask_all(questions.Status(), *who)
    request.desk, request.status, request.now = desk, status, status.clock.trusted  # type: ignore[attr-defined]
    request.asked_for = person[0] if person else None  # type: ignore[attr-defined]  # `request.person`, once let in


def lacks_second_factor(login: Login) -> bool:
    if not settings.NEEDS_SECOND_FACTOR:
        return False
    from allauth.mfa.utils import is_mfa_enabled

    return not is_mfa_enabled(login)


__all__ = ["AuthorizedRequest", "Door", "requires"]
