"""Deny unless permitted (A1): every view says what one must be allowed to do, and one that says nothing is shut."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.middleware import HtmxDetails

from carnet.calm.people.access import Permission, is_vendor, may
from carnet.calm.people.models import Person
from carnet.calm.portal.portal import portal
from carnet.calm.use_cases.context import Calm
from carnet.web_kit.sign_in.urls import ENROLLING, FOR_EVERYBODY, FOR_SIGNED_IN


class AuthorizedRequest(HttpRequest):
    """A request as our views see it: somebody signed in, at one moment."""

    person: Person
    calm: Calm
    now: datetime
    htmx: HtmxDetails
    who: dict[str, Any]  # what every use case is told: `now` and `by`


View = TypeVar("View", bound=Callable[..., HttpResponseBase])


def requires(act: Permission) -> Callable[[View], View]:
    """Says what one must be allowed to do to see a view."""

    def mark(view: View) -> View:
        view.required = act  # type: ignore[attr-defined]  # read by `Door`, through whatever wraps the view
        return view

    return mark


class Door:
    """Middleware: what the request is given, its size, and who may pass."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.MOST_UPLOADED:
            return HttpResponse(f"More than {settings.MOST_UPLOADED} bytes were sent. Nothing was read.", status=413)
        request.now, request.calm = portal().now(), portal().calm()  # type: ignore[attr-defined]
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object
    ) -> HttpResponseBase | None:
        name = request.resolver_match.view_name if request.resolver_match else ""
        if request.resolver_match and "api" in request.resolver_match.namespaces:
            return None  # shut by itself: `carnet.calm.rest` asks each operation for a token
        act = _needed(view, name)
        if act is None:
            return None
        person = request.user
        if not isinstance(person, Person):
            return redirect_to_login(request.get_full_path(), reverse("account_login"))
        request.person = person  # type: ignore[attr-defined]
        request.who = {"now": request.now, "by": person.email}  # type: ignore[attr-defined]
        if lacks_second_factor(person) and name not in ENROLLING:
            return redirect("mfa_activate_totp")
        if not may(person.role, act):
            raise PermissionDenied
        return None


def _needed(view: Callable[..., Any], name: str) -> Permission | None:
    act = getattr(view, "required", None)
    if isinstance(act, Permission):
        return act
    if name in FOR_EVERYBODY:
        return None
    if name in FOR_SIGNED_IN:
        return Permission.SIGNED_IN
    raise PermissionDenied


def lacks_second_factor(person: Person) -> bool:
    """Vendor staff sign in with two factors, wherever the settings ask for it."""
    if not (settings.NEEDS_SECOND_FACTOR and is_vendor(person.role)):
        return False
    from allauth.mfa.utils import is_mfa_enabled

    return not is_mfa_enabled(person)


def needs(request: AuthorizedRequest, act: Permission) -> bool:
    """Whether the person may also do that: for what a page shows or hides; the view behind it is shut by itself."""
    return may(request.person.role, act)


__all__ = ["AuthorizedRequest", "Door", "lacks_second_factor", "needs", "requires"]
